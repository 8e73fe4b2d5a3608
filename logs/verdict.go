package logs

import (
	"fmt"
	"io"
)

// Verdict prints one line of a check-up on standard output: a mark, what was found, and what to type where it is not ok.
func (t *Terminal) Verdict(stdout io.Writer, health, text, remedy string) error {
	sign := mark{"!", "!", "\x1b[33m"}
	switch health {
	case "ok":
		sign = markDone
	case "error":
		sign = markFailed
	}
	signs := &Terminal{Unicode: t.Unicode, Colour: t.Colour && IsTerminal(stdout)}
	line := signs.mark(sign) + " " + Clean(text)
	if remedy != "" {
		line += "; try: " + Clean(remedy)
	}
	_, err := fmt.Fprintln(stdout, line)
	return err
}
