package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"dvm/engine"
)

// step is one whose checks find what changes says, one after another.
type step struct {
	name    string
	changes []bool
	apply   error
	applied int
	check   func()
}

func (s *step) Name() string { return s.name }

func (s *step) Check(context.Context) (engine.Finding, error) {
	if s.check != nil {
		s.check()
	}
	change := len(s.changes) > 0 && s.changes[0]
	s.changes = s.changes[min(1, len(s.changes)):]
	return engine.Finding{Change: change, Why: "why"}, nil
}

func (s *step) Apply(context.Context) error {
	s.applied++
	return s.apply
}

// silent is a stage that ends well and says nothing of its steps.
type silent []string

func (s silent) Names() []string                             { return s }
func (s silent) Run(context.Context, engine.Observer) error  { return nil }
func (s silent) Plan(context.Context, engine.Observer) error { return nil }

func states(report engine.Report) (states []engine.State) {
	for _, event := range report.Steps {
		states = append(states, event.State)
	}
	return states
}

func TestRun(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name   string
		stages []engine.Stage
		want   []engine.State
		failed bool
	}{
		{"nothing to do", []engine.Stage{engine.Single(&step{name: "a"})}, []engine.State{engine.OK}, false},
		{"a change", []engine.Stage{engine.Single(&step{name: "a", changes: []bool{true, false}})}, []engine.State{engine.Changed}, false},
		{"a change that does not come true", []engine.Stage{engine.Single(&step{name: "a", changes: []bool{true, true}}), engine.Single(&step{name: "b"})},
			[]engine.State{engine.Failed, engine.NotRun}, true},
		{"an apply that fails", []engine.Stage{engine.Single(&step{name: "a"}), engine.Single(&step{name: "b", changes: []bool{true}, apply: broken}), silent{"c", "d"}},
			[]engine.State{engine.OK, engine.Failed, engine.NotRun, engine.NotRun}, true},
		{"a stage that leaves steps open", []engine.Stage{silent{"a", "b"}, engine.Single(&step{name: "c"})},
			[]engine.State{engine.Failed, engine.NotRun, engine.NotRun}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var last []engine.State
			report := engine.Run(t.Context(), c.stages, func(event engine.Event) { last = append(last, event.State) })
			if got := states(report); !slices.Equal(got, c.want) {
				t.Errorf("the steps ended as %v, want %v", got, c.want)
			}
			if (report.Err != nil) != c.failed {
				t.Errorf("the error is %v", report.Err)
			}
			if last[len(last)-1] != c.want[len(c.want)-1] {
				t.Errorf("the observer was told %v", last)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	change := &step{name: "b", changes: []bool{true}}
	report := engine.Plan(t.Context(), []engine.Stage{engine.Single(&step{name: "a"}), engine.Single(change), engine.Single(&step{name: "c"})}, func(engine.Event) {})
	if got, want := states(report), []engine.State{engine.OK, engine.Change, engine.OK}; !slices.Equal(got, want) || report.Err != nil {
		t.Errorf("planned %v with %v, want %v", got, report.Err, want)
	}
	if change.applied > 0 {
		t.Error("a plan applied something")
	}
	report = engine.Plan(t.Context(), []engine.Stage{silent{"a"}, engine.Single(&step{name: "b"})}, func(engine.Event) {})
	if got, want := states(report), []engine.State{engine.Failed, engine.NotRun}; !slices.Equal(got, want) || report.Err == nil {
		t.Errorf("of a stage that leaves steps open: %v with %v, want %v", got, report.Err, want)
	}
}

func TestRunIsCancelled(t *testing.T) {
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	last := &step{name: "b", changes: []bool{true}}
	report := engine.Run(ctx, []engine.Stage{engine.Single(&step{name: "a", check: func() { cancel(why) }}), engine.Single(last)}, func(engine.Event) {})
	if !errors.Is(report.Err, why) || !slices.Equal(states(report), []engine.State{engine.OK, engine.Failed}) || last.applied > 0 {
		t.Errorf("it ended as %v with %v; the last step was applied %d times", states(report), report.Err, last.applied)
	}
}

// cut is a stage that ends while its first step runs, and has not said so.
type cut struct{ silent }

func (c cut) Run(_ context.Context, observe engine.Observer) error {
	observe(engine.Event{Step: c.silent[0], State: engine.Started})
	time.Sleep(time.Millisecond)
	return errors.New("cut")
}

func TestCutStepTookItsTime(t *testing.T) {
	report := engine.Run(t.Context(), []engine.Stage{cut{silent{"a", "b"}}}, func(engine.Event) {})
	if took := report.Steps[0].Took; took < time.Millisecond || report.Steps[1].Took > 0 {
		t.Errorf("the steps took %s and %s", took, report.Steps[1].Took)
	}
}
