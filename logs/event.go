package logs

import (
	"errors"
	"io"
	"time"

	"github.com/rs/zerolog"

	"dvm/engine"
)

// The schema of the JSON objects is in the README, under Output for programs.

// JSONLines makes of w a place where several VMs can write their objects, or gives none where nobody wants them.
func JSONLines(w io.Writer, wanted bool) io.Writer {
	if !wanted {
		return io.Discard
	}
	return zerolog.SyncWriter(w)
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
	withError(line, event.Err, event.Status).Send()
}

// writeSummary writes what became of a VM as one JSON object: how many steps ended in each of the states.
func writeSummary(w io.Writer, vm, state string, report engine.Report, states []engine.State, err error, status int) {
	logger := zerolog.New(w)
	line := logger.Log().Time("time", time.Now()).Str("vm", vm).Str("state", state).Float64("seconds", report.Took.Seconds())
	for _, state := range states {
		line = line.Int(string(state), report.Count(state))
	}
	withError(line, err, status).Send()
}

// NotBegun writes that nothing was done with a VM, as its one JSON object.
func NotBegun(w io.Writer, vm string, err error) {
	writeSummary(w, vm, "not_begun", engine.Report{}, nil, err, 0)
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
		if advice := hints(event.Err); len(advice) > 0 {
			event.Hint = advice[0]
		}
		event.Err = errors.New(mask.cleanLines(event.Err.Error()))
	}
	for _, text := range []*string{&event.Why, &event.From, &event.To, &event.Hint} {
		*text = mask.clean(*text)
	}
	return event
}
