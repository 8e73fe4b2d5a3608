package logs

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dvm/engine"
)

// TestSchema holds the README's table of JSON fields against what is written.
func TestSchema(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Skip("there is no README")
	}
	_, rest, found := strings.Cut(string(readme), "<!-- events -->\n")
	table, _, ended := strings.Cut(rest, "<!-- /events -->")
	if !found || !ended {
		t.Fatal("the README has no table of JSON fields")
	}
	documented := map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
			documented[name[1]] = true
		}
	}
	var out bytes.Buffer
	failure := errors.New("a failure")
	writeEvent(&out, "app", engine.Event{Step: "user", State: engine.Failed, Why: "w", From: "f", To: "t", Hint: "h", Took: time.Second,
		Err: failure, Status: 3}, extra{log: "l", command: "c"})
	states := []engine.State{engine.OK, engine.Changed, engine.Change, engine.Unknown, engine.Failed, engine.NotRun}
	writeSummary(&out, "app", engine.Event{State: engine.Failed, Err: failure, Status: 3}, engine.Report{Took: time.Second}, states)
	written := map[string]bool{}
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var object map[string]any
		if err := decoder.Decode(&object); err != nil {
			t.Fatal(err)
		}
		for name := range object {
			written[name] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(written)), slices.Sorted(maps.Keys(documented)); !slices.Equal(got, want) {
		t.Errorf("the fields are %q, and the README documents %q", got, want)
	}
	for _, state := range append(states, engine.Started, engine.Applying, engine.Waiting, engine.Warning) {
		if !strings.Contains(table, "`"+string(state)+"`") {
			t.Errorf("the README does not say what the state %q is", state)
		}
	}
}

// TestCleaned wants no secret and no control sequence in any text of an event.
func TestCleaned(t *testing.T) {
	const secret = "hunter2hunter2"
	dirty := "\x1b[31m" + secret
	failure := errors.New("first line\nlast line: \x1b[31mh\x1b[0munter2\rhunter2")
	event := cleaned(engine.Event{Why: dirty, From: dirty, To: dirty, Hint: dirty, Err: engine.Advise(failure, "%s", dirty)},
		NewMask([]string{secret}))
	var out bytes.Buffer
	writeEvent(&out, "app", event, extra{})
	if text := out.String(); strings.Contains(text, secret) || strings.Contains(text, "u001b") || strings.Count(text, masked) != 5 {
		t.Errorf("written: %s", text)
	}
	if want := "first line\nlast line: " + masked; event.Err.Error() != want {
		t.Errorf("the error is %q, want %q", event.Err, want)
	}
}
