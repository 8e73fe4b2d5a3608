package lima

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// maxNote is the length of the longest word behind a nonce that can be one of ours.
const maxNote = len("hello")

// trailer passes stderr on, byte for byte, and takes out `NONCE hello` and `NONCE STATUS` lines wherever they stand. Before
// hello only limactl and ssh write, by the line. It goes on where what it passes can't be written: the status is wanted all
// the same.
type trailer struct {
	w      io.Writer
	nonce  []byte
	held   []byte // might be the beginning of a line of ours
	line   []byte // has no end yet, before hello
	hello  chan struct{}
	done   chan struct{} // closed once the status is known
	unread chan struct{} // closed once nobody reads what is passed on
	result int
	passed atomic.Bool
	flow   flow
}

func newTrailer(w io.Writer, nonce string) *trailer {
	return &trailer{w: w, nonce: []byte(nonce + " "), hello: make(chan struct{}), done: make(chan struct{}), unread: make(chan struct{})}
}

func (t *trailer) Write(p []byte) (int, error) {
	data := append(t.held, p...)
	t.held = nil
	for {
		start := bytes.Index(data, t.nonce)
		if start < 0 {
			keep := overlap(data, t.nonce)
			t.pass(data[:len(data)-keep])
			t.held = bytes.Clone(data[len(data)-keep:])
			return len(p), nil
		}
		t.pass(data[:start])
		word, rest, whole := bytes.Cut(data[start+len(t.nonce):], []byte("\n"))
		switch {
		case len(word) > maxNote:
			t.pass(t.nonce)
			data = data[start+len(t.nonce):]
		case whole:
			t.note(string(word))
			data = rest
		default:
			t.held = bytes.Clone(data[start:])
			return len(p), nil
		}
	}
}

func (t *trailer) note(word string) {
	status, err := strconv.Atoi(word)
	switch {
	case word == "hello" && !closed(t.hello):
		t.writeLine()
		close(t.hello)
	case err == nil && !closed(t.done):
		t.result = status
		close(t.done)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func (t *trailer) pass(p []byte) {
	if closed(t.hello) {
		t.write(p)
		return
	}
	t.line = append(t.line, p...)
	for {
		line, rest, whole := bytes.Cut(t.line, []byte("\n"))
		if !whole && len(line) < maxLine {
			return
		}
		if len(line) >= maxLine || !isCrowding(line) { // a long line is passed, in whatever pieces it came
			t.write(t.line[:len(t.line)-len(rest)])
		}
		t.line = rest
	}
}

// isCrowding tells whether ssh says in a line that the connection has as many sessions as sshd lets share it, and that it opens
// one of its own instead: see mux_client_request_session in OpenSSH's mux.c.
func isCrowding(line []byte) bool {
	return bytes.HasPrefix(line, []byte("mux_client_request_session: session request failed: Session open refused")) ||
		bytes.HasPrefix(line, []byte("ControlSocket ")) && bytes.Contains(line, []byte(" already exists, disabling multiplexing"))
}

func (t *trailer) write(p []byte) {
	if len(p) == 0 {
		return
	}
	t.passed.Store(true)
	t.flow.pass(func() {
		if _, err := t.w.Write(p); errors.Is(err, syscall.EPIPE) && !closed(t.unread) {
			close(t.unread)
		}
	})
}

// await waits, once limactl has ended, until all is passed on that it said, and the status is known. What it said last may still
// be in the pipe, which ssh's master may hold open.
func (t *trailer) await(ctx context.Context, read <-chan struct{}) {
	patience := time.NewTicker(fenceWithin)
	defer patience.Stop()
	t.flow.moves() // from now on
	for {
		select {
		case <-read:
			return
		case <-t.done:
			return
		case <-ctx.Done():
			return
		case <-patience.C:
			if !t.flow.moves() {
				return
			}
		}
	}
}

func (t *trailer) flush() {
	t.pass(t.held)
	t.held = nil
	t.writeLine()
}

func (t *trailer) writeLine() {
	t.write(t.line)
	t.line = nil
}

func (t *trailer) status() (int, bool) { return t.result, closed(t.done) }

func (t *trailer) wrote() bool { return t.passed.Load() }

// overlap is the length of the longest end of data that is a beginning of word.
func overlap(data, word []byte) int {
	for n := min(len(data), len(word)-1); n > 0; n-- {
		if bytes.HasPrefix(word, data[len(data)-n:]) {
			return n
		}
	}
	return 0
}
