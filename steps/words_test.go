package steps

import "testing"

func TestLastWords(t *testing.T) {
	for _, c := range []struct {
		name  string
		heard []string
		want  string
	}{
		{"nothing", nil, ""},
		{"a line", []string{"useradd: no\n"}, "useradd: no"},
		{"no line's end", []string{"useradd: no"}, "useradd: no"},
		{"the last of many", []string{"one\ntwo\n", "three\nfour\n"}, "four"},
		{"empty lines", []string{"one\n\n", "\n"}, "one"},
		{"dnf5's advice", []string{"Failed to resolve the transaction:\nNo match for argument: x\nYou can try to add to command line:\n  --skip-unavailable\n"},
			"No match for argument: x"},
		{"advice that comes by itself", []string{"No match\n", "Try:\n", "\t--this\n"}, "No match"},
		{"only titles", []string{"Failed:\n"}, ""},
	} {
		var words lastWords
		for _, lines := range c.heard {
			words.hear(2, []byte(lines))
		}
		if got := words.of(2); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		words.hear(3, nil)
		if got := words.of(2) + words.of(3); got != "" {
			t.Errorf("%s: the next step begins with %q", c.name, got)
		}
	}
}
