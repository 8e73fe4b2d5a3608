package vm

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/user"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// server is the guest's sshd: it runs commands as Lima's account, each in a session of its own that does not end
// with the limactl that asked for it.
type server struct {
	spec     Spec
	children *reaper
	groups   []uint32
	sessions atomic.Int64 // so far
	open     atomic.Int64 // now
}

// maxSessions is how many sessions sshd lets share a connection.
const maxSessions = 10

// lostCode is what ssh exits with when it has no exit code to pass on: a signal, or a lost connection.
const lostCode = 255

func newServer(spec Spec) (*server, error) {
	s := &server{spec: spec, children: newReaper()}
	u, err := user.LookupId(strconv.Itoa(spec.Account.UID))
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, err
		}
		s.groups = append(s.groups, uint32(n))
	}
	return s, nil
}

func (s *server) serve(l *net.UnixListener) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return
		}
		go s.session(conn)
	}
}

// session serves one connection. When it breaks, the command runs on: its stdin is at its end and its output goes
// nowhere.
func (s *server) session(conn *net.UnixConn) {
	defer conn.Close()
	req, std, err := receiveRequest(conn)
	defer closeAll(std.files()...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "session:", err)
		return
	}
	p := newPeer(conn, std.feed)
	replies := json.NewEncoder(conn)
	run := s.runPiped
	if req.Term != "" {
		run = s.runOnTerminal
	}
	// To write to a caller that is gone is no error: the command does not notice.
	_ = replies.Encode(reply{Crowded: s.open.Add(1) > maxSessions})
	defer s.open.Add(-1)
	code, err := run(req, std, p)
	if err != nil {
		fmt.Fprintln(os.Stderr, "session:", err)
		return
	}
	_ = replies.Encode(reply{Exit: &code})
}

// runPiped runs the request's script on pipes. It reads its stdin from limactl's pipe itself; its output is relayed,
// since that must not break with limactl. The session is over when the output is closed, as with ssh.
func (s *server) runPiped(req request, std streams, p *peer) (int, error) {
	var relays sync.WaitGroup
	ends := []*os.File{std.stdin}
	for _, to := range []*os.File{std.stdout, std.stderr} {
		r, w, err := blockingPipe()
		if err != nil {
			closeAll(ends...)
			return 0, err
		}
		ends = append(ends, w)
		relays.Go(func() {
			defer r.Close()
			defer to.Close()
			relay(to, r, p)
		})
	}
	_, status, err := s.children.start(s.spec.Shell, []string{"bash", "-c", string(req.Script)}, &syscall.ProcAttr{
		Dir:   s.spec.Home,
		Env:   s.environ(),
		Files: []uintptr{ends[0].Fd(), ends[1].Fd(), ends[2].Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, Credential: s.credential()},
	})
	closeAll(ends...)
	if err != nil {
		return 0, err
	}
	code := exitCode(<-status)
	relays.Wait()
	return code, nil
}

func (s *server) credential() *syscall.Credential {
	id := uint32(s.spec.Account.UID)
	return &syscall.Credential{Uid: id, Gid: id, Groups: s.groups}
}

// environ is what sshd and PAM give a session.
func (s *server) environ() []string {
	n := s.sessions.Add(1)
	a := s.spec.Account
	return []string{
		"USER=" + a.Name,
		"LOGNAME=" + a.Name,
		"HOME=" + s.spec.Home,
		"SHELL=" + s.spec.Shell,
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games",
		"LANG=C.UTF-8",
		"SSH_CLIENT=192.168.5.2 38652 22",
		"SSH_CONNECTION=192.168.5.2 38652 192.168.5.15 22",
		"XDG_SESSION_ID=" + strconv.FormatInt(n, 10),
		"XDG_SESSION_TYPE=tty",
		"XDG_SESSION_CLASS=user",
		"XDG_RUNTIME_DIR=/run/user/" + strconv.Itoa(a.UID),
	}
}

// exitCode is the code that ssh makes of a command's end.
func exitCode(status syscall.WaitStatus) int {
	if status.Exited() {
		return status.ExitStatus()
	}
	return lostCode
}

// blockingPipe makes a pipe whose ends suit a child: os.Pipe's do not block.
func blockingPipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	// A larger pipe is quicker, and a refusal does no harm.
	_, _ = unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, 1<<20)
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}
