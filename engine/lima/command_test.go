package lima

import (
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// TestTrailer: however stderr is cut into pieces, what is ours is taken out and the rest is passed on.
func TestTrailer(t *testing.T) {
	const nonce = "NNAN"
	const crowded = "mux_client_request_session: session request failed: Session open refused by peer\r\n" +
		"ControlSocket /lima/dvm-app/ssh.sock already exists, disabling multiplexing\r\n"
	long := strings.Repeat("x", 100000)
	for _, c := range []struct {
		name, text, passed string
		status             int
		known, hello       bool
	}{
		{name: "nothing"},
		{name: "no trailer", text: "a\nb", passed: "a\nb"},
		{name: "whole", text: "NNAN hello\na\nNNAN 3\n", passed: "a\n", status: 3, known: true, hello: true},
		{name: "in a line", text: "aNNAN 255\nb", passed: "ab", status: 255, known: true},
		{name: "after its own beginning", text: "NNNAN 3\n", passed: "N", status: 3, known: true},
		{name: "begun again", text: "NNANNNAN 3\n", passed: "NNAN", status: 3, known: true},
		{name: "cut off", text: "NNAN 3", passed: "NNAN 3"},
		{name: "the first one counts", text: "NNAN 3\nNNAN 4\n", status: 3, known: true},
		{
			name:   "a crowded connection",
			text:   "level=warning\n" + crowded + "banNNAN hello\n" + crowded + "NNAN 3\n",
			passed: "level=warning\nban" + crowded, status: 3, known: true, hello: true,
		},
		{name: "like a crowded connection", text: "ControlSocket x is old\nmux_client: no\n" + long, passed: "ControlSocket x is old\nmux_client: no\n" + long},
		{name: "not ours", text: "NNAN " + long + "\nNNAN 0\n", passed: "NNAN " + long + "\n", known: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text)), iotest.HalfReader(strings.NewReader(c.text))} {
				var passed strings.Builder
				trailer := newTrailer(&passed, nonce)
				if _, err := io.Copy(trailer, r); err != nil {
					t.Fatal(err)
				}
				if len(trailer.held) > len(nonce)+1+maxNote {
					t.Errorf("it holds %d bytes back", len(trailer.held))
				}
				trailer.flush()
				status, known := trailer.status()
				if status != c.status || known != c.known || closed(trailer.hello) != c.hello {
					t.Errorf("status %d, known %t, hello %t", status, known, closed(trailer.hello))
				}
				if passed.String() != c.passed {
					t.Errorf("passed on: %.200q, want %.200q", passed.String(), c.passed)
				}
			}
		})
	}
}

// failing is a stderr that can't be written to.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestTrailerOutlivesItsReader(t *testing.T) {
	for _, c := range []struct {
		err    error
		unread bool
	}{{syscall.EPIPE, true}, {syscall.ENOSPC, false}} {
		trailer := newTrailer(failing{c.err}, "N")
		if _, err := io.Copy(trailer, strings.NewReader("text\nmore\nN 3\n")); err != nil {
			t.Errorf("%v: it stops with %v", c.err, err)
		}
		if status, known := trailer.status(); status != 3 || !known || closed(trailer.unread) != c.unread {
			t.Errorf("%v: status %d, known %t, unread %t", c.err, status, known, closed(trailer.unread))
		}
	}
}

// FuzzTrailer: whatever a command writes to stderr, in whatever pieces, it is passed on without our lines, and never held back
// without end.
func FuzzTrailer(f *testing.F) {
	f.Add("a\nN hello\nN 3\n", uint(1))
	f.Add("NN 3\nN x\n", uint(2))
	f.Fuzz(func(t *testing.T, text string, size uint) {
		whole, pieces := &strings.Builder{}, &strings.Builder{}
		atOnce, cut := newTrailer(whole, "N"), newTrailer(pieces, "N")
		_, _ = atOnce.Write([]byte(text))
		for piece := range slices.Chunk([]byte(text), int(size%1000)+1) {
			_, _ = cut.Write(piece)
			if len(cut.held) > len("N ")+maxNote || len(cut.line) > maxLine {
				t.Errorf("%q in pieces of %d: %d and %d bytes are held back", text, size, len(cut.held), len(cut.line))
			}
		}
		atOnce.flush()
		cut.flush()
		status, known := atOnce.status()
		if other, alsoKnown := cut.status(); whole.String() != pieces.String() || status != other || known != alsoKnown {
			t.Errorf("%q in pieces of %d: %q and %d, at once: %q and %d", text, size, pieces, other, whole, status)
		}
	})
}
