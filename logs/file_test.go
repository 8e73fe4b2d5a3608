package logs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func newLog(t *testing.T) *logFile {
	log := &logFile{path: filepath.Join(t.TempDir(), setupLog)}
	t.Cleanup(func() {
		if err := log.close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

func writeLines(t *testing.T, log *logFile, lines string, times int) {
	t.Helper()
	for range times {
		if n, err := log.Write([]byte(lines)); n != len(lines) || err != nil {
			t.Fatalf("%d bytes are written, want %d: %v", n, len(lines), err)
		}
	}
}

// TestLogHolds: a little is held until the log begins, and of much nothing is lost.
func TestLogHolds(t *testing.T) {
	log := newLog(t)
	writeLines(t, log, "first\n", 1)
	if _, err := os.Stat(log.path); err == nil {
		t.Error("a log with a little to hold has a file")
	}
	writeLines(t, log, strings.Repeat("x", 999)+"\n", 100)
	text, err := os.ReadFile(log.path)
	if err != nil || len(text) != len("first\n")+100_000 || !strings.HasPrefix(string(text), "first\n") {
		t.Errorf("the log has %d bytes: %v", len(text), err)
	}
}

// TestLogIsBounded: beyond two generations the oldest lines go, and the log says so.
func TestLogIsBounded(t *testing.T) {
	log := newLog(t)
	if err := log.begin(); err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20
	writeLines(t, log, strings.Repeat("x", size-1)+"\n", 3*maxLog/size)
	writeLines(t, log, "last\n", 1)
	var kept int64
	for _, path := range []string{log.path, older(log.path)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > maxLog {
			t.Errorf("%s has %d bytes", path, info.Size())
		}
		kept += info.Size()
	}
	text, err := os.ReadFile(log.path)
	note, rest, _ := strings.Cut(string(text), "\n")
	if err != nil || !strings.HasPrefix(note, "--- what came before is in ") || !strings.HasSuffix(note, " bytes are left out") || !strings.HasSuffix(rest, "\nlast\n") {
		t.Errorf("the log begins with %q and ends with %q: %v", note, rest[max(len(rest)-5, 0):], err)
	}
	if kept > 2*maxLog || kept < maxLog {
		t.Errorf("%d bytes are kept", kept)
	}
}

// TestLogStaysWhereNoneCanBeMade: a log that can't start anew, or be kept, takes away nothing that is there.
func TestLogStaysWhereNoneCanBeMade(t *testing.T) {
	log := newLog(t)
	if err := log.begin(); err != nil {
		t.Fatal(err)
	}
	writeLines(t, log, "the cause\n", 1)
	writeLines(t, log, strings.Repeat("x", maxLog-100)+"\n", 1)
	if err := os.Mkdir(newer(log.path), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := log.Write([]byte(strings.Repeat("y", 100) + "\n")); err == nil {
			t.Error("it is written where no file can be made")
		}
	}
	if text := read(t, log.path); !strings.HasPrefix(text, "the cause\n") {
		t.Errorf("the log begins with %.20q", text)
	}

	kept := failedPath(log.path)
	if err := keepFailed(log.path); err != nil {
		t.Fatal(err)
	}
	if err := keepFailed(log.path); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if err := os.Remove(log.path); err != nil {
		t.Fatal(err)
	}
	if err := keepFailed(log.path); err == nil {
		t.Error("a log that is gone is kept")
	}
	if text := read(t, kept); !strings.HasPrefix(text, "the cause\n") {
		t.Errorf("the failed log begins with %.20q", text)
	}
	if _, err := os.Stat(newer(kept)); err == nil {
		t.Error("a name is left over")
	}
}
