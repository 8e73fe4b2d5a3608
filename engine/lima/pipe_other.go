//go:build !linux

package lima

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// widen does nothing where a pipe grows by itself.
func widen(*os.File) {}

// awaitReaderGone closes gone once nobody can read what is written to a pipe any more. A poll for no events, as on Linux, would
// never end here.
func awaitReaderGone(out *os.File, gone chan<- struct{}) {
	queue, err := unix.Kqueue()
	if err != nil {
		return
	}
	defer unix.Close(queue)
	watch := make([]unix.Kevent_t, 1)
	unix.SetKevent(&watch[0], int(out.Fd()), unix.EVFILT_WRITE, unix.EV_ADD|unix.EV_CLEAR) // which tells each change once
	changed := make([]unix.Kevent_t, 1)
	for {
		_, err := unix.Kevent(queue, watch, changed, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || changed[0].Flags&unix.EV_ERROR != 0:
			return
		case changed[0].Flags&unix.EV_EOF != 0:
			close(gone)
			return
		default:
			watch = nil
		}
	}
}

// closeOnExec can't have all files closed in one call here.
func closeOnExec(uint) bool { return false }
