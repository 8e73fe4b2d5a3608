package logs

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sourcegraph/conc"

	"dvm/engine"
)

// screen is a terminal that understands what Terminal writes: line breaks, up, and clear to the end. It gives the rows above the
// cursor, which stands in an empty one.
func screen(t *testing.T, output string) []string {
	lines, row := []string{""}, 0
	up := regexp.MustCompile(`^\x1b\[(\d*)A`)
	for output != "" {
		found := up.FindStringSubmatch(output)
		switch {
		case found != nil:
			n, _ := strconv.Atoi(cmp.Or(found[1], "1"))
			row -= n
			output = output[len(found[0]):]
		case strings.HasPrefix(output, "\x1b[J"):
			lines = append(lines[:row], "")
			output = output[3:]
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
	if lines[row] != "" {
		t.Fatalf("the cursor stands behind %q", lines[row])
	}
	return lines[:row]
}

func TestLive(t *testing.T) {
	var out strings.Builder
	columns, rows := 20, 4
	term := newTerminal(&out, true)
	term.size = func() (int, int) { return columns, rows }
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
	term.Live("web", "日本語日本語日本語日本語") // two cells a letter
	check("finished", "日本語日本語日本語")
	term.Live("web", "web\tdoes\twhat\ttakes\tlong")
	check("finished", "web does what takes")
	term.Live("web", "a line that is wider than the screen")
	for _, vm := range []string{"a", "b", "c", "d"} {
		term.Live(vm, vm)
	}
	check("finished", "a line that is wide", "a", "b")
	for _, vm := range []string{"web", "a", "b", "c", "d"} {
		term.Live(vm, "")
	}
	check("finished")
}

// TestBackground: where a shell has the terminal, nothing is drawn and nothing that is there is taken back.
func TestBackground(t *testing.T) {
	var out strings.Builder
	background := false
	term := newTerminal(&out, true)
	term.ours = func() bool { return !background }
	term.Live("app", "app boots")
	background = true
	out.Reset()
	term.Live("app", "app boots on")
	term.Line("finished")
	term.Live("web", "web boots")
	if out.String() != "finished\n" {
		t.Errorf("in the background the terminal gets %q", out.String())
	}
	background = false
	out.Reset()
	term.Live("app", "app runs")
	if want := "app runs\nweb boots\n"; out.String() != want {
		t.Errorf("in the foreground again the terminal gets %q, want %q", out.String(), want)
	}
}

// TestResize: a screen that has become narrower has wrapped the live lines, and all of their rows are taken back.
func TestResize(t *testing.T) {
	var out strings.Builder
	columns := 20
	term := newTerminal(&out, true)
	term.size = func() (int, int) { return columns, 24 }
	term.Live("app", strings.Repeat("a", 19))
	term.Live("web", "web boots")
	columns = 10
	out.Reset()
	term.Line("finished")
	want := "\r\x1b[1A\x1b[2A\x1b[Jfinished\n" + strings.Repeat("a", 9) + "\nweb boots\n"
	if out.String() != want {
		t.Errorf("the terminal gets %q, want %q", out.String(), want)
	}
}

func TestNothingIsAnimatedOnAPipe(t *testing.T) {
	var out strings.Builder
	term := newTerminal(&out, false)
	term.Live("app", "app boots")
	term.Line("finished")
	if out.String() != "finished\n" {
		t.Errorf("a pipe gets %q", out.String())
	}
}

// slowly takes its time to write, so that others wait meanwhile.
type slowly struct{ strings.Builder }

func (s *slowly) Write(p []byte) (int, error) {
	time.Sleep(100 * time.Microsecond)
	return s.Builder.Write(p)
}

// TestErrorsStayTogether: the lines of one VM's error, and its hint, have none of another's between them.
func TestErrorsStayTogether(t *testing.T) {
	var output slowly
	term := newTerminal(&output, false)
	const errors = 50
	var workers conc.WaitGroup
	for i := range errors {
		name := strconv.Itoa(i)
		workers.Go(func() { term.Error(engine.Advise(fmt.Errorf("%s\n%s", name, name), "%s", name)) })
	}
	workers.Wait()
	lines := strings.Split(strings.TrimSuffix(output.String(), "\n"), "\n")
	if len(lines) != 3*errors {
		t.Fatalf("%d lines, want %d", len(lines), 3*errors)
	}
	for i := 0; i < len(lines); i += 3 {
		name := strings.TrimPrefix(lines[i], "dvm: ")
		if lines[i+1] != "dvm: "+name || lines[i+2] != "dvm: hint: "+name {
			t.Fatalf("lines %d to %d are of several errors: %q", i, i+2, lines[i:i+3])
		}
	}
}
