package steps

import (
	"strings"
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
func (w *lastWords) hear(step int, lines string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if step != w.step {
		w.step, w.line = step, w.line[:0]
	}
	for lines != "" {
		begin := strings.LastIndexByte(lines[:len(lines)-1], '\n') + 1
		line := strings.TrimRight(lines[begin:], "\r\n\t ")
		if line != "" && line[0] != ' ' && line[0] != '\t' && !strings.HasSuffix(line, ":") {
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
