package logs

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi/parser"
)

// Clean makes one line of text from outside safe to show: no terminal control sequences, no control characters but tabs,
// no characters that reorder text, no invalid UTF-8. Of a line that was overwritten by carriage returns, as a progress
// bar does, the last writing stays.
func Clean(line string) string {
	if plain(line) {
		return line
	}
	line = strings.TrimRight(strip(strings.ToValidUTF8(line, "\uFFFD")), "\r") // behind which a control sequence stood
	return line[strings.LastIndexByte(line, '\r')+1:]
}

// strip is Clean for a line in which a secret is still to be found: invalid UTF-8 stays, since halves of letters may find their
// other half, and so do carriage returns, with what was overwritten. What becomes of it must be cleaned once more.
func strip(line string) string {
	if plain(line) {
		return line
	}
	line = strings.TrimRight(line, "\r\n")
	var clean strings.Builder
	clean.Grow(len(line))
	state := parser.GroundState
	for {
		if state == parser.GroundState {
			shown := printable(line)
			clean.WriteString(line[:shown])
			line = line[shown:]
		}
		if line == "" {
			return clean.String()
		}
		r, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		// Beyond ASCII nothing else controls a terminal, but a control string may hold it.
		if r < utf8.RuneSelf || unicode.IsControl(r) {
			state, _ = parser.Table.Transition(state, byte(r))
		}
		if r == '\t' || r == '\r' {
			clean.WriteByte(byte(r))
		}
	}
}

// printable is how many bytes a line begins with that outside of a control sequence stand for themselves.
func printable(line string) int {
	at := 0
	for at < len(line) {
		if char := line[at]; char < utf8.RuneSelf {
			if !plainByte(char) && char != '\r' {
				return at
			}
			at++
			continue
		}
		r, size := utf8.DecodeRuneInString(line[at:])
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return at
		}
		at += size
	}
	return at
}

// CleanLines is Clean for lines that all have their ends.
func CleanLines(lines string) string { return eachLine(lines, Clean) }

// stripLines is strip for lines that all have their ends.
func stripLines(lines string) string { return eachLine(lines, strip) }

func eachLine(lines string, clean func(string) string) string {
	if plainLines([]byte(lines)) {
		return lines
	}
	var cleaned strings.Builder
	cleaned.Grow(len(lines))
	for line := range strings.Lines(lines) {
		cleaned.WriteString(clean(strings.TrimSuffix(line, "\n")))
		cleaned.WriteByte('\n')
	}
	return cleaned.String()
}

// plainLines tells the common case of lines. It looks at four times eight bytes at once, since a guest may print gigabytes.
func plainLines(lines []byte) bool {
	const step = 4 * 8
	for ; len(lines) >= step; lines = lines[step:] {
		a, b := binary.LittleEndian.Uint64(lines), binary.LittleEndian.Uint64(lines[8:])
		c, d := binary.LittleEndian.Uint64(lines[16:]), binary.LittleEndian.Uint64(lines[24:])
		if odd(a)|odd(b)|odd(c)|odd(d) == 0 {
			continue
		}
		if odd(joined(a))|odd(joined(b))|odd(joined(c))|odd(joined(d)) != 0 && !plainEnds(lines[:step]) {
			return false
		}
	}
	return plainEnds(lines)
}

const eachByte = 0x0101010101010101

// odd is not 0 where a byte of a word is no printable ASCII: its high bit is set, or gets so below a space by the borrow, or at
// DEL by the carry.
func odd(word uint64) uint64 {
	return (word | (word - ' '*eachByte) | (word + eachByte)) & (0x80 * eachByte)
}

// joined is a word with spaces for its line ends.
func joined(word uint64) uint64 {
	const low = 0x7f * eachByte
	other := word ^ '\n'*eachByte // a line end is 0, and alone adds no high bit
	return word ^ ^((other&low+low)|other|low)>>7*('\n'^' ')
}

// plainEnds is plain where line ends are, too.
func plainEnds(text []byte) bool {
	for _, char := range text {
		if !plainByte(char) && char != '\n' {
			return false
		}
	}
	return true
}

// plain tells the common case: printable ASCII and tabs alone.
func plain(line string) bool {
	for i := range len(line) {
		if !plainByte(line[i]) {
			return false
		}
	}
	return true
}

func plainByte(c byte) bool { return c >= ' ' && c < 0x7f || c == '\t' }
