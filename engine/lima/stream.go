package lima

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
)

const (
	stallWithin  = 2 * time.Minute  // for the guest to take or give some more
	settleWithin = 10 * time.Minute // for the guest to put in place what it has taken
)

// Program is what runs in the guest as one of its users, with bytes that go in or come out beside it.
//
// It finds a secret of this call in the variable stream_nonce, and says `NONCE begin` on stdout and stderr when it begins,
// and `NONCE STATUS` on stderr when it has ended: that tells what it says from what a login profile does, and its failure
// from ssh's. What comes after its text on stdin is what it is sent. When stdin ends too early, the host has gone, and it
// undoes what it did.
type Program struct {
	Instance string
	User     string
	Text     string
}

// UserError is a program that never ran, because the guest's sudo would not run it as its user.
type UserError struct{ Said string }

func (e *UserError) Error() string { return e.Said }

// GuestError is a program that says that it failed.
type GuestError struct {
	Status int
	Said   []string // the guest's: not to be trusted with a terminal
}

func (e *GuestError) Error() string {
	if len(e.Said) == 0 {
		return fmt.Sprintf("exit status %d in the guest", e.Status)
	}
	return strings.Join(e.Said, "\n")
}

// Send runs a program and gives it what write writes. It returns what the program said on stderr though it succeeded.
func (c *Client) Send(ctx context.Context, p Program, write func(io.Writer) error) (said []string, err error) {
	return c.stream(ctx, p, settleWithin, func(s *stream) error {
		err := write(streamWriter{s})
		_ = s.stdin.Close() // what was written is not lost by it; where it is too little, the program says so
		return err
	})
}

// Receive runs a program and lets read read what it writes. It returns what the program said on stderr though it succeeded.
func (c *Client) Receive(ctx context.Context, p Program, read func(io.Reader) error) (said []string, err error) {
	return c.stream(ctx, p, stallWithin, func(s *stream) error {
		err := read(streamReader{s})
		s.lost = s.lost || errors.Is(err, io.ErrUnexpectedEOF) // the program knows why it wrote too little
		return err
	})
}

// stream is a Session with a program that does not report steps.
type stream struct {
	*Session
	out     *bufio.Reader // stdout
	watch   *time.Timer   // ends all when the guest is silent for too long
	begun   bool
	lost    bool // the guest takes or gives no more, so that what fails then is a consequence
	said    []string
	verdict chan int // its one status, or closed without
}

func (c *Client) stream(ctx context.Context, p Program, patience time.Duration, carry func(*stream) error) ([]string, error) {
	session, err := c.connect(p.Instance, c.streamArgs(p.Instance, p.User))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &stream{Session: session, out: bufio.NewReaderSize(session.stdout, 256<<10), verdict: make(chan int, 1)}
	s.watch = time.AfterFunc(helloWithin, func() {
		cancel(unanswered(p.Instance, "the guest has been silent for too long"))
	})
	defer s.watch.Stop()
	// What blocks on a pipe of ours ends when the pipe is closed, and the guest ends with its stdin.
	defer context.AfterFunc(ctx, func() { _, _ = s.stdin.Close(), s.stdout.Close() })()

	var readers conc.WaitGroup
	readers.Go(s.listen)
	carried := s.begin(p.Text)
	if carried == nil {
		carried = carry(s)
	}
	readers.Go(func() { _, _ = io.Copy(io.Discard, s.out) }) // so that the guest can end
	s.watch.Reset(patience)
	status, known := 0, false
	if carried == nil || s.lost {
		status, known = s.await(ctx)
	}
	s.leave(known)
	s.closePipes()
	readers.Wait()
	switch {
	case known && status == 0 && carried == nil:
		return s.said, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case carried != nil && !s.lost:
		return nil, carried
	case known && status != 0:
		return nil, &GuestError{status, s.said}
	case known:
		return nil, carried
	}
	if said := slices.IndexFunc(s.said, func(line string) bool { return strings.HasPrefix(line, "sudo: ") }); said >= 0 && !s.begun {
		return nil, &UserError{s.said[said]}
	}
	return nil, fmt.Errorf("the connection to %s was lost: %w", p.Instance, s.disconnected(s.said))
}

// begin sends the program and waits for its first word.
func (s *stream) begin(text string) error {
	text = "stream_nonce=" + s.nonce + "\n" + text
	if _, err := io.WriteString(s.stdin, strconv.Itoa(len(text))+"\n"+text); err != nil {
		s.lost = true
		return err
	}
	for !s.begun {
		line, err := s.out.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			s.lost = true
			return err
		}
		s.begun = string(line) == s.nonce+" begin\n"
	}
	s.watch.Stop()
	return nil
}

// listen keeps what the program says on stderr, and hands on its verdict.
func (s *stream) listen() {
	defer close(s.verdict)
	readLines(s.stderr, func(line string, whole bool) {
		word, ours := strings.CutPrefix(line, s.nonce+" ")
		if !ours || !whole {
			if s.said = append(s.said, line); len(s.said) > tailLines {
				s.said = s.said[1:]
			}
			return
		}
		if status, err := strconv.Atoi(word); err == nil {
			select {
			case s.verdict <- status:
			default: // it had one already
			}
			return
		}
		s.said = nil // what a login profile says is nobody's concern
	})
}

// await waits for the verdict. It follows limactl's end closely, or not at all.
func (s *stream) await(ctx context.Context) (status int, known bool) {
	var tooLate <-chan time.Time
	ended := s.ended
	for {
		select {
		case status, known = <-s.verdict:
			return status, known
		case err := <-ended:
			s.ended <- err // for leave
			ended, tooLate = nil, time.After(fenceWithin)
		case <-tooLate:
			return 0, false
		case <-ctx.Done():
			return 0, false
		}
	}
}

// streamWriter and streamReader watch the guest, and not the host's side, which may take its time.
type streamWriter struct{ *stream }

func (s streamWriter) Write(p []byte) (int, error) {
	s.watch.Reset(stallWithin)
	defer s.watch.Stop()
	n, err := s.stdin.Write(p)
	s.lost = s.lost || err != nil
	return n, err
}

type streamReader struct{ *stream }

func (s streamReader) Read(p []byte) (int, error) {
	s.watch.Reset(stallWithin)
	defer s.watch.Stop()
	n, err := s.out.Read(p)
	s.lost = s.lost || err != nil
	return n, err
}
