package vm

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"sync/atomic"
)

// peer is the limactl at the other end of a session.
type peer struct {
	input   *os.File      // holds the command's input open
	gone    atomic.Bool   // limactl ended, or its connection broke
	closed  chan struct{} // closes when nobody reads limactl's stdout
	resized chan winSize
}

func newPeer(conn *net.UnixConn, input *os.File) *peer {
	p := &peer{input: input, closed: make(chan struct{}), resized: make(chan winSize, 1)}
	go p.listen(conn)
	return p
}

// listen hears what limactl says until it says no more. The command's input ends either because limactl says so, or
// after it is known to be gone: what a command says because it lost its input does not get through.
func (p *peer) listen(conn *net.UnixConn) {
	defer close(p.resized)
	defer p.input.Close()
	open := true
	for d := json.NewDecoder(conn); ; {
		var n notice
		if d.Decode(&n) != nil {
			p.gone.Store(true)
			return
		}
		if n.InputEnded {
			p.input.Close()
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
		if lost = lost || p.gone.Load(); !lost {
			_, err := to.Write(buf[:n])
			lost = err != nil
		}
		if lost && p.outputClosed() {
			return
		}
	}
}
