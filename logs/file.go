package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
)

const (
	maxHeld   = 64 << 10 // bytes of a log kept in memory until the run has something to do
	maxLog    = 16 << 20 // bytes of a log before it starts anew beside its last generation
	maxEvents = 1 << 20  // the same of events.jsonl
)

// older is the name of a log's last generation.
func older(path string) string { return path + ".1" }

// logFile is a log that may still be held in memory. It is bounded: what a guest prints for ever must not fill the disk.
type logFile struct {
	path string
	mu   sync.Mutex
	held bytes.Buffer
	file *os.File
	size int   // of the file
	gone int64 // bytes that are in no file any more
	last int   // size of the last generation
}

// Write takes whole lines. It begins the file where there is more than can be held.
func (l *logFile) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil && l.held.Len()+len(lines) <= maxHeld {
		return l.held.Write(lines)
	}
	if err := l.open(); err != nil {
		return 0, err
	}
	if l.size+len(lines) > maxLog {
		if err := l.startAnew(); err != nil {
			return 0, err
		}
	}
	return l.append(lines)
}

func (l *logFile) append(lines []byte) (int, error) {
	n, err := l.file.Write(lines)
	l.size += n
	return n, err
}

// begin writes what was held, and all else from now on, to the file.
func (l *logFile) begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open()
}

// open makes a new file rather than emptying the old one, which may live on as a failed run's log.
func (l *logFile) open() error {
	if l.file != nil {
		return nil
	}
	for _, path := range []string{l.path, older(l.path)} {
		if err := remove(path); err != nil {
			return fmt.Errorf("start the log anew: %w", err)
		}
	}
	file, err := openPrivate(l.path, os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("start the log anew: %w", err)
	}
	l.file = file
	_, err = l.append(l.held.Bytes())
	l.held = bytes.Buffer{}
	return err
}

// startAnew leaves the file as the last generation, in the place of the one before, and says so in the new one.
func (l *logFile) startAnew() error {
	// Not over the last generation: a rename that replaces a file makes ext4 write the new one to disk at once, see
	// auto_da_alloc in ext4(5), and most of a flood is gone before its turn to be written comes. What it holds is given up
	// beside what comes next, since that takes as long as to write a tenth of it.
	if last, err := os.Open(older(l.path)); err == nil {
		defer func() { go last.Close() }()
	}
	if err := remove(older(l.path)); err != nil {
		return fmt.Errorf("start the log anew: %w", err)
	}
	if err := os.Rename(l.path, older(l.path)); err != nil {
		return fmt.Errorf("start the log anew: %w", err)
	}
	file, err := openPrivate(l.path, os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("start the log anew: %w", err)
	}
	_ = l.file.Close() // it was written unbuffered
	l.gone += int64(l.last)
	l.file, l.last, l.size = file, l.size, 0
	note := "--- what came before is in the file with .1 at the end of its name"
	if l.gone > 0 {
		note += fmt.Sprintf("; before that, %d bytes are left out", l.gone)
	}
	_, err = l.append([]byte(note + "\n"))
	return err
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// remove takes a file away that may be gone already.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func failedPath(path string) string { return path[:len(path)-len(".log")] + ".failed.log" }

// keepFailed gives the log and its last generation second names that the next run leaves alone.
func keepFailed(path string) error {
	kept := failedPath(path)
	for from, to := range map[string]string{path: kept, older(path): older(kept)} {
		if err := remove(to); err != nil {
			return fmt.Errorf("keep the log: %w", err)
		}
		if err := os.Link(from, to); err != nil && (from == path || !errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("keep the log: %w", err)
		}
	}
	return nil
}
