package logs

import (
	"strings"
	"testing"
	"time"
)

// screen is a terminal that understands what Terminal writes: line breaks, carriage returns, up, and clear to the end.
func screen(t *testing.T, output string) []string {
	lines, row := []string{""}, 0
	for output != "" {
		switch {
		case strings.HasPrefix(output, "\x1b[A"):
			row--
			output = output[3:]
		case strings.HasPrefix(output, "\x1b[J"):
			lines = append(lines[:row], "")
			output = output[3:]
		case output[0] == '\r':
			output = output[1:] // what follows is always up or clear
		case output[0] == '\n':
			row++
			if row == len(lines) {
				lines = append(lines, "")
			}
			output = output[1:]
		case output[0] == '\x1b':
			t.Fatalf("unknown sequence in %q", output)
		default:
			lines[row] += output[:1]
			output = output[1:]
		}
	}
	return lines
}

func TestLive(t *testing.T) {
	var out strings.Builder
	columns, rows := 20, 4
	term := &Terminal{Animate: true, Now: time.Now, w: &out, size: func() (int, int) { return columns, rows }}
	check := func(want ...string) {
		t.Helper()
		if got := strings.Join(screen(t, out.String()), "|"); got != strings.Join(want, "|") {
			t.Errorf("the screen shows %q, want %q", got, strings.Join(want, "|"))
		}
	}
	term.Live("app", "app boots")
	check("app boots")
	term.Live("web", "web boots")
	check("app boots", "web boots")
	term.Line("finished")
	check("finished", "app boots", "web boots")
	term.Live("app", "app boots on")
	check("finished", "app boots on", "web boots")
	term.Live("app", "")
	check("finished", "web boots")
	term.Live("web", "a line that is wider than the screen")
	check("finished", "a line that is wide")
	for _, vm := range []string{"a", "b", "c", "d"} {
		term.Live(vm, vm)
	}
	check("finished", "a line that is wide", "a", "b")
	for _, vm := range []string{"web", "a", "b", "c", "d"} {
		term.Live(vm, "")
	}
	check("finished", "")
}

func TestNothingIsAnimatedOnAPipe(t *testing.T) {
	var out strings.Builder
	term := &Terminal{Now: time.Now, w: &out, size: fallbackSize}
	term.Live("app", "app boots")
	term.Line("finished")
	if out.String() != "finished\n" {
		t.Errorf("a pipe gets %q", out.String())
	}
}
