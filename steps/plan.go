package steps

import (
	"context"
	"slices"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

// Forecast is what a sync would do.
type Forecast struct {
	engine.Report
	Events []engine.Event // the final ones and the warnings, in order
	Create string         // the command that makes the VM, for a shell; empty where there is one
}

// Plan says what a sync would do, by the checks that a sync makes. It takes no lock and changes nothing. The roster may serve
// several VMs.
func Plan(ctx context.Context, client *lima.Client, roster *lima.Roster, vm config.VM) Forecast {
	var forecast Forecast
	keep := func(event engine.Event) {
		switch event.State {
		case engine.Started, engine.Waiting, engine.Doing:
		default:
			forecast.Events = append(forecast.Events, event)
		}
	}
	step := &instance{vm: vm, lima: client, roster: roster, observe: keep, planned: true}
	defer step.disconnect()
	list := stages(step, func(string, bool, []byte) {})
	if exists, err := client.Exists(vm.Instance); exists && err == nil && client.Installed() != nil {
		for _, stage := range list {
			for _, name := range stage.Names() {
				keep(engine.Event{Step: name, State: engine.Unknown, Why: "the VM exists, and there is no limactl to ask"})
			}
		}
		forecast.Steps = forecast.Events
		return forecast
	}
	forecast.Report = engine.Plan(ctx, list, keep)
	if step.away == newVM {
		forecast.Create = lima.Quote(slices.Concat(client.Command, client.CreateArgs(machine(vm))))
	}
	return forecast
}

// Plan checks the steps where the guest can be reached. Elsewhere only those of a new VM are known that every new VM needs.
func (g *guest) Plan(ctx context.Context, observe engine.Observer) error {
	if g.at.away == "" {
		return g.session(ctx, "check", observe)
	}
	for _, step := range g.steps {
		if g.at.away == newVM && (step.fresh || step.force) {
			observe(engine.Event{Step: step.name, State: engine.Change, From: newVM, To: step.wants})
		} else {
			observe(engine.Event{Step: step.name, State: engine.Unknown, Why: g.at.away})
		}
	}
	return nil
}
