package logs

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dvm/engine"
)

// TestEventsStayBounded: a long history moves aside once, and one generation of it is kept.
func TestEventsStayBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app", eventsLog)
	record := func() {
		t.Helper()
		journal, err := OpenJournal(dir, "app")
		if err != nil {
			t.Fatal(err)
		}
		_ = journal.Record(engine.Event{Step: "user", State: engine.OK})
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	record()
	record()
	if text := read(t, path); strings.Count(text, "\n") != 2 {
		t.Errorf("two runs left %q", text)
	}
	for _, filler := range []string{"a", "b"} {
		if err := os.WriteFile(path, []byte(strings.Repeat(filler, maxEvents+1)), 0o600); err != nil {
			t.Fatal(err)
		}
		record()
		if text := read(t, path); strings.Count(text, "\n") != 1 || strings.Contains(text, filler+filler) {
			t.Errorf("it did not start anew: %d bytes", len(text))
		}
		if text := read(t, path+".1"); text != strings.Repeat(filler, maxEvents+1) {
			t.Errorf("the generation before is %d bytes that begin with %.1q", len(text), text)
		}
	}
}

// TestEventsAreWhole: what a full disk left of an object does not spoil the next one.
func TestEventsAreWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app", eventsLog)
	const cut = `{"time":"2026-01-01T00`
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(cut), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		journal, err := OpenJournal(dir, "app")
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(journal.Record(engine.Event{Step: "user", State: engine.OK}), journal.Close()); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSuffix(read(t, path), "\n"), "\n")
	if len(lines) != 3 || lines[0] != cut || !json.Valid([]byte(lines[1])) || !json.Valid([]byte(lines[2])) {
		t.Errorf("it has %q", lines)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
