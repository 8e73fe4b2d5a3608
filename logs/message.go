package logs

import (
	"strings"

	"dvm/engine"
)

// The rules of dvm's own messages: `dvm: …`, `dvm: warning: …`, `dvm: hint: …`, lower case, no full stop, what the user
// typed in quotes, one line each; a hint is a command to type, at the end of its line: words that are pasted behind a command would be
// names of VMs. What it is for comes before it, without an apostrophe, which a shell would wait for.

// Error prints err, a prefixed line for each that it joins, and the hints that go with them.
func (t *Terminal) Error(err error) {
	lines := errorLines(err.Error())
	for _, hint := range hints(err) {
		lines = append(lines, hintLine(hint))
	}
	t.block(lines)
}

// block prints lines that belong together, with none of another VM's between them.
func (t *Terminal) block(lines []string) { t.Line("%s", strings.Join(lines, "\n")) }

// Warn prints a warning.
func (t *Terminal) Warn(text string) { t.Line("dvm: warning: %s", Clean(text)) }

// Hint prints a command to type.
func (t *Terminal) Hint(text string) { t.Line("%s", hintLine(text)) }

func hintLine(text string) string { return "dvm: hint: " + Clean(text) }

func errorLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		lines = append(lines, "dvm: "+Clean(strings.TrimRight(line, "\n")))
	}
	return lines
}

// hints collects the advice in a tree of errors, in order.
func hints(err error) (found []string) {
	switch tree := err.(type) { //nolint:errorlint // it walks the tree itself
	case *engine.Advice:
		return append(hints(tree.Err), tree.Hint)
	case interface{ Unwrap() []error }:
		for _, branch := range tree.Unwrap() {
			found = append(found, hints(branch)...)
		}
		return found
	case interface{ Unwrap() error }:
		return hints(tree.Unwrap())
	}
	return nil
}
