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

// newer is the name of a file until it takes another's place.
func newer(path string) string { return path + ".new" }

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
	// First, since nothing is to be given up where no file can be made.
	file, err := openPrivate(newer(l.path), os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("start the log anew: %w", err)
	}
	if err := shift(l.path); err != nil {
		return fmt.Errorf("start the log anew: %w", errors.Join(err, file.Close()))
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

// shift makes of a log its last generation, and of a newer one the log.
func shift(path string) error {
	if err := remove(older(path)); err != nil {
		return err
	}
	if err := os.Rename(path, older(path)); err != nil {
		return err
	}
	return os.Rename(newer(path), path)
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

// keepFailed gives the log and its last generation second names that the next run leaves alone. Where it can't, those of the
// failure before stay.
func keepFailed(path string) error {
	kept := failedPath(path)
	err := replace(path, kept)
	if err == nil {
		if err = replace(older(path), older(kept)); errors.Is(err, fs.ErrNotExist) {
			err = remove(older(kept))
		}
	}
	if err != nil {
		return fmt.Errorf("keep the log: %w", err)
	}
	return nil
}

// replace makes of to a second name of the file from.
func replace(from, to string) error {
	if err := errors.Join(remove(newer(to)), os.Link(from, newer(to))); err != nil {
		return err
	}
	return errors.Join(os.Rename(newer(to), to), remove(newer(to))) // which stays where both are one file already
}
