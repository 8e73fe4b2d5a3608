// Package logs keeps the per-VM log files, and is the only place that decides what a terminal shows. A Run is told the
// events and the output of one VM's sync; a Terminal is the one writer of standard error; what comes from a guest passes
// Clean, and a Mask where there are secrets.
package logs

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/clipperhouse/displaywidth"
	"github.com/vbauerster/cupwriter"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Terminal is what standard error can do, decided once. It is the only writer to it: lines and the live line share one
// lock, so that neither tears the other.
type Terminal struct {
	Animate bool // a live line may be drawn and drawn again
	Colour  bool
	Unicode bool
	Now     func() time.Time
	size    func() (columns, rows int) // a constant where it can't be asked
	ours    func() bool                // whether nobody else writes to it now

	mu        sync.Mutex
	out       io.Writer         // standard error
	screen    *cupwriter.Writer // writes to out, and takes back what it wrote last
	live      []liveLine
	drawn     []string // live lines on the screen
	drawnAt   time.Time
	continued chan os.Signal // SIGCONT, once there are live lines
}

// liveLine is one VM's line below all finished ones, drawn again and again.
type liveLine struct{ key, text string }

const (
	fallbackWidth = 80
	fallbackRows  = 24

	cursorUp = "\x1b[%dA" // so many rows
)

// NewTerminal looks at standard error and at NO_COLOR, TERM, CI and the locale.
func NewTerminal(stderr *os.File) *Terminal {
	t := newTerminal(stderr, false)
	t.Unicode = utf8Locale()
	if !term.IsTerminal(int(stderr.Fd())) || os.Getenv("TERM") == "dumb" {
		return t
	}
	t.Colour = os.Getenv("NO_COLOR") == ""
	t.Animate = t.Colour && os.Getenv("CI") == ""
	t.ours = func() bool { return !inBackground(int(stderr.Fd())) }
	t.size = func() (int, int) {
		if columns, rows, err := term.GetSize(int(stderr.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
		return fallbackSize()
	}
	return t
}

// Still has it draw no live lines, and is to be called before there are any: what reads standard output may write to the same
// terminal.
func (t *Terminal) Still() { t.Animate = false }

// newTerminal takes it from animate whether out can take lines back; a file that is a terminal always can.
func newTerminal(out io.Writer, animate bool) *Terminal {
	return &Terminal{Animate: animate, Now: time.Now, size: fallbackSize, ours: func() bool { return true }, out: out, screen: cupwriter.New(out, animate)}
}

// inBackground tells whether the file is this process's terminal, and a shell has it or has given it to another job.
func inBackground(fd int) bool {
	foreground, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && foreground != unix.Getpgrp()
}

// InForeground tells whether this process has the terminal that it was started on: what is typed there, Ctrl-C too, is for it.
func InForeground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	return !inBackground(int(tty.Fd()))
}

// wasStopped tells whether this process was stopped, by Ctrl-Z or otherwise, and goes on since it drew last: a shell has written
// below. Where it draws late, word of that may be on its way.
func (t *Terminal) wasStopped() bool {
	select {
	case <-t.continued:
		return true
	default:
	}
	if len(t.drawn) == 0 || t.Now().Sub(t.drawnAt) < 2*frameTime {
		return false
	}
	select {
	case <-t.continued:
		return true
	case <-time.After(5 * time.Millisecond):
		return false
	}
}

func fallbackSize() (columns, rows int) { return fallbackWidth, fallbackRows }

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

// Line prints one finished line above the live ones.
func (t *Terminal) Line(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.draw(fmt.Sprintf(format+"\n", args...))
}

// Ask prints a question, after which the user types on the same line.
func (t *Terminal) Ask(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.alone()
	_, _ = fmt.Fprintf(t.screen, format, args...)
	columns, _ := t.size()
	t.flush(columns, nil)
}

// Live replaces the live line of that key; empty text removes it. It does nothing where nothing can be animated.
func (t *Terminal) Live(key, text string) {
	if !t.Animate {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.live, func(line liveLine) bool { return line.key == key })
	switch {
	case i < 0 && text == "":
		return
	case i < 0:
		if t.continued == nil {
			t.continued = make(chan os.Signal, 1)
			signal.Notify(t.continued, syscall.SIGCONT)
		}
		t.live = append(t.live, liveLine{key, text})
	case text == "":
		t.live = slices.Delete(t.live, i, i+1)
	default:
		t.live[i].text = text
	}
	t.draw("")
}

// alone tells whether nobody else writes to this terminal now. Where somebody does, or has, the live lines stay where they are.
func (t *Terminal) alone() bool {
	alone := !t.Animate || t.ours()
	if !alone || t.wasStopped() {
		t.leave()
	}
	return alone
}

// leave lets the live lines stay where they are.
func (t *Terminal) leave() {
	t.screen.Reset()
	t.drawn = nil
}

// draw writes a text, and the live lines below it where nobody else writes. It never fills the last column, which would wrap the
// line, and never more than the screen holds.
func (t *Terminal) draw(above string) {
	columns, rows := t.size()
	shown := min(len(t.live), max(rows-1, 1))
	if !t.alone() {
		shown = 0
	}
	_, _ = io.WriteString(t.screen, above)
	var lines []string
	for _, line := range t.live[:shown] {
		text := strings.ReplaceAll(line.text, "\t", " ") // whose width the terminal alone knows
		text = displaywidth.TruncateString(text, max(columns-1, 0), "")
		_, _ = fmt.Fprintln(t.screen, text)
		lines = append(lines, text)
	}
	t.flush(columns, lines)
}

// flush writes what the screen was given, of which these lines are live, in the place of the live lines before: the library
// goes up by as many lines as it wrote and clears what is below. It can't know that a screen which has become narrower since
// has wrapped them; what they take beyond a row each is gone up here.
func (t *Terminal) flush(columns int, lines []string) {
	wrapped := 0
	for _, line := range t.drawn {
		wrapped += max(displaywidth.String(line)-1, 0) / columns
	}
	if len(t.drawn) > 0 {
		_, _ = fmt.Fprint(t.out, "\r") // the terminal may have echoed what was typed, such as ^C
	}
	if wrapped > 0 {
		_, _ = fmt.Fprintf(t.out, cursorUp, wrapped)
	}
	_ = t.screen.Flush(len(lines))
	t.drawn, t.drawnAt = lines, t.Now()
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
