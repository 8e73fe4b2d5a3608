package logs

import (
	"fmt"
	"io"

	"dvm/engine"
)

// Plan shows what would be done, on standard output.
type Plan struct {
	Stdout io.Writer
	Term   *Terminal // for warnings and errors
	JSON   bool
}

// Show prints what would be done with a VM: its events, and the command that creates it, if that is one of them. err is why
// it would fail at once, or nil. What the mask hides goes nowhere.
func (p Plan) Show(vm, create string, report engine.Report, events []engine.Event, err error, mask *Mask) error {
	objects := JSONLines(p.Stdout, p.JSON)
	create = mask.Text(create)
	if create != "" && !p.JSON {
		if _, err := fmt.Fprintln(p.Stdout, create); err != nil {
			return err
		}
	}
	for _, event := range events {
		event = cleaned(event, mask)
		if p.JSON {
			more := extra{}
			if event.State == engine.Change {
				more.command, create = create, "" // it is the first change
			}
			writeEvent(objects, vm, event, more)
		}
		switch {
		case event.State == engine.Warning:
			p.Term.Warn(vm + ": " + event.Why)
		case p.JSON:
		default:
			if _, err := fmt.Fprintln(p.Stdout, planLine(vm, event)); err != nil {
				return err
			}
		}
		if event.Err != nil {
			p.Term.block(errorLines(vm + ": " + event.Err.Error()))
		}
		if event.Hint != "" {
			p.Term.Hint(event.Hint)
		}
	}
	if p.JSON {
		writeSummary(objects, vm, ending("planned", err, mask), report, []engine.State{engine.OK, engine.Change, engine.Unknown, engine.Failed, engine.NotRun})
	}
	return objects.Err()
}

// planLine is `app user change: may sudo -> developer, without sudo`.
func planLine(vm string, event engine.Event) string {
	text := fmt.Sprintf("%s %s %s", vm, event.Step, event.State)
	switch event.State {
	case engine.NotRun:
		return fmt.Sprintf("%s %s not run", vm, event.Step)
	case engine.Change:
		return text + ": " + event.From + " -> " + event.To
	}
	if event.Why != "" {
		text += ": " + event.Why
	}
	return text
}
