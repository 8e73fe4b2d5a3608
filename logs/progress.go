package logs

import (
	"fmt"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"dvm/engine"
)

const frameTime = 100 * time.Millisecond

// fewWords is the width of what an ok step may say and share a line with others. One with more to say, such as a public
// key, is worth its own.
const fewWords = 40

// Progress shows one VM's steps: a live line with a spinner while a step runs, and lines that stay for those that have
// ended. Consecutive steps that were ok share one, as do those that were not run.
type Progress struct {
	term     *Terminal
	vm       string
	stateDir string
	now      chan engine.Event
	done     chan struct{}

	shared []engine.Event // ended, all in the same state, and not yet printed
}

// NewProgress begins to show; End must be called. How long a step usually takes is read from the event logs in stateDir; where
// that is empty, it is not shown.
func NewProgress(term *Terminal, vm, stateDir string) *Progress {
	p := &Progress{term: term, vm: vm, stateDir: stateDir, now: make(chan engine.Event), done: make(chan struct{})}
	go p.show()
	return p
}

// Observe is told the steps' events.
func (p *Progress) Observe(event engine.Event) { p.now <- event }

// End removes the live line. What was printed stays.
func (p *Progress) End() {
	close(p.now)
	<-p.done
}

// running is what a live line shows.
type running struct {
	step    string
	doing   string
	begin   time.Time
	usually time.Duration // or 0
}

func (p *Progress) show() {
	defer close(p.done)
	defer p.flush()
	defer p.term.Live(p.vm, "")
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	var now running
	for {
		select {
		case event, open := <-p.now:
			if !open {
				return
			}
			now = p.follow(now, event)
		case <-tick.C:
		}
		if now.step != "" {
			p.term.Live(p.vm, p.frame(now))
		}
	}
}

// follow prints what is to stay of an event, and gives what runs after it.
func (p *Progress) follow(now running, event engine.Event) running {
	event.Why, event.To = Clean(event.Why), Clean(event.To)
	switch event.State {
	case engine.Doing, engine.Applying, engine.Waiting:
		if now.step == "" { // it says so before it begins
			now = running{step: event.Step, begin: p.term.Now()}
		}
	}
	switch event.State {
	case engine.Started:
		return running{step: event.Step, begin: p.term.Now()}
	case engine.Doing:
		now.doing = event.Why
	case engine.Applying:
		now.doing = event.Why
		if p.term.Animate && p.stateDir != "" {
			now.usually = usually(p.stateDir, event)
		}
	case engine.Waiting:
		now.doing = "waits " + event.Why
		if !p.term.Animate {
			p.flush()
			p.term.Line("  %s %s waits: %s", p.vm, event.Step, event.Why)
		}
	case engine.Warning:
		p.flush()
		p.term.Warn(p.vm + ": " + event.Why)
		if event.Hint != "" {
			p.term.Hint(event.Hint)
		}
	default:
		p.term.Live(p.vm, "")
		p.ended(event)
		return running{}
	}
	return now
}

// ended prints a step's line, or keeps it for one that it shares with the steps around it.
func (p *Progress) ended(event engine.Event) {
	if len(p.shared) > 0 && p.shared[0].State != event.State {
		p.flush()
	}
	if event.State == engine.NotRun || event.State == engine.OK && displaywidth.String(event.Why) <= fewWords {
		p.shared = append(p.shared, event)
		return
	}
	p.flush()
	p.term.Line("%s", p.line(event))
}

// flush prints the line that steps share: `✓ app ok: instance, user, code (0.1 s)`.
func (p *Progress) flush() {
	if len(p.shared) == 0 {
		return
	}
	var names []string
	var took time.Duration
	for _, event := range p.shared {
		names = append(names, event.Step)
		took += event.Took
	}
	if p.shared[0].State == engine.OK {
		p.term.Line("%s %s ok: %s (%s)", p.term.mark(markDone), p.vm, strings.Join(names, ", "), Seconds(took))
	} else {
		p.term.Line("%s %s not run: %s", p.term.mark(markNotRun), p.vm, strings.Join(names, ", "))
	}
	p.shared = nil
}

// frame is `⠹ app instance 12 s: boots, waiting for ssh (usually 41 s)`.
func (p *Progress) frame(now running) string {
	took := p.term.Now().Sub(now.begin)
	spinner := []rune(`|/-\`)
	if p.term.Unicode {
		spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	}
	text := fmt.Sprintf("%c %s %s", spinner[int(took/frameTime)%len(spinner)], p.vm, now.step)
	if took >= time.Second {
		text += fmt.Sprintf(" %.0f s", took.Seconds())
	}
	if now.doing != "" {
		text += ": " + now.doing
	}
	if now.usually >= time.Second {
		text += fmt.Sprintf(" (usually %.0f s)", now.usually.Seconds())
	}
	return text
}

// line is that of a finished step which shares none: `✓ app user changed (0.4 s): no user developer`.
func (p *Progress) line(event engine.Event) string {
	mark, why := markDone, event.Why
	if event.State == engine.Failed {
		mark = markFailed
		why = "" // the error follows, with all that is known
	}
	text := fmt.Sprintf("%s %s %s %s (%s)", p.term.mark(mark), p.vm, event.Step, event.State, Seconds(event.Took))
	if why != "" {
		text += ": " + why
	}
	if event.To != "" {
		text += " -> " + event.To
	}
	return text
}

// Seconds is a duration as a person reads it: tenths below ten seconds, whole seconds from there.
func Seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
