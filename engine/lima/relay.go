package lima

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/term"
)

// Unwritten is the error of output that can't be written where it should go.
type Unwritten struct{ Err error }

func (u *Unwritten) Error() string { return fmt.Sprintf("write standard output: %v", u.Err) }

// Unwrap gives the reason.
func (u *Unwritten) Unwrap() error { return u.Err }

// relay passes a command's standard output on where that can run full: ssh would throw away what it can't write, and say
// nothing.
type relay struct {
	out        *os.File
	from, into *os.File      // the pipe's ends: ours, and the command's; nil, and out, where it writes for itself
	done       chan struct{} // closed once all is written
	lost       chan struct{} // closed once something can't be written
	why        *Unwritten
}

func newRelay(out *os.File) (*relay, error) {
	r := &relay{out: out, into: out, done: make(chan struct{}), lost: make(chan struct{})}
	if !canRunFull(out) {
		close(r.done)
		return r, nil
	}
	var err error
	if r.from, r.into, err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("read the command's output: %w", err)
	}
	widen(r.from)
	return r, nil
}

// canRunFull tells files, and devices such as /dev/full, from pipes, sockets and terminals.
func canRunFull(out *os.File) bool {
	info, err := out.Stat()
	return err == nil && (info.Mode().IsRegular() || info.Mode()&fs.ModeDevice != 0 && !term.IsTerminal(int(out.Fd())))
}

// begin passes on all that comes. The command has its end of the pipe by now, or did not start.
func (r *relay) begin() {
	if r.from == nil {
		return
	}
	_ = r.into.Close()
	go func() {
		defer r.from.Close()
		// Without the files' own ways to copy, whose buffers are small.
		_, err := io.CopyBuffer(struct{ io.Writer }{r.out}, struct{ io.Reader }{r.from}, make([]byte, blockSize))
		if err == nil {
			close(r.done)
			return
		}
		var path *fs.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		r.why = &Unwritten{err}
		close(r.lost)
	}()
}
