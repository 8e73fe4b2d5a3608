package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write anew what is made from the tables")

// TestReadme holds the README's table of variables against the one that the code has.
func TestReadme(t *testing.T) {
	const path, begin, end = "../README.md", "<!-- variables -->\n", "<!-- /variables -->\n"
	readme, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("there is no README")
	}
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(readme), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no lines %q and %q", path, begin, end)
	}
	if table == Markdown() {
		return
	}
	if !*update {
		t.Fatalf("the table of variables in %s is stale; go test ./config -run TestReadme -update writes it anew", path)
	}
	if err := os.WriteFile(path, []byte(before+begin+Markdown()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestMan holds the manual page against the tables.
func TestMan(t *testing.T) {
	const path = "../docs/dvm.1"
	if *update {
		if err := os.WriteFile(path, []byte(Man()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != Man() {
		t.Errorf("%s is stale; go test ./config -run TestMan -update writes it anew", path)
	}
}

// Markdown is the table of the README.
func Markdown() string {
	var text strings.Builder
	text.WriteString("| Variable | Default | Meaning |\n|---|---|---|\n")
	for _, entry := range Reference() {
		star, fallback := "", ""
		if entry.PerVM {
			star = " \\*"
		}
		if entry.Default != "" {
			fallback = "`" + entry.Default + "`"
			if strings.Contains(entry.Default, " ") {
				fallback = entry.Default
			}
		}
		fmt.Fprintf(&text, "| `%s`%s | %s | %s |\n", entry.Name, star, fallback, cell(entry.Meaning))
	}
	return text.String()
}

// cell keeps Markdown from reading a meaning as its own signs.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`).Replace(text)
}
