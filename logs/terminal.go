// Package logs keeps the per-VM log files, and is the only place that decides what a terminal shows.
package logs

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Terminal is what standard error can do, decided once. It is the only writer to it: lines and the live line share one
// lock, so that neither tears the other.
type Terminal struct {
	Animate bool // a live line may be drawn and drawn again
	Colour  bool
	Unicode bool
	Now     func() time.Time
	width   func() int // in columns; a constant where the size can't be asked

	mu   sync.Mutex
	w    io.Writer
	live string // the live line as it stands on the screen, or empty
}

const fallbackWidth = 80

// NewTerminal looks at standard error and at NO_COLOR, TERM, CI and the locale.
func NewTerminal(stderr *os.File) *Terminal {
	t := &Terminal{w: stderr, Now: time.Now, Unicode: utf8Locale(), width: func() int { return fallbackWidth }}
	if !term.IsTerminal(int(stderr.Fd())) || os.Getenv("TERM") == "dumb" {
		return t
	}
	t.Animate = os.Getenv("CI") == ""
	t.Colour = os.Getenv("NO_COLOR") == ""
	t.width = func() int {
		if width, _, err := term.GetSize(int(stderr.Fd())); err == nil && width > 0 {
			return width
		}
		return fallbackWidth
	}
	return t
}

// utf8Locale follows the order that POSIX gives the variables.
func utf8Locale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

// Line prints one finished line above the live one.
func (t *Terminal) Line(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	live := t.live
	t.erase()
	_, _ = fmt.Fprintf(t.w, format+"\n", args...)
	t.draw(live)
}

// Ask prints a question, after which the user types on the same line.
func (t *Terminal) Ask(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	_, _ = fmt.Fprintf(t.w, format, args...)
}

// Live replaces the live line; empty text removes it. It does nothing where nothing can be animated.
func (t *Terminal) Live(text string) {
	if !t.Animate {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	t.draw(text)
}

func (t *Terminal) erase() {
	if t.live != "" {
		_, _ = io.WriteString(t.w, "\r\x1b[K")
		t.live = ""
	}
}

// draw never fills the last column, which would wrap the line and leave it behind.
func (t *Terminal) draw(text string) {
	if text == "" {
		return
	}
	if most := t.width() - 1; len([]rune(text)) > most {
		text = string([]rune(text)[:max(most, 0)])
	}
	_, _ = io.WriteString(t.w, text)
	t.live = text
}

type mark struct{ unicode, ascii, colour string }

var (
	markDone   = mark{"✓", "+", "\x1b[32m"}
	markFailed = mark{"✗", "x", "\x1b[31m"}
	markNotRun = mark{"–", "-", "\x1b[2m"}
)

func (t *Terminal) mark(m mark) string {
	text := m.ascii
	if t.Unicode {
		text = m.unicode
	}
	if t.Colour {
		return m.colour + text + "\x1b[0m"
	}
	return text
}
