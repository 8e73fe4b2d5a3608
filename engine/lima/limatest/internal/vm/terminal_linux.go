package vm

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// runOnTerminal runs the request's script on a terminal of the guest. When limactl goes away the terminal is hung up,
// as sshd's is.
func (s *server) runOnTerminal(req request, std streams, p *peer) (int, error) {
	ptm, pts, err := pty.Open()
	if err != nil {
		return 0, err
	}
	defer ptm.Close()
	defer pts.Close()
	if err := pty.Setsize(ptm, &pty.Winsize{Rows: req.Size.Rows, Cols: req.Size.Cols}); err != nil {
		return 0, err
	}
	if err := pts.Chown(s.spec.Account.UID, s.spec.Account.UID); err != nil {
		return 0, err
	}
	pid, status, err := s.children.start(s.spec.Shell, []string{"bash", "-c", string(req.Script)}, &syscall.ProcAttr{
		Dir:   s.spec.Home,
		Env:   append(s.environ(), "TERM="+req.Term, "SSH_TTY="+pts.Name()),
		Files: []uintptr{pts.Fd(), pts.Fd(), pts.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, Setctty: true, Credential: s.credential()},
	})
	if err != nil {
		return 0, err
	}
	pts.Close()
	go func() {
		// The end of its input is that of the terminal, of which the kernel tells the session's leader alone. To close this end
		// would wait for the read below.
		_, _ = io.Copy(ptm, std.stdin)
		_ = syscall.Kill(pid, syscall.SIGHUP)
	}()
	go func() {
		for size := range p.resized {
			// A terminal that is closed has no size any more.
			_ = pty.Setsize(ptm, &pty.Winsize{Rows: size.Rows, Cols: size.Cols})
		}
	}()
	var output sync.WaitGroup
	output.Go(func() {
		relay(std.stdout, ptm, p)
		std.stdout.Close()
	})
	code := exitCode(<-status)
	output.Wait()
	return code, nil
}

// onTerminal says whether the session gets a terminal: when limactl has one for both its input and its output.
func (s Session) onTerminal() bool {
	return term.IsTerminal(int(s.Stdin.Fd())) && term.IsTerminal(int(s.Stdout.Fd()))
}

// runOnTerminal runs the session with the caller's terminal in raw mode, and tells the guest of its size.
func (s Session) runOnTerminal(conn *net.UnixConn) (int, error) {
	size, err := s.size()
	if err != nil {
		return 0, err
	}
	before, err := term.MakeRaw(int(s.Stdin.Fd()))
	if err != nil {
		return 0, err
	}
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, syscall.SIGWINCH)
	go func() {
		for range resized {
			if size, err := s.size(); err == nil {
				// Nothing is lost with a guest that is gone.
				_ = json.NewEncoder(conn).Encode(notice{Size: &size})
			}
		}
	}()
	code, err := s.run(conn, request{Script: []byte(s.Script), Term: cmp.Or(os.Getenv("TERM"), "dumb"), Size: size})
	return code, errors.Join(err, term.Restore(int(s.Stdin.Fd()), before))
}

func (s Session) size() (winSize, error) {
	rows, cols, err := pty.Getsize(s.Stdout)
	return winSize{Rows: uint16(rows), Cols: uint16(cols)}, err
}
