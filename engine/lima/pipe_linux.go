package lima

import (
	"errors"
	"math"
	"os"

	"golang.org/x/sys/unix"
)

// widen lets a pipe hold more, so that who writes and who reads take turns less often. It need not succeed.
func widen(pipe *os.File) {
	const most = 1 << 20 // bytes that anybody may ask for: /proc/sys/fs/pipe-max-size
	if raw, err := pipe.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, most) })
	}
}

// awaitReaderGone closes gone once nobody can read what is written to a pipe any more.
func awaitReaderGone(out *os.File, gone chan<- struct{}) {
	watched := []unix.PollFd{{Fd: int32(out.Fd())}}
	for {
		_, err := unix.Poll(watched, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err == nil && watched[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0:
			close(gone)
			return
		default:
			return
		}
	}
}

// closeOnExec has all files from a descriptor on closed in other programs, in one call. A Linux before 5.11 can't.
func closeOnExec(first uint) bool {
	return unix.CloseRange(first, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil
}
