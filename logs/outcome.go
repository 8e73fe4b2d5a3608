package logs

import (
	"fmt"
	"strings"
)

// Outcome is what became of one VM of several.
type Outcome struct {
	VM    string
	Begun bool
	Err   error // why it is not ready
}

// Outcomes says which of several VMs are ready and which are not. Of one VM, its own last line has said so.
func (t *Terminal) Outcomes(outcomes []Outcome) {
	if len(outcomes) < 2 {
		return
	}
	var ready, failed, notBegun []string
	for _, outcome := range outcomes {
		switch {
		case !outcome.Begun:
			notBegun = append(notBegun, outcome.VM)
		case outcome.Err != nil:
			failed = append(failed, outcome.VM)
		default:
			ready = append(ready, outcome.VM)
		}
	}
	text := fmt.Sprintf("%d of %d VMs ready", len(ready), len(outcomes)) + list(": ", ready) +
		list("; failed: ", failed) + list("; not begun: ", notBegun)
	t.Line("dvm: %s", text)
}

func list(title string, words []string) string {
	if len(words) == 0 {
		return ""
	}
	return title + strings.Join(words, " ")
}
