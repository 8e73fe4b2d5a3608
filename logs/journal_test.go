package logs

import (
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

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
