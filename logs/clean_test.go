package logs

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"plain", "a\tb c", "a\tb c"},
		{"line break", "a\r\n", "a"},
		{"colour", "\x1b[31mred\x1b[0m", "red"},
		{"title", "\x1b]0;title\x07a", "a"},
		{"title ended by ST", "\x1b]0;títle\x1b\\a", "a"},
		{"clipboard", "\x1b]52;c;c3RvbGVu\x07a", "a"},
		{"colour that ends behind the line", "\x1b[31mred\r\x1b[0m", "red"},
		{"a spinner's end", "10%\r100%\r\x1b[?25h", "100%"},
		{"cursor", "a\x1b[2J\x1b[1;1Hb", "ab"},
		{"device control", "\x1bP1$r0m\x1b\\a", "a"},
		{"cut off", "a\x1b[", "a"},
		{"C1", "a\u009b31mb", "ab"},
		{"C1 as a byte", "a\x9b31mb", "a\uFFFD31mb"},
		{"progress", "10%\r50%\r100%", "100%"},
		{"backspace", "a\bb\x7f", "ab"},
		{"NUL", "a\x00b", "ab"},
		{"letters", "grün ✓ 日本", "grün ✓ 日本"},
		{"reordered", "a\u202eb\u2066c", "abc"},
		{"invalid", "a\xff\xfeb", "a\uFFFDb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.line); got != c.want {
				t.Errorf("Clean(%q) = %q, want %q", c.line, got, c.want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b]0;x\x07\x1b[31mred\u009bm\r\u202e\xff")
	f.Fuzz(func(t *testing.T, line string) {
		clean := Clean(line)
		if !utf8.ValidString(clean) {
			t.Errorf("Clean(%q) = %q, not UTF-8", line, clean)
		}
		if strings.ContainsFunc(clean, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
			t.Errorf("Clean(%q) = %q, with a control character", line, clean)
		}
		if stripped := Clean(strip(line)); strings.ContainsFunc(stripped, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
			t.Errorf("Clean(strip(%q)) = %q, with a control character", line, stripped)
		}
		if again := Clean(clean); again != clean {
			t.Errorf("Clean(%q) = %q, then %q", line, clean, again)
		}
	})
}

// FuzzCleanLines: many lines become what each of them becomes alone, wherever in a word of eight bytes they lie.
func FuzzCleanLines(f *testing.F) {
	f.Add("plain\n\ttabs\n\n", "")
	f.Add("1234567\x7f", "\x1b[31mred")
	f.Add("\x1f", "\u00e4\xff")
	f.Fuzz(func(t *testing.T, before, after string) {
		lines := before + "\n" + after + "\n"
		var want strings.Builder
		for line := range strings.Lines(lines) {
			want.WriteString(Clean(strings.TrimSuffix(line, "\n")) + "\n")
		}
		if got := CleanLines(lines); got != want.String() {
			t.Errorf("%q becomes %q, want %q", lines, got, want.String())
		}
	})
}
