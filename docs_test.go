package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// block is a fenced block of a Markdown file.
type block struct {
	language string
	mark     string // of the comment in the line before it
	text     string
}

// runByCI are the marks of blocks that .ci/run runs, or that want what no test has.
var runByCI = []string{"test", "through the stand-in", "with Lima"}

func blocks(markdown string) (found []block) {
	before := ""
	var open *block
	for line := range strings.Lines(markdown) {
		fence, fenced := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fenced && open == nil:
			mark, _ := strings.CutPrefix(before, "<!-- ")
			open = &block{language: fence, mark: strings.TrimSuffix(mark, " -->")}
			if !strings.HasPrefix(before, "<!-- ") {
				open.mark = ""
			}
		case fenced:
			found = append(found, *open)
			open = nil
		case open != nil:
			open.text += line
		}
		before = strings.TrimSpace(line)
	}
	return found
}

// page runs the commands of a Markdown file: each block marked sh as one script, in the order of the page.
func page(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: page file")
	}
	markdown, err := os.ReadFile(args[0])
	ts.Check(err)
	ran := 0
	for _, b := range blocks(string(markdown)) {
		if b.language != "sh" || b.mark != "" {
			continue
		}
		ran++
		if err := ts.Exec("bash", "-euo", "pipefail", "-c", b.text); err != nil {
			ts.Fatalf("%s: %v in\n%s", args[0], err, b.text)
		}
	}
	if ran == 0 {
		ts.Fatalf("%s has no commands", args[0])
	}
}

func pages(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found[path] = string(text)
		}
	}
	return found
}

// TestPages holds every page against the tree: its links lead somewhere, what it does not run has a reason, and where it has
// commands the case docs runs it.
func TestPages(t *testing.T) {
	script, err := os.ReadFile("testdata/script/docs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for path, text := range pages(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), match[1])); err != nil {
				t.Errorf("%s: a link leads nowhere: %v", path, err)
			}
		}
		for _, b := range blocks(text) {
			why, excused := strings.CutPrefix(b.mark, "not run: ")
			switch {
			case b.language != "sh":
			case b.mark == "" && !strings.Contains(string(script), "\npage "+path+"\n"):
				t.Errorf("%s has commands, and the case docs does not run it", path)
			case b.mark != "" && !slices.Contains(runByCI, b.mark) && (!excused || why == ""):
				t.Errorf("%s: a block has the mark %q, which is no reason not to run it", path, b.mark)
			}
		}
	}
}

// TestReadmeBegins wants all that a new reader needs in the first two screens of the README, and every page to be found from it.
func TestReadmeBegins(t *testing.T) {
	const twoScreens = 50 // lines
	all := pages(t)
	readme := all["README.md"]
	begin := strings.Join(strings.SplitAfterN(readme, "\n", twoScreens+1)[:twoScreens], "")
	for _, words := range []string{"brew install lima", "go install .", "go run . app", "direnv", "dvm doctor"} {
		if !strings.Contains(begin, words) {
			t.Errorf("its first %d lines have no %q", twoScreens, words)
		}
	}
	for _, command := range []string{"app", "sh", "ssh", "cp", "ls", "logs", "stop", "rm"} {
		if !regexp.MustCompile(`(?m)^dvm ` + command + `\b`).MatchString(begin) {
			t.Errorf("its first %d lines have no dvm %s", twoScreens, command)
		}
	}
	for path := range all {
		if path != "README.md" && path != "CHANGELOG.md" && !strings.Contains(readme, "]("+path+")") {
			t.Errorf("it has no link to %s", path)
		}
	}
}

// TestTroubleshootingQuotes wants whatever the page on troubleshooting lets dvm say to stand in a message that a case holds
// whole: there, three dots are for anything.
func TestTroubleshootingQuotes(t *testing.T) {
	cases, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "want" && strings.HasPrefix(string(file.Data), "== ") { // as testdata/see.sh writes it
				said.Write(file.Data)
			}
		}
	}
	quote := regexp.MustCompile("`([^`]+)`")
	quotes, inTable := 0, false
	for line := range strings.Lines(pages(t)["docs/troubleshooting.md"]) {
		cells := strings.Split(line, "|")
		switch {
		case len(cells) < 3:
			inTable = false
		case strings.TrimSpace(cells[1]) == "dvm says":
			inTable = true
		case !inTable || strings.HasPrefix(line, "|---"):
		default:
			found := quote.FindAllStringSubmatch(cells[1], -1)
			if len(found) == 0 {
				t.Errorf("a row quotes nothing: %s", cells[1])
			}
			for _, match := range found {
				quotes++
				pattern := strings.ReplaceAll(regexp.QuoteMeta(match[1]), `\.\.\.`, ".*")
				if !regexp.MustCompile(pattern).MatchString(said.String()) {
					t.Errorf("no case has dvm say %q", match[1])
				}
			}
		}
	}
	if quotes < 30 {
		t.Errorf("the page quotes dvm %d times, which can't be all", quotes)
	}
}

// TestContributingNamesPlaces wants every path of CONTRIBUTING.md to exist, and every name of the code to be in the file that
// is named after it.
func TestContributingNamesPlaces(t *testing.T) {
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile("`([a-z.][A-Za-z0-9_./-]*(?:/|\\.(?:go|sh|txtar|md|yml|yaml)))`")
	found := path.FindAllStringSubmatch(string(text), -1)
	if len(found) < 20 {
		t.Fatalf("it names %d paths, which can't be all", len(found))
	}
	for _, match := range found {
		if _, err := os.Stat(match[1]); err != nil && !strings.Contains(match[1], "NAME") { // of what is to be added
			t.Errorf("it names a place that is not there: %v", err)
		}
	}
	named := regexp.MustCompile("`([A-Za-z]+)`(?: or `([A-Za-z]+)`,| and `([A-Za-z]+)`)? in `([a-zA-Z_/.]+\\.go)`")
	names := named.FindAllStringSubmatch(string(text), -1)
	if len(names) < 6 {
		t.Fatalf("it names %d places within a file, which can't be all", len(names))
	}
	for _, match := range names {
		code, err := os.ReadFile(match[4])
		if err != nil {
			continue // said above
		}
		for _, name := range match[1:4] {
			declared := regexp.MustCompile(`(?m)^(func|type) ` + name + `\b`)
			if name != "" && !declared.Match(code) {
				t.Errorf("%s has no %s", match[4], name)
			}
		}
	}
}
