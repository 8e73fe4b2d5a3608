package logs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	masked = "********"
	// A shorter secret is not looked for: hiding every "on" would hide what the logs are for.
	leastSecret = 4
	// A line of a secret with several lines is looked for by itself from this length on.
	leastLine = 8
	// maxGap is how many line breaks, tabs and backslashes in a row may interrupt a secret.
	maxGap = 8
)

// Mask hides secrets in text from outside. Line breaks, tabs and backslashes within a secret don't count, so that one is
// found also where it was wrapped or escaped, and one with several lines whatever became of its line breaks. One that was
// quoted for a shell or as JSON is found, one that was encoded otherwise is not.
//
// A nil Mask hides nothing.
type Mask struct {
	secrets []string  // without line breaks and tabs
	begins  [256]bool // a secret begins with this byte
}

// NewMask makes a mask for the values of secrets; those that are not Maskable it passes over.
func NewMask(values []string) *Mask {
	m := &Mask{}
	for _, value := range values {
		whole, lines := flatten(value)
		m.add(whole, leastSecret)
		_, escaped := flatten(strings.ReplaceAll(value, "\t", `\t`))
		m.add(strings.Join(escaped, `\n`), leastSecret)
		for _, line := range lines {
			m.add(line, leastLine)
		}
	}
	return m
}

// Maskable tells whether a secret is long enough to be hidden.
func Maskable(value string) bool {
	whole, _ := flatten(value)
	return len(whole) >= leastSecret
}

// flatten gives a secret and each of its lines in the form that the text they are looked for in has: without control
// characters, line breaks and tabs among them.
func flatten(value string) (whole string, lines []string) {
	drop := strings.NewReplacer("\t", "", "\r", "")
	for line := range strings.SplitSeq(value, "\n") {
		lines = append(lines, drop.Replace(strip(line)))
	}
	return strings.TrimSpace(strings.Join(lines, "")), lines
}

func (m *Mask) add(secret string, least int) {
	secret = strings.TrimSpace(secret)
	if len(secret) < least {
		return
	}
	for _, form := range forms(secret) {
		if !slices.Contains(m.secrets, form) {
			m.secrets = append(m.secrets, form)
			m.begins[form[0]] = true
			m.begins['\\'] = true // any letter may be written so
		}
	}
}

// forms are the ways in which programs print a secret. What backslashes add to it is no matter here.
func forms(secret string) []string {
	var octal strings.Builder // $'…' of a shell whose locale has no letters beyond ASCII
	for _, b := range []byte(secret) {
		if b < utf8.RuneSelf {
			octal.WriteByte(b)
		} else {
			fmt.Fprintf(&octal, `\%03o`, b)
		}
	}
	return []string{
		secret,
		strings.ReplaceAll(secret, "'", `'\''`),
		strings.ReplaceAll(secret, "'", `'"'"'`),
		octal.String(),
	}
}

// idle tells a mask that has nothing to hide.
func (m *Mask) idle() bool { return m == nil || len(m.secrets) == 0 }

// Text hides what is in one piece of text.
func (m *Mask) Text(text string) string {
	if m.idle() {
		return text
	}
	clear, _ := m.scan(text, true)
	return clear
}

// clean is Clean for text that may hold secrets.
func (m *Mask) clean(text string) string { return Clean(m.Text(strip(text))) }

// cleanLines is clean for each line of a text.
func (m *Mask) cleanLines(text string) string {
	return strings.TrimSuffix(CleanLines(m.Text(stripLines(text+"\n"))), "\n")
}

// scan gives the text without secrets, and the rest of it that may be a secret's beginning. Where the text is at its end,
// so long a beginning is hidden too, and there is no rest.
func (m *Mask) scan(text string, ends bool) (clear, rest string) {
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); {
		if begin := m.next(text, i); begin > i {
			out.WriteString(text[i:begin])
			i = begin
			continue
		}
		length, begun := m.match(text[i:])
		switch {
		case begun > 0 && !ends:
			return out.String(), text[i:]
		case length > 0:
			out.WriteString(masked)
			i += length
		case begun >= leastSecret:
			out.WriteString(masked)
			return out.String(), ""
		default:
			out.WriteByte(text[i])
			i++
		}
	}
	return out.String(), ""
}

// next is where a secret may begin, from a place in the text on.
func (m *Mask) next(text string, from int) int {
	for i := from; i < len(text); i++ {
		if m.begins[text[i]] {
			return i
		}
	}
	return len(text)
}

// match gives the length of the longest secret that the text begins with, and how many bytes of a secret the text ends
// in the midst of.
func (m *Mask) match(text string) (length, begun int) {
	for _, secret := range m.secrets {
		at, gap, found := 0, 0, 0
		for at < len(text) && found < len(secret) {
			if text[at] == secret[found] {
				at, found, gap = at+1, found+1, 0
				continue
			}
			if letter, length := jsonLetter(text[at:]); length > 0 && strings.HasPrefix(secret[found:], letter) {
				at, found, gap = at+length, found+len(letter), 0
				continue
			}
			if gap++; gap > maxGap || strings.IndexByte("\n\r\t\\", text[at]) < 0 {
				break
			}
			at++
		}
		switch {
		case found == len(secret):
			length = max(length, at)
		case at == len(text):
			begun = max(begun, found)
		}
	}
	return length, begun
}

// jsonLetter is the letter that the text begins with as `\u` and four digits, or twice that, and the length of it there: 0 where
// it does not. Programs write some ASCII so, too.
func jsonLetter(text string) (letter string, length int) {
	const unit = len(`\u0000`)
	var units []uint16
	for at := 0; len(text) >= at+unit && strings.HasPrefix(text[at:], `\u`) && len(units) < 2; at += unit {
		value, err := strconv.ParseUint(text[at+len(`\u`):at+unit], 16, 16)
		if err != nil {
			break
		}
		units = append(units, uint16(value))
		if !utf16.IsSurrogate(rune(value)) {
			break
		}
	}
	if len(units) == 0 {
		return "", 0
	}
	return string(utf16.Decode(units)), len(units) * unit
}

// maskedLines cleans a stream of lines, and hides what is in it. It holds back what may be the beginning of a secret.
type maskedLines struct {
	mask *Mask
	held string
	line string // begun, and without secrets
}

// pass tells of lines that can be shown as they are.
func (l *maskedLines) pass(lines []byte) bool {
	return l.mask.idle() && plainLines(lines)
}

// add gives the lines that can be shown once these have come. All have their ends.
func (l *maskedLines) add(lines string) string {
	if l.mask.idle() {
		return CleanLines(lines)
	}
	var clear string
	clear, l.held = l.mask.scan(l.held+stripLines(lines), false)
	return l.cut(clear)
}

// flush gives the lines that were held back, when no more is to come.
func (l *maskedLines) flush() string {
	if l.held == "" && l.line == "" {
		return ""
	}
	clear := strings.TrimSuffix(l.mask.Text(l.held), "\n") + "\n"
	l.held = ""
	return l.cut(clear)
}

func (l *maskedLines) cut(clear string) string {
	clear = l.line + clear
	end := strings.LastIndexByte(clear, '\n') + 1
	l.line = clear[end:]
	return CleanLines(clear[:end])
}
