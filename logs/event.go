package logs

import (
	"cmp"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"dvm/engine"
)

// The schema of the JSON objects is in the README, under Output for programs.

// Objects is where several VMs write their JSON objects, one a Write. No Write fails: what can't be written must not keep
// the objects from events.jsonl too, nor end a sync.
type Objects struct {
	w   io.Writer // nil where nobody wants them
	mu  sync.Mutex
	err error
}

// JSONLines makes of w a place for objects, or gives one that nobody reads.
func JSONLines(w io.Writer, wanted bool) *Objects {
	if !wanted {
		return &Objects{}
	}
	return &Objects{w: w}
}

func (o *Objects) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.w != nil && o.err == nil {
		_, o.err = o.w.Write(p)
	}
	return len(p), nil
}

// Err is why objects were lost, or nil.
func (o *Objects) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// extra is what an event's object has beside the event itself.
type extra struct {
	log     string // where the output of what failed is kept
	command string // the one that a planned change runs
}

// writeEvent writes what happened to a step as one JSON object.
func writeEvent(w io.Writer, vm string, event engine.Event, more extra) {
	logger := zerolog.New(w)
	line := logger.Log().Time("time", time.Now()).Str("vm", vm).Str("step", event.Step).Str("state", string(event.State))
	if event.Took > 0 {
		line = line.Float64("seconds", event.Took.Seconds())
	}
	withError(withTexts(line, event, more), event.Err, event.Status).Send()
}

// writeSummary writes what became of a VM as one JSON object: how many steps ended in each of the states. end is an event
// without a step.
func writeSummary(w io.Writer, vm string, end engine.Event, report engine.Report, states []engine.State) {
	logger := zerolog.New(w)
	line := logger.Log().Time("time", time.Now()).Str("vm", vm).Str("state", string(end.State)).Float64("seconds", report.Took.Seconds())
	for _, state := range states {
		line = line.Int(string(state), report.Count(state))
	}
	withError(withTexts(line, end, extra{}), end.Err, end.Status).Send()
}

// ending is the event without a step that ends a VM: in that state, or failed where there is an error.
func ending(state engine.State, err error, mask *Mask) engine.Event {
	if err != nil {
		state = engine.Failed
	}
	return cleaned(engine.Event{State: state, Err: err}, mask)
}

// NotBegun writes that nothing was done with a VM, as its one JSON object.
func NotBegun(w io.Writer, vm string, err error) {
	writeSummary(w, vm, cleaned(engine.Event{State: "not_begun", Err: err}, nil), engine.Report{}, nil)
}

// Result is what a verb other than sync made of a VM, or would make of it.
type Result struct {
	VM, State string
	From, To  string // of a plan: what there is, and what is wanted
	Why       string // there was nothing to do, or was not done
	Err       error
}

// Write writes the result as the VM's one JSON object. Where there is an error, its state is failed.
func (r Result) Write(w io.Writer) {
	event := cleaned(engine.Event{State: engine.State(r.State), From: r.From, To: r.To, Why: r.Why, Err: r.Err}, nil)
	if r.Err != nil {
		event.State = engine.Failed
	}
	logger := zerolog.New(w)
	line := withTexts(logger.Log().Time("time", time.Now()).Str("vm", r.VM).Str("state", string(event.State)), event, extra{})
	withError(line, event.Err, event.Status).Send()
}

// withTexts adds those of an event's texts that say something.
func withTexts(line *zerolog.Event, event engine.Event, more extra) *zerolog.Event {
	for _, field := range []struct{ name, value string }{
		{"reason", event.Why},
		{"from", event.From},
		{"to", event.To},
		{"command", more.command},
		{"hint", event.Hint},
		{"log", more.log},
	} {
		if field.value != "" {
			line = line.Str(field.name, field.value)
		}
	}
	return line
}

func withError(line *zerolog.Event, err error, status int) *zerolog.Event {
	if err != nil {
		line = line.Str("error", err.Error())
	}
	if status > 0 {
		line = line.Int("exit_status", status)
	}
	return line
}

// exitStatus is that of the program behind an error, or 0.
func exitStatus(err error) int {
	var ended interface{ ExitStatus() int }
	if errors.As(err, &ended) {
		return ended.ExitStatus()
	}
	return 0
}

// cleaned is an event without what a terminal or a reader must not get.
func cleaned(event engine.Event, mask *Mask) engine.Event {
	if event.Err != nil {
		event.Status = exitStatus(event.Err)
		event.Hint = cmp.Or(strings.Join(hints(event.Err), "; "), event.Hint)
		event.Err = errors.New(mask.cleanLines(event.Err.Error()))
	}
	for _, text := range []*string{&event.Why, &event.From, &event.To, &event.Hint} {
		*text = mask.clean(*text)
	}
	return event
}
