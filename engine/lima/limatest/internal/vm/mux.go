package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"
	"sync"
)

// muxServer answers ssh.sock as the ssh master does that Lima keeps for each instance, as far as ssh -O check, forward and
// cancel ask: OpenSSH's PROTOCOL.mux, version 4. Sessions it refuses. Its forwards end with it.
type muxServer struct {
	listener net.Listener
	dial     func(port int) (net.Conn, error) // to the guest

	mu       sync.Mutex
	forwards map[muxForward]net.Listener
}

// muxForward is a port of this host and one of the guest.
type muxForward struct {
	host  string
	port  int
	guest int
}

// The messages of the protocol.
const (
	muxHello       = 0x00000001
	muxAliveCheck  = 0x10000004
	muxOpenForward = 0x10000006
	muxCloseFwd    = 0x10000007
	muxOK          = 0x80000001
	muxRefused     = 0x80000002
	muxFailure     = 0x80000003
	muxAlive       = 0x80000005

	muxVersion   = 4
	muxLocal     = 1 // the one kind of forward that is known here
	muxPacketMax = 64 << 10
)

func serveMux(path string, dial func(port int) (net.Conn, error)) (*muxServer, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	s := &muxServer{listener: l, dial: dial, forwards: map[muxForward]net.Listener{}}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				// A client that goes away or talks nonsense is no concern of the next one.
				_ = s.talk(conn)
			}()
		}
	}()
	return s, nil
}

// Close ends all forwards.
func (s *muxServer) Close() {
	s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.forwards {
		l.Close()
	}
}

func (s *muxServer) talk(conn net.Conn) error {
	if err := sendMux(conn, muxHello, muxVersion); err != nil {
		return err
	}
	for {
		packet, err := receiveMux(conn)
		if err != nil {
			return err
		}
		kind := packet.number()
		if kind == muxHello {
			continue
		}
		id := packet.number()
		switch kind {
		case muxAliveCheck:
			err = sendMux(conn, muxAlive, id, uint32(os.Getpid()))
		case muxOpenForward, muxCloseFwd:
			if refused := s.forward(kind, packet); refused != nil {
				err = sendMuxText(conn, muxFailure, id, refused.Error())
			} else {
				err = sendMux(conn, muxOK, id)
			}
		default:
			err = sendMuxText(conn, muxRefused, id, "the stand-in's master takes no sessions")
		}
		if err != nil {
			return err
		}
	}
}

// forward opens or closes one; to open one that is open is no error.
func (s *muxServer) forward(kind uint32, packet *muxPacket) error {
	if way := packet.number(); way != muxLocal {
		return fmt.Errorf("not implemented in the stand-in: forwards of kind %d", way)
	}
	wanted := muxForward{host: packet.text(), port: int(packet.number())}
	packet.text() // the guest's address, which is its loopback
	wanted.guest = int(packet.number())
	if packet.short {
		return errors.New("a packet that ends too early")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l, open := s.forwards[wanted]; open {
		if kind == muxCloseFwd {
			delete(s.forwards, wanted)
			return l.Close()
		}
		return nil
	}
	if kind == muxCloseFwd {
		return errors.New("port not forwarded")
	}
	l, err := net.Listen("tcp", net.JoinHostPort(wanted.host, strconv.Itoa(wanted.port)))
	if err != nil {
		return errors.New("Port forwarding failed") //nolint:staticcheck // ssh's own words
	}
	s.forwards[wanted] = l
	go relayPort(l, func() (net.Conn, error) { return s.dial(wanted.guest) })
	return nil
}

// relayPort takes connections and leads them on, until the listener is closed.
func relayPort(l net.Listener, dial func() (net.Conn, error)) {
	for {
		from, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer from.Close()
			to, err := dial()
			if err != nil {
				return
			}
			defer to.Close()
			join(from, to)
		}()
	}
}

// join passes on what comes from either side, until both have ended.
func join(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(b, a)
		closeWrite(b)
		close(done)
	}()
	_, _ = io.Copy(a, b)
	closeWrite(a)
	<-done
}

// closeWrite tells the other side that there is no more, where the connection can.
func closeWrite(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// muxPacket is a packet that is being read.
type muxPacket struct {
	rest  []byte
	short bool // more was asked for than there is
}

func receiveMux(r io.Reader) (*muxPacket, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size > muxPacketMax {
		return nil, fmt.Errorf("a packet of %d bytes", size)
	}
	p := &muxPacket{rest: make([]byte, size)}
	_, err := io.ReadFull(r, p.rest)
	return p, err
}

func (p *muxPacket) number() uint32 {
	if len(p.rest) < 4 {
		p.short = true
		return 0
	}
	n := binary.BigEndian.Uint32(p.rest)
	p.rest = p.rest[4:]
	return n
}

func (p *muxPacket) text() string {
	size := int(p.number())
	if size > len(p.rest) {
		p.short = true
		return ""
	}
	text := string(p.rest[:size])
	p.rest = p.rest[size:]
	return text
}

func sendMux(w io.Writer, numbers ...uint32) error { return writeMux(w, muxBody(numbers)) }

func sendMuxText(w io.Writer, kind, id uint32, text string) error {
	return writeMux(w, append(muxBody([]uint32{kind, id, uint32(len(text))}), text...))
}

func muxBody(numbers []uint32) (body []byte) {
	for _, n := range numbers {
		body = binary.BigEndian.AppendUint32(body, n)
	}
	return body
}

func writeMux(w io.Writer, body []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}
