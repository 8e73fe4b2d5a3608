package logs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"dvm/engine"
)

// TestFailedLogIsTheRunsOwn: a run whose failure is shown late, on a terminal that is stopped, keeps its own log, and not that of
// the run after it.
func TestFailedLogIsTheRunsOwn(t *testing.T) {
	dir := t.TempDir()
	begin := func(words string) *Run {
		run, err := NewRun(newTerminal(io.Discard, false), dir, "app", NoStream, nil)
		if err != nil {
			t.Fatal(err)
		}
		run.Observe(engine.Event{Step: "setup ./a.sh", State: engine.Started})
		run.Observe(engine.Event{Step: "setup ./a.sh", State: engine.Applying})
		run.Output("setup ./a.sh", true, []byte(words+"\n"))
		return run
	}
	first := begin("first")
	failed := engine.Event{Step: "setup ./a.sh", State: engine.Failed}
	first.Observe(failed)
	second := begin("second")
	first.End(engine.Report{Steps: []engine.Event{failed}}, errors.New("it failed"))
	second.End(engine.Report{}, nil)
	for name, want := range map[string]string{"setup.failed.log": "first", "setup.log": "second"} {
		text, err := os.ReadFile(filepath.Join(dir, "app", name))
		if want = "--- setup ./a.sh\n" + want + "\n"; err != nil || string(text) != want {
			t.Errorf("%s holds %q, %v; want %q", name, text, err, want)
		}
	}
}
