package logs

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMask(t *testing.T) {
	const key = "-----BEGIN KEY-----\nQUJDREVGRw==\n\tc2hvcnQ\n-----END KEY-----\n"
	for _, c := range []struct {
		name   string
		secret string
		lines  []string
		want   string
	}{
		{"within a line", "hunter2", []string{"a hunter2 b", "hunter2hunter2"}, "a ******** b|****************"},
		{"nothing", "hunter2", []string{"a hunter b", ""}, "a hunter b|"},
		{"no secret", "", []string{"a", "b"}, "a|b"},
		{"over a line's end", "hunter2", []string{"a hun", "ter2 b", "c"}, "a ******** b|c"},
		{"byte by byte", "hunter2", strings.Split("hunter2", ""), "********"},
		{"no secret after all", "hunter2", []string{"a hun", "gry", "hunt", "x"}, "a hun|gry|hunt|x"},
		{"cut off", "hunter2", []string{"a hunte"}, "a ********"},
		{"a short beginning stays", "hunter2", []string{"a hun"}, "a hun"},
		{"begins again in itself", "aab1", []string{"aaab1 aa"}, "a******** aa"},
		{"several lines", key, strings.Split("x"+key, "\n"), "x********|"},
		{"several lines, joined", key, []string{strings.ReplaceAll(key, "\n", "\t")}, "********\t"},
		{"one of several lines", key, []string{"grep: QUJDREVGRw==", "c2hvcnQ"}, "grep: ********|c2hvcnQ"},
		{"a line break at its end", "hunter2\n", []string{"hunter2"}, "********"},
		{"too short", "on", []string{"on and on"}, "on and on"},
		{"spaces count", "a b c", []string{"abc", "a b c"}, "abc|********"},
		{"cut within a letter", "grün日本", []string{"a gr\xc3", "\xbcn\xe6", "\x97\xa5\xe6\x9c", "\xac b"}, "a ******** b"},
		{"escaped", `a "b" $c\d`, []string{`a\ \"b\"\ \$c\\d.`, `a \"b\" $c\\d.`}, "********.|********."},
		{"quoted", "it's a secret", []string{`'it'\''s a secret'`, `$'it\'s a secret'`}, "'********'|$'********'"},
		{"quoted by others", "it's a secret", []string{`'it'"'"'s a secret'`}, "'********'"},
		{"without letters beyond ASCII", "grün 😀!", []string{`$'gr\303\274n \360\237\230\200!'`, `"gr\u00fcn \ud83d\ude00!"`}, `$'********'|"********"`},
		{"JSON of others", `a&b<c>'d`, []string{`"a\u0026b\u003Cc\u003e\u0027d"`, `\u0061\u0026b<c>'d`, `a\u0026x`}, `"********"|********|a\u0026x`},
		{"a tab, escaped", "tok\ten", []string{`$'tok\ten'`, "tok\ten", "token"}, "$'********'|********|********"},
		{"tab and lines, escaped", "ab\tc\nde\tf", []string{`"ab\tc\nde\tf"`}, `"********"`},
		{"several lines, escaped", "ab\ncd\nef", []string{`"ab\ncd\nef\n"`}, `"********\n"`},
		{"behind a carriage return", "hunter2", []string{"h\runter2 b\r", "10%\r100%"}, "******** b|100%"},
		{"in colours", "hunter2", []string{"\x1b[31mh\x1b[32mu\x1b[0mnter2 b"}, "******** b"},
		{"too far apart", "hunter2", slices.Concat([]string{"hun"}, make([]string, 9), []string{"ter2"}), "hun" + strings.Repeat("|", 10) + "ter2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := maskedLines{mask: NewMask([]string{c.secret})}
			var got string
			for _, line := range c.lines {
				got += lines.add(line + "\n")
			}
			got += lines.flush()
			if text := strings.ReplaceAll(strings.TrimSuffix(got, "\n"), "\n", "|"); text != c.want {
				t.Errorf("%q becomes %q, want %q", c.lines, text, c.want)
			}
		})
	}
}

func TestMaskTakesTheLongest(t *testing.T) {
	mask := NewMask([]string{"pass", "password", "word1"})
	for text, want := range map[string]string{
		"password":  "********",
		"passwords": "********s",
		"passwor":   "********wor",
		"passport":  "********port",
		"password1": "********1",
		"a word1":   "a ********",
	} {
		if got := mask.Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := (*Mask)(nil).Text("password"); got != "password" {
		t.Errorf("without a mask it becomes %q", got)
	}
}

// FuzzMask: however a secret is cut into pieces, and with whatever between them that a terminal does not show, no line shows it.
func FuzzMask(f *testing.F) {
	f.Add("before ", "hunter2", " after", uint(3), uint(0))
	f.Add("hunhunter", "hunter2\nsecond line\n", "ter2", uint(1), uint(1))
	between := []string{"\n", "\x1b[31m", "\r", "\x1b]0;title\x07", "\u202e", "\t", "\x00"}
	f.Fuzz(func(t *testing.T, before, secret, after string, size, with uint) {
		if !Maskable(secret) || size == 0 || len(secret) > 1000 || len(before)+len(after) > 10000 {
			t.Skip()
		}
		cut := between[with%uint(len(between))]
		mask := NewMask([]string{secret})
		whole, _ := flatten(secret)
		text := Clean(before) + whole + Clean(after)
		lines := maskedLines{mask: mask}
		var got string
		var said strings.Builder
		for piece := range slices.Chunk([]byte(text), int(min(size, 1000))) {
			if cut != "\n" && !utf8.Valid(piece) {
				t.Skip() // half a letter is put together over line breaks alone
			}
			said.WriteString(string(piece) + cut)
		}
		for line := range strings.Lines(said.String()) {
			got += lines.add(strings.TrimSuffix(line, "\n") + "\n")
		}
		got += lines.flush()
		// What the mask itself makes of its neighbours is no secret.
		if shown := strings.ReplaceAll(strings.ReplaceAll(got, "\n", ""), masked, "\x00"); strings.Contains(shown, whole) {
			t.Errorf("%q in pieces of %d is shown as %q", text, size, got)
		}
	})
}
