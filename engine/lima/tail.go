package lima

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

const (
	tailLines = 20
	maxLine   = 8 << 10 // bytes of a line that are kept; the rest is dropped
)

// tail passes lines on to a log and remembers the last ones.
type tail struct {
	log     io.Writer
	partial []byte
	lines   []string
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	for {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		if room := maxLine - len(t.partial); room > 0 {
			t.partial = append(t.partial, line[:min(len(line), room)]...)
		}
		if !found {
			return n, nil
		}
		t.flush()
		p = rest
	}
}

// flush ends a line that has no end.
func (t *tail) flush() {
	if len(t.partial) > 0 {
		t.add(string(t.partial))
		t.partial = t.partial[:0]
	}
}

func (t *tail) add(line string) {
	_, _ = io.WriteString(t.log, line+"\n")
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
}

// see remembers the last of many lines, and logs none.
func (t *tail) see(lines []byte) {
	begin := len(lines)
	for n := 0; n < tailLines && begin > 0; n++ {
		begin = bytes.LastIndexByte(lines[:begin-1], '\n') + 1
	}
	for line := range strings.Lines(string(lines[begin:])) {
		t.lines = append(t.lines, strings.TrimSuffix(line, "\n"))
	}
	t.lines = t.lines[max(len(t.lines)-tailLines, 0):]
}

// fatalMessage reads the message of a log record of level fatal, such as limactl ends with where stderr is no terminal.
func fatalMessage(line string) (string, bool) {
	_, rest, found := strings.Cut(line, "level=fatal msg=")
	if !found {
		return "", false
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		word, _, _ := strings.Cut(rest, " ")
		return word, true
	}
	message, err := strconv.Unquote(quoted)
	return oneLine(message), err == nil
}
