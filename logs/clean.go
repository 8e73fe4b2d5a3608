package logs

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi/parser"
)

// Clean makes one line of text from outside safe to show: no terminal control sequences, no control characters but tabs,
// no characters that reorder text, no invalid UTF-8. Of a line that was overwritten by carriage returns, as a progress
// bar does, the last writing stays.
func Clean(line string) string {
	if plain(line) {
		return line
	}
	line = strings.TrimRight(line, "\r\n")
	if last := strings.LastIndexByte(line, '\r'); last >= 0 {
		line = line[last+1:]
	}
	var clean strings.Builder
	state := parser.GroundState
	for _, r := range strings.ToValidUTF8(line, "\uFFFD") {
		if r <= unicode.MaxLatin1 && (r < 0x80 || unicode.IsControl(r)) {
			var action parser.Action
			state, action = parser.Table.Transition(state, byte(r))
			if action == parser.PrintAction || r == '\t' {
				clean.WriteRune(r)
			}
			continue
		}
		// Beyond ASCII nothing controls a terminal, but a control string may hold it.
		if state == parser.GroundState && !unicode.Is(unicode.Bidi_Control, r) {
			clean.WriteRune(r)
		}
	}
	return clean.String()
}

// plain tells the common case: printable ASCII and tabs alone.
func plain(line string) bool {
	for i := range len(line) {
		if c := line[i]; (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}
