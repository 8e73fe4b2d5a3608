// Package steps holds what each step of a sync checks and changes, and the ordered lists of them. The instance is the
// host's step (instance.go); all others are scripts, which travel to the guest as one program and report from there
// (guest.go). What other verbs do with a VM, and the checks of doctor, are here too.
package steps

import (
	"context"
	"errors"
	"time"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

// Result is what became of a sync.
type Result struct {
	engine.Report
	Created bool // the VM is a new one
}

// Sync makes a VM exist, run and be up to date. The roster may serve several of them. Two syncs of one VM exclude each other.
func Sync(ctx context.Context, client *lima.Client, roster *lima.Roster, vm config.VM, observe engine.Observer, output Output) (result Result, err error) {
	step := &instance{vm: vm, lima: client, roster: roster, observe: observe}
	defer step.disconnect()
	begin := time.Now()
	lock, err := client.SyncLock(ctx, vm.Instance, func(holder lima.Holder) {
		step.waiting("for " + holder.String() + " to finish") // no step has begun
	})
	if err != nil {
		return Result{Report: engine.Report{Took: time.Since(begin), Err: err}}, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	report := engine.Run(ctx, stages(step, output), observe)
	return Result{Report: report, Created: step.created}, report.Err
}

func stages(step *instance, output Output) []engine.Stage {
	return []engine.Stage{
		engine.Single(step),
		&guest{vm: step.vm, steps: guestSteps(step.vm), at: step, output: output},
	}
}
