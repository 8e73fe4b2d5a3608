package lima

import (
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
