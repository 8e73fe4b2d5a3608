package knob

import (
	"os"

	"golang.org/x/sys/unix"
)

// lock takes the file's lock, which ends when it is closed.
func lock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX)
}
