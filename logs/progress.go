package logs

import (
	"fmt"
	"time"

	"dvm/engine"
)

const frameTime = 100 * time.Millisecond

// Progress shows one VM's steps: a live line with a spinner while a step runs, and a line that stays once it has ended.
type Progress struct {
	term *Terminal
	vm   string
	now  chan engine.Event
	done chan struct{}
}

// NewProgress begins to show; End must be called.
func NewProgress(term *Terminal, vm string) *Progress {
	p := &Progress{term: term, vm: vm, now: make(chan engine.Event), done: make(chan struct{})}
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

func (p *Progress) show() {
	defer close(p.done)
	defer p.term.Live(p.vm, "")
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	var step, doing string
	begin := p.term.Now()
	for {
		select {
		case event, open := <-p.now:
			if !open {
				return
			}
			event.Why = Clean(event.Why)
			switch event.State {
			case engine.Started:
				step, doing, begin = event.Step, "", p.term.Now()
			case engine.Applying:
				doing = event.Why
			case engine.Waiting:
				doing = event.Why
				if !p.term.Animate {
					p.term.Line("  %s %s waits: %s", p.vm, event.Step, event.Why)
				}
			case engine.Warning:
				p.term.Warn(p.vm + ": " + event.Why)
				if event.Hint != "" {
					p.term.Hint(event.Hint)
				}
			default:
				p.term.Live(p.vm, "")
				step = ""
				p.term.Line("%s", p.line(event))
			}
		case <-tick.C:
		}
		if step != "" {
			p.term.Live(p.vm, p.frame(step, doing, p.term.Now().Sub(begin)))
		}
	}
}

func (p *Progress) frame(step, doing string, took time.Duration) string {
	spinner := []rune(`|/-\`)
	if p.term.Unicode {
		spinner = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
	}
	text := fmt.Sprintf("%c %s %s", spinner[int(took/frameTime)%len(spinner)], p.vm, step)
	if took >= time.Second {
		text += fmt.Sprintf(" %.0f s", took.Seconds())
	}
	if doing != "" {
		text += ": " + doing
	}
	return text
}

// line is a finished step: `✓ app user changed (0.4 s): no user developer`.
func (p *Progress) line(event engine.Event) string {
	mark, state := markDone, string(event.State)
	why := event.Why
	switch event.State {
	case engine.Failed:
		mark = markFailed
		why = "" // the error follows, with all that is known
	case engine.NotRun:
		return fmt.Sprintf("%s %s %s not run", p.term.mark(markNotRun), p.vm, event.Step)
	}
	text := fmt.Sprintf("%s %s %s %s (%s)", p.term.mark(mark), p.vm, event.Step, state, Seconds(event.Took))
	if why != "" {
		text += ": " + why
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
