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

// A session is asked for over the guest's socket: a length and a request, with the command's standard streams as
// file descriptors, as ssh hands its own to the control master. JSON objects follow in both directions.

// request asks for a session.
type request struct {
	Script string
	Term   string  // set: with a terminal of this type
	Size   winSize // of that terminal
}

// winSize is a terminal's size in characters.
type winSize struct {
	Rows, Cols uint16
}

// notice is what limactl says of its side while the session runs.
type notice struct {
	OutputClosed bool // nobody reads its stdout any more
	Size         *winSize
}

// reply is what the guest says of the session.
type reply struct {
	Exit    *int // nil: it has begun
	Crowded bool // there are more sessions than one connection takes
}

const (
	requestMax   = 1 << 20
	streamsCount = 3
)

// sendRequest asks for a session with these streams.
func sendRequest(conn *net.UnixConn, req request, streams [streamsCount]*os.File) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	fds := make([]int, len(streams))
	for i, f := range streams {
		fds[i] = int(f.Fd())
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	if _, _, err := conn.WriteMsgUnix(head, syscall.UnixRights(fds...), nil); err != nil {
		return err
	}
	_, err = conn.Write(body)
	return err
}

// receiveRequest is the guest's side of sendRequest.
func receiveRequest(conn *net.UnixConn) (req request, streams [streamsCount]*os.File, err error) {
	head := make([]byte, 4)
	oob := make([]byte, syscall.CmsgSpace(4*streamsCount))
	n, oobn, _, _, err := conn.ReadMsgUnix(head, oob)
	if err != nil {
		return req, streams, err
	}
	fds, err := parseRights(oob[:oobn])
	if err != nil {
		return req, streams, err
	}
	if n != len(head) || len(fds) != streamsCount {
		for _, fd := range fds {
			syscall.Close(fd)
		}
		return req, streams, errors.New("not a session request")
	}
	for i, fd := range fds {
		streams[i] = os.NewFile(uintptr(fd), fmt.Sprintf("stream %d", i))
	}
	size := binary.BigEndian.Uint32(head)
	if size > requestMax {
		return req, streams, fmt.Errorf("a request of %d bytes", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(conn, body); err != nil {
		return req, streams, err
	}
	return req, streams, json.Unmarshal(body, &req)
}

func parseRights(oob []byte) ([]int, error) {
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(err, errors.New("no streams with the request"))
	}
	return syscall.ParseUnixRights(&messages[0])
}
