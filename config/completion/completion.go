// Package completion tells a shell what may come next in a command line of dvm.
package completion

import (
	_ "embed"
	"slices"
	"strings"

	"dvm/config"
	"dvm/scripts"
)

// The shells' side. Each asks dvm for the candidates, by `dvm completion next -- WORD...`.
var (
	//go:embed dvm.bash
	bash string
	//go:embed dvm.zsh
	zsh string
	//go:embed dvm.fish
	fish string
)

// Shells are those that have a script.
func Shells() []string { return []string{"bash", "zsh", "fish"} }

// Script is what a shell is to evaluate; empty where it has none.
func Script(shell string) string {
	switch shell {
	case "bash":
		return bash
	case "zsh":
		return zsh
	case "fish":
		return fish
	}
	return ""
}

// Next is what may come in the place of the last word.
type Next struct {
	Words    []Word
	VMs      bool     // and the names of the VMs,
	AtOnce   bool     // as far as they are known without asking Lima,
	Except   []string // but for these,
	VMSuffix string   // with this behind them
	Paths    bool     // and paths of the host
}

// Word is a candidate.
type Word struct{ Text, Meaning string }

// After reads the words after dvm. The last is being typed, and may be empty.
func After(words []string) Next {
	if len(words) == 0 {
		words = []string{""}
	}
	typed := words[len(words)-1]
	if len(words) == 1 {
		return first(typed)
	}
	verb, before := words[0], words[1:len(words)-1]
	switch verb {
	case "sync", "stop", "rm":
		return Next{VMs: true, Except: before}
	case "sh", "ssh", "ssh-config", "logs", "env":
		return Next{VMs: len(before) == 0}
	case "cp":
		remote := strings.Contains(typed, ":") // what the guest holds is not asked for
		return Next{VMs: len(before) < 2 && !remote, VMSuffix: ":", Paths: len(before) < 2 && !remote}
	case "completion":
		var shells []Word
		for _, shell := range Shells() {
			shells = append(shells, Word{Text: shell})
		}
		return fixed(before, typed, shells)
	case "help":
		return fixed(before, typed, []Word{{"env", "every variable"}})
	case "scripts":
		var names []Word
		for _, script := range scripts.BuiltIns() {
			names = append(names, Word{script.Name, script.Meaning})
		}
		return fixed(before, typed, names)
	}
	if slices.ContainsFunc(config.Verbs(), func(v config.Verb) bool { return v.Name == verb }) {
		return Next{}
	}
	return Next{VMs: true, Except: words[:len(words)-1]}
}

// first is a verb or a VM. Where the beginning of a verb has been typed, it has to come at once.
func first(typed string) (next Next) {
	for _, verb := range config.Verbs() {
		if strings.HasPrefix(verb.Name, typed) {
			next.Words = append(next.Words, Word{verb.Name, verb.Meaning})
		}
	}
	next.VMs = true
	next.AtOnce = typed != "" && len(next.Words) > 0
	return next
}

func fixed(before []string, typed string, words []Word) (next Next) {
	for _, word := range words {
		if len(before) == 0 && strings.HasPrefix(word.Text, typed) {
			next.Words = append(next.Words, word)
		}
	}
	return next
}

// Lines is the answer to a shell: a candidate, a tab and its meaning a line; :paths asks for paths of the host too.
func (n Next) Lines(typed string, vms []string) string {
	words := n.Words
	for _, vm := range vms {
		if n.VMs && !slices.Contains(n.Except, vm) && strings.HasPrefix(vm, typed) {
			words = append(words, Word{vm + n.VMSuffix, "VM"})
		}
	}
	var text strings.Builder
	for _, word := range words {
		text.WriteString(word.Text + "\t" + word.Meaning + "\n")
	}
	if n.Paths {
		text.WriteString(":paths\n")
	}
	return text.String()
}
