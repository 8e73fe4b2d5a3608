package vm

import (
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Cut breaks a session's connection in the midst of the command's output: after a number of bytes, or after a text
// has passed. Empty cuts nothing.
type Cut string

// errCut is what a writer returns that has cut the connection.
var errCut = errors.New("connection cut")

func (c Cut) writer(to io.Writer) io.Writer {
	if c == "" {
		return to
	}
	w := &cutWriter{to: to, marker: []byte(c), left: -1}
	if n, err := strconv.Atoi(string(c)); err == nil {
		w.left = n
	}
	return w
}

type cutWriter struct {
	to     io.Writer
	marker []byte
	left   int // bytes to pass; negative: until the marker
	tail   []byte
}

func (w *cutWriter) Write(p []byte) (int, error) {
	keep, cut := len(p), false
	if w.left >= 0 {
		keep, cut = min(w.left, len(p)), w.left <= len(p)
		w.left -= keep
	} else {
		seen := append(w.tail, p...)
		if i := bytes.Index(seen, w.marker); i >= 0 {
			keep, cut = i+len(w.marker)-len(w.tail), true
		}
		w.tail = bytes.Clone(seen[max(0, len(seen)-len(w.marker)+1):])
	}
	n, err := w.to.Write(p[:keep])
	if err == nil && cut {
		err = errCut
	}
	return n, err
}
