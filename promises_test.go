package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPromises: each promise in the README names tests that there are.
func TestPromises(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## What dvm promises\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var tests strings.Builder // all of them
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	promises := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if len(cells) != 2 || cells[0] == "| Promise" {
			continue
		}
		promises++
		names := regexp.MustCompile("`([A-Za-z-]+)`").FindAllStringSubmatch(cells[1], -1)
		if len(names) == 0 {
			t.Errorf("no test is named for: %s", cells[0])
		}
		for _, name := range names {
			_, err := os.Stat(filepath.Join("testdata", "script", name[1]+".txtar"))
			if err != nil && !strings.Contains(tests.String(), "\nfunc "+name[1]+"(t *testing.T)") {
				t.Errorf("there is no test %s", name[1])
			}
		}
	}
	if promises < 15 {
		t.Errorf("only %d promises are found", promises)
	}
}
