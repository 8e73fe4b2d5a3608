package logs

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	rows := [][]string{
		{"NAME", "VALUE", "MEANING"},
		{"a", "/a/path/that/is/longer/than/its/share/of/it", "some words that go on until the terminal ends, and beyond"},
		{"b", "", "a \x1b[31mcolour\x1b[0m and\na line break"},
	}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, `
NAME  VALUE                                        MEANING
a     /a/path/that/is/longer/than/its/share/of/it  some words that go on until the terminal ends, and beyond
b                                                  a colour and a line break
`},
		{60, `
NAME  VALUE                   MEANING
a     /a/path/that/is/longer  some words that go on until
      /than/its/share/of/it   the terminal ends, and beyond
b                             a colour and a line break
`},
		{90, `
NAME  VALUE                                        MEANING
a     /a/path/that/is/longer/than/its/share/of/it  some words that go on until the
                                                   terminal ends, and beyond
b                                                  a colour and a line break
`},
		{10, `
NAME  VALUE                 MEANING
a     /a/path/that/is/long  some words that go
      er/than/its/share/of  on until the
      /it                   terminal ends, and
                            beyond
b                           a colour and a line
                            break
`},
	} {
		var text strings.Builder
		if err := table(&text, c.width, rows); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + text.String(); got != c.want {
			t.Errorf("%d columns wide:%s\nwant:%s", c.width, got, c.want)
		}
	}
}

// TestTableWide: a letter may take two columns or none, and a tab takes one.
func TestTableWide(t *testing.T) {
	rows := [][]string{
		{"NAME", "VALUE", "MEANING"},
		{"日本", "日本語", "some\twords"},
		{"e\u0301", "a日本語日本語日本語日12345678901234567890", "others"},
	}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, `
NAME  VALUE                                      MEANING
日本  日本語                                     some words
É     a日本語日本語日本語日12345678901234567890  others
`},
		{50, `
NAME  VALUE                            MEANING
日本  日本語                           some words
É     a日本語日本語日本語日1234567890  others
      1234567890
`},
	} {
		var text strings.Builder
		if err := table(&text, c.width, rows); err != nil {
			t.Fatal(err)
		}
		if got := strings.ReplaceAll("\n"+text.String(), "e\u0301", "É"); got != c.want {
			t.Errorf("%d columns wide:%s\nwant:%s", c.width, got, c.want)
		}
	}
}
