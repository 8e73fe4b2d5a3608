package vm

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// peer is the limactl at the other end of a session.
type peer struct {
	conn    syscall.RawConn
	closed  chan struct{} // closes when nobody reads its stdout
	resized chan winSize
}

func newPeer(conn *net.UnixConn) (*peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	p := &peer{conn: raw, closed: make(chan struct{}), resized: make(chan winSize, 1)}
	go p.listen(conn)
	return p, nil
}

func (p *peer) listen(conn *net.UnixConn) {
	defer close(p.resized)
	open := true
	for d := json.NewDecoder(conn); ; {
		var n notice
		if d.Decode(&n) != nil {
			return
		}
		if n.OutputClosed && open {
			close(p.closed)
			open = false
		}
		if n.Size != nil {
			p.resized <- *n.Size
		}
	}
}

// gone says whether limactl ended, or its connection broke. It asks the kernel, since a process that dies closes this
// connection before the command's input: what the command says because its input ended must not get through.
func (p *peer) gone() bool {
	hungUp := true
	err := p.conn.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(fds, 0)
		hungUp = err == nil && n > 0
	})
	return err != nil || hungUp
}

// outputClosed says whether limactl has told that nobody reads its stdout.
func (p *peer) outputClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

const relayBuffer = 256 << 10

// relay copies a command's output to limactl. When limactl is gone the rest is read and dropped; when only its reader
// is, relay returns, and the command gets a broken pipe.
func relay(to io.Writer, from *os.File, p *peer) {
	buf := make([]byte, relayBuffer)
	lost := false
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if lost = lost || p.gone(); !lost {
			_, err := to.Write(buf[:n])
			lost = err != nil
		}
		if lost && p.outputClosed() {
			return
		}
	}
}
