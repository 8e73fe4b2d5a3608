package vm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// A session is asked for over the guest's socket: a length and a request, with the command's streams as file
// descriptors, as ssh hands its own to the control master. JSON objects follow in both directions.

// streams are what a session runs on.
type streams struct {
	stdin  *os.File
	feed   *os.File // the other end of stdin, a pipe: the guest holds it too, so as to say when the input ends
	stdout *os.File
	stderr *os.File
}

const streamsCount = 4

func (s streams) files() []*os.File { return []*os.File{s.stdin, s.feed, s.stdout, s.stderr} }

// request asks for a session.
type request struct {
	Script []byte  // may be no UTF-8
	Term   string  // set: with a terminal of this type
	Size   winSize // of that terminal
}

// winSize is a terminal's size in characters.
type winSize struct {
	Rows, Cols uint16
}

// notice is what limactl says of its side while the session runs.
type notice struct {
	InputEnded   bool // there is no more to read
	OutputClosed bool // nobody reads its stdout any more
	Size         *winSize
}

// reply is what the guest says of the session.
type reply struct {
	Exit    *int // nil: it has begun
	Crowded bool // there are more sessions than one connection takes
}

const requestMax = 1 << 20

// sendRequest asks for a session with these streams.
func sendRequest(conn *net.UnixConn, req request, s streams) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	var fds []int
	for _, f := range s.files() {
		fds = append(fds, int(f.Fd()))
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	if _, _, err := conn.WriteMsgUnix(head, syscall.UnixRights(fds...), nil); err != nil {
		return err
	}
	_, err = conn.Write(body)
	return err
}

// receiveRequest is the guest's side of sendRequest.
func receiveRequest(conn *net.UnixConn) (req request, s streams, err error) {
	head := make([]byte, 4)
	oob := make([]byte, syscall.CmsgSpace(4*streamsCount))
	n, oobn, _, _, err := conn.ReadMsgUnix(head, oob)
	if err != nil {
		return req, s, err
	}
	fds, err := parseRights(oob[:oobn])
	if err != nil {
		return req, s, err
	}
	if n != len(head) || len(fds) != streamsCount {
		for _, fd := range fds {
			syscall.Close(fd)
		}
		return req, s, errors.New("not a session request")
	}
	for i, f := range []**os.File{&s.stdin, &s.feed, &s.stdout, &s.stderr} {
		*f = os.NewFile(uintptr(fds[i]), fmt.Sprintf("stream %d", i))
	}
	size := binary.BigEndian.Uint32(head)
	if size > requestMax {
		return req, s, fmt.Errorf("a request of %d bytes", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(conn, body); err != nil {
		return req, s, err
	}
	return req, s, json.Unmarshal(body, &req)
}

func parseRights(oob []byte) ([]int, error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(err, errors.New("no streams with the request"))
	}
	return syscall.ParseUnixRights(&messages[0])
}
