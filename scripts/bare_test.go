package scripts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"dvm/scripts"
)

// TestBare: without its comments each script is the same program, on the same lines.
func TestBare(t *testing.T) {
	paths, err := filepath.Glob("*.sh")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bare := scripts.Bare(string(text))
		if strings.Count(bare, "\n") != strings.Count(string(text), "\n") {
			t.Errorf("%s has other lines", path)
		}
		if strings.Contains(bare, "\n#") || printed(t, bare) != printed(t, string(text)) {
			t.Errorf("%s becomes\n%s", path, bare)
		}
	}
}

// printed is a script without comments, as a parser understands it.
func printed(t *testing.T, text string) string {
	t.Helper()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := syntax.NewPrinter(syntax.Minify(true)).Print(&out, file); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
