package steps

import (
	"bytes"
	"sync"
)

// lastWords is the line by which the step that printed last says what went wrong. Its methods are safe for use by several
// goroutines.
type lastWords struct {
	mu   sync.Mutex
	step int
	line []byte
}

// hear is told lines that a step prints. Neither what is indented nor a title says by itself what went wrong: dnf5, for one,
// ends with indented advice.
func (w *lastWords) hear(step int, lines []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if step != w.step {
		w.step, w.line = step, w.line[:0]
	}
	for len(lines) > 0 {
		begin := bytes.LastIndexByte(lines[:len(lines)-1], '\n') + 1
		line := bytes.TrimRight(lines[begin:], "\r\n\t ")
		if len(line) > 0 && line[0] != ' ' && line[0] != '\t' && line[len(line)-1] != ':' {
			w.line = append(w.line[:0], line[:min(len(line), maxWords)]...)
			return
		}
		lines = lines[:begin]
	}
}

const maxWords = 1 << 10 // bytes

// of gives a step's last words, or nothing.
func (w *lastWords) of(step int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if step != w.step {
		return ""
	}
	return string(w.line)
}
