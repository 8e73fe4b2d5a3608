// Package engine runs ordered lists of idempotent steps and says what became of each. It knows nothing of virtual
// machines or scripts.
package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// State is what an Event says of a step.
type State string

// The states of a step. A step that runs to its end is OK, Changed or Failed; what comes after a failed one is NotRun. A
// plan has Change and Unknown in the place of Changed.
const (
	Started  State = "start"   // its check begins
	Applying State = "apply"   // its check found something to do
	Waiting  State = "wait"    // it waits for something outside, named by Why
	OK       State = "ok"      // it was so already
	Changed  State = "changed" // it was applied, and a second check confirmed it
	Failed   State = "failed"
	NotRun   State = "not_run"
	Change   State = "change"  // a run would apply it
	Unknown  State = "unknown" // only a run can tell, for the reason in Why
	Warning  State = "warning" // says something beside the step's course
	Doing    State = "doing"   // says in Why what it does at this moment, which is of no interest afterwards
)

// final tells whether no other event follows for the step.
func (s State) final() bool {
	switch s {
	case OK, Changed, Failed, NotRun, Change, Unknown:
		return true
	}
	return false
}

// Event is one thing that happened to a step.
type Event struct {
	Step   string
	State  State
	Why    string        // the reason of a no-op, what is to change, or what is waited for
	From   string        // of a planned change: what there is
	To     string        // of a planned change: what is wanted; of a change: what there is now, where that is to be told
	Hint   string        // of a warning or a failure: a command to type
	Took   time.Duration // of a final state, filled in by Run and Plan
	Err    error         // of a failed step
	Status int           // exit status of what failed, where it has one and somebody looked
}

// Observer is told every event as it happens.
type Observer func(Event)

// Stage is one or more consecutive steps of the list that run together.
type Stage interface {
	// Names lists its steps in order.
	Names() []string
	// Run takes the steps in order, tells observe about each, and stops at the first that fails, with its error.
	Run(ctx context.Context, observe Observer) error
	// Plan tells observe what Run would do with each step, by the same checks, and changes nothing.
	Plan(ctx context.Context, observe Observer) error
}

// Finding is what a step's check found.
type Finding struct {
	Change bool   // something is to do
	Why    string // what is to do, or why nothing is
	From   string // what there is, where something is to do
	To     string // what is wanted, where something is to do
}

// Step checks one thing, and changes it where the check says so.
type Step interface {
	Name() string
	Check(ctx context.Context) (Finding, error)
	Apply(ctx context.Context) error
}

// Single makes a stage of one step: check, apply where something is to do, and check again. An apply after which the
// check still finds something to do has failed.
func Single(step Step) Stage { return single{step} }

type single struct{ step Step }

func (s single) Names() []string { return []string{s.step.Name()} }

func (s single) Run(ctx context.Context, observe Observer) error {
	name := s.step.Name()
	finish := func(state State, why string, err error) error {
		observe(Event{Step: name, State: state, Why: why, Err: err})
		return err
	}
	observe(Event{Step: name, State: Started})
	before, err := s.step.Check(ctx)
	if err != nil {
		return finish(Failed, "", err)
	}
	if !before.Change {
		return finish(OK, before.Why, nil)
	}
	observe(Event{Step: name, State: Applying, Why: before.Why})
	if err := s.step.Apply(ctx); err != nil {
		return finish(Failed, before.Why, err)
	}
	after, err := s.step.Check(ctx)
	if err == nil && after.Change {
		err = fmt.Errorf("applied, and yet: %s", after.Why)
	}
	if err != nil {
		return finish(Failed, before.Why, err)
	}
	return finish(Changed, before.Why, nil)
}

func (s single) Plan(ctx context.Context, observe Observer) error {
	name := s.step.Name()
	found, err := s.step.Check(ctx)
	switch {
	case err != nil:
		observe(Event{Step: name, State: Failed, Err: err})
	case found.Change:
		observe(Event{Step: name, State: Change, From: found.From, To: found.To})
	default:
		observe(Event{Step: name, State: OK, Why: found.Why})
	}
	return err
}

// Report is what became of a list of steps.
type Report struct {
	Steps []Event // the final event of each step, in order
	Took  time.Duration
	Err   error // why the list ended early, or nil
}

// Count is the number of steps that ended in a state.
func (r Report) Count(state State) int {
	n := 0
	for _, step := range r.Steps {
		if step.State == state {
			n++
		}
	}
	return n
}

// Run takes the stages in order and stops at the first failure. Every step of the list gets a final event: where a stage
// ended without naming a failed step, the first that had not ended is the one. A stage that leaves a step open has failed.
func Run(ctx context.Context, stages []Stage, observe Observer) Report {
	return take(ctx, stages, observe, Stage.Run)
}

// Plan is Run without its changes: it says what a run would do.
func Plan(ctx context.Context, stages []Stage, observe Observer) Report {
	return take(ctx, stages, observe, Stage.Plan)
}

type way func(stage Stage, ctx context.Context, observe Observer) error

func take(ctx context.Context, stages []Stage, observe Observer, do way) Report {
	begin := time.Now()
	begun := map[string]time.Time{} // when each step began, or first waited where it has to wait before that
	ended := map[string]Event{}
	record := func(event Event) {
		at, known := begun[event.Step]
		switch {
		case event.State.final():
			if known {
				event.Took = time.Since(at)
			}
			ended[event.Step] = event
		case event.State == Started || !known:
			begun[event.Step] = time.Now()
		}
		observe(event)
	}
	var report Report
	failed := false
	for _, stage := range stages {
		if report.Err == nil {
			report.Err = takeStage(ctx, stage, record, do)
		}
		for _, name := range stage.Names() {
			if _, ok := ended[name]; !ok {
				if report.Err == nil {
					report.Err = fmt.Errorf("%s: nobody knows what became of it", name)
				}
				if failed {
					record(Event{Step: name, State: NotRun})
				} else {
					record(Event{Step: name, State: Failed, Err: report.Err})
				}
			}
			failed = failed || ended[name].State == Failed
			report.Steps = append(report.Steps, ended[name])
		}
	}
	report.Took = time.Since(begin)
	return report
}

func takeStage(ctx context.Context, stage Stage, observe Observer, do way) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	err := do(stage, ctx, observe)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		// What a cancelled stage ran into is a consequence; the cause is what the user wants to read.
		return errors.Join(cause, err)
	}
	return err
}

// Advice is an error with a command that mends it.
type Advice struct {
	Err  error
	Hint string // a command to type, or what to do in one line
}

// Advise adds a hint to an error. A nil error stays nil.
func Advise(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Advice{Err: err, Hint: fmt.Sprintf(format, args...)}
}

func (a *Advice) Error() string { return a.Err.Error() }

// Unwrap gives the error without the hint.
func (a *Advice) Unwrap() error { return a.Err }
