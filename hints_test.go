package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestHintsEndWithTheirCommand: a hint is pasted as a whole. Words behind a command would become names of VMs, and a single
// apostrophe would have the shell wait for another.
func TestHintsEndWithTheirCommand(t *testing.T) {
	hint := regexp.MustCompile(`dvm: hint: (.*)`)
	command := regexp.MustCompile(`^(DVM_\w+=\S* )*(dvm|limactl|ls|df|curl|kill|rm|lsof) `)
	prose := regexp.MustCompile(`, | (it|the|this|that|for|then|with|from|shows|starts|deletes|makes|runs|keeps|waits)( |$)`)
	apostrophe := regexp.MustCompile(`[a-z]'{1,2}[a-z]`) // two in a case's own words
	cases, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	hints, commands := 0, 0
	for _, name := range cases {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range hint.FindAllStringSubmatch(string(text), -1) {
			hints++
			if apostrophe.MatchString(found[1]) {
				t.Errorf("%s: an apostrophe in %s", name, found[0])
			}
			if !command.MatchString(found[1]) {
				continue
			}
			commands++
			if word := prose.FindString(found[1]); word != "" {
				t.Errorf("%s: %q stands behind the command of %s", name, word, found[0])
			}
		}
	}
	if hints < 100 || commands < 50 {
		t.Errorf("the cases hold %d hints, %d of them a command alone: the expression no longer finds them", hints, commands)
	}
}
