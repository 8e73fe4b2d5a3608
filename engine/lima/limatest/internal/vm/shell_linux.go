package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// Session is a command to run in a guest, and the streams to run it on.
type Session struct {
	Dir    string // the instance's
	Script string
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File
	Cut    Cut
}

// argMax is the longest argument that the kernel takes: the whole script is one argument of ssh.
const argMax = 128 << 10

// Shell runs a session in an instance's guest and returns its exit code: 255 where the command was killed or the
// connection broke.
func Shell(s Session) (int, error) {
	if len(s.Script) >= argMax {
		return 0, errors.New("fork/exec /usr/bin/ssh: argument list too long")
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket(s.Dir), Net: "unix"})
	if err != nil {
		return s.refused("ssh: connect to host 127.0.0.1 port 22: Connection refused")
	}
	defer conn.Close()
	// The master that ssh talks to outlives a reader that goes away, and so does this.
	signal.Ignore(syscall.SIGPIPE)
	if s.onTerminal() {
		return s.runOnTerminal(conn)
	}
	return s.run(conn, request{Script: []byte(s.Script)})
}

// refused says what ssh says of a guest that does not answer.
func (s Session) refused(msg string) (int, error) {
	fmt.Fprintln(s.Stderr, msg)
	return lostCode, nil
}

// run asks for the session, passes its streams on and returns its exit code. The command's own streams are pipes, which
// break with this process.
func (s Session) run(conn *net.UnixConn, req request) (int, error) {
	inR, inW, err := blockingPipe()
	if err != nil {
		return 0, err
	}
	outR, outW, err := blockingPipe()
	if err != nil {
		return 0, err
	}
	err = sendRequest(conn, req, streams{stdin: inR, feed: inW, stdout: outW, stderr: s.Stderr})
	closeAll(inR, outW)
	if err != nil {
		return s.refused(resetMessage)
	}
	go func() {
		// A command that reads no more is its own business, and a guest that is gone needs no notice.
		_, _ = copyBuffer(inW, s.Stdin)
		inW.Close()
		_ = json.NewEncoder(conn).Encode(notice{InputEnded: true})
	}()
	output := make(chan error, 1)
	go func() {
		defer outR.Close()
		output <- s.copyOutput(conn, outR)
	}()
	return s.wait(conn, output)
}

const resetMessage = "kex_exchange_identification: read: Connection reset by peer"

// copyOutput passes the command's output on, and tells the guest when nobody wants it any more.
func (s Session) copyOutput(conn *net.UnixConn, from *os.File) error {
	_, err := copyBuffer(s.Cut.writer(s.Stdout), from)
	if err != nil && !errors.Is(err, errCut) {
		return json.NewEncoder(conn).Encode(notice{OutputClosed: true})
	}
	return err
}

// wait returns the command's exit code, once its output has been passed on.
func (s Session) wait(conn *net.UnixConn, output <-chan error) (int, error) {
	type answer struct {
		reply reply
		err   error
	}
	answers := make(chan answer, 2)
	go func() {
		d := json.NewDecoder(conn)
		for {
			var a answer
			a.err = d.Decode(&a.reply)
			answers <- a
			if a.err != nil || a.reply.Exit != nil {
				return
			}
		}
	}()
	begun := false
	for {
		select {
		case a := <-answers:
			switch {
			case a.err != nil && !begun:
				return s.refused(resetMessage)
			case a.err != nil:
				return lostCode, nil
			case a.reply.Exit == nil:
				begun = true
				if a.reply.Crowded {
					fmt.Fprintf(s.Stderr, crowdedMessage, s.Dir)
				}
			case output == nil:
				return *a.reply.Exit, nil
			default:
				if err := <-output; errors.Is(err, errCut) {
					return s.refused(cutMessage)
				}
				return *a.reply.Exit, nil
			}
		case err := <-output:
			if errors.Is(err, errCut) {
				return s.refused(cutMessage)
			}
			output = nil
		}
	}
}

// crowdedMessage is what ssh says before it opens a connection of its own.
const crowdedMessage = "mux_client_request_session: session request failed: Session open refused by peer\r\n" +
	"ControlSocket %s/ssh.sock already exists, disabling multiplexing\r\n"

const cutMessage = "client_loop: send disconnect: Broken pipe"

// copyBuffer is io.Copy with a large buffer and without its detours.
func copyBuffer(to io.Writer, from io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, relayBuffer))
}
