package steps

import (
	"context"
	"errors"
	"fmt"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

// Place is where work in a VM is done: as its user, in the project's directory.
func Place(vm config.VM) lima.Place { return lima.Place{User: vm.User, Dir: vm.CodeDir()} }

// NoVM is the error of work in a VM that does not exist.
type NoVM struct {
	Name  string
	Meant string // the VM whose Lima instance has that name, or nothing
}

func (e *NoVM) Error() string { return fmt.Sprintf("there is no VM %q", e.Name) }

// noVM is that error, with the command that makes the VM unless another is meant.
func noVM(client *lima.Client, vm config.VM) error {
	if meant := Meant(client, vm.Name); meant != "" {
		return &NoVM{vm.Name, meant}
	}
	return engine.Advise(&NoVM{Name: vm.Name}, "%s", vm.SyncCommand())
}

// Ready returns once a VM can be worked in. One that runs costs no call of limactl and no lock; a stopped one is started;
// one that boots is waited for. observe is told why, what Lima is at meanwhile, and who has its ports. A VM that does not exist is
// a NoVM.
func Ready(ctx context.Context, client *lima.Client, vm config.VM, observe engine.Observer) error {
	exists, err := client.Exists(vm.Instance)
	if err != nil {
		return err
	}
	if !exists {
		return noVM(client, vm)
	}
	step := instance{vm: vm, lima: client, observe: observe}
	if !client.Alive(vm.Instance) {
		if err := step.startStopped(ctx); err != nil {
			return err
		}
	}
	if client.Booted(vm.Instance) {
		return nil
	}
	step.waiting("for the guest to boot")
	return step.unfinished(ctx, step.watched(func() error { return client.AwaitBoot(ctx, vm.Instance, bootWithin) }))
}

// startStopped starts a stopped VM, unless another dvm did so while this one waited for its turn.
func (s *instance) startStopped(ctx context.Context) (err error) {
	lock, err := startLock(ctx, s.lima, s.vm, s.observe)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	found, err := s.lima.Find(ctx, s.vm.Instance)
	switch {
	case err != nil:
		return err
	case found == nil:
		return noVM(s.lima, s.vm)
	}
	if err := s.refuse(found); err != nil {
		return err
	}
	switch found.Status {
	case lima.Running:
		return nil
	case lima.Stopped:
		a, err := s.adjustment(found)
		if err != nil {
			return err
		}
		s.conflicts(a.want.Pairs, noPair)
		s.waiting("for the VM to start")
		return s.start(ctx, lock, a)
	}
	return engine.Advise(fmt.Errorf("%s is broken", s.vm.Instance), "%s", s.vm.SyncCommand())
}

// What is said of a VM that there is nothing to do for.
const (
	NoSuchVM       = "there is no such VM"
	stoppedAlready = "it was stopped already"
)

// Idle says why Stop would have nothing to do for a VM as it is now, or nothing where it would. It runs no limactl.
func Idle(client *lima.Client, vm config.VM) (why string, err error) {
	exists, err := client.Exists(vm.Instance)
	switch {
	case err != nil:
		return "", err
	case !exists:
		return NoSuchVM, nil
	case !client.Alive(vm.Instance):
		return stoppedAlready, nil
	}
	return "", client.Busy(vm.Instance)
}

// Stop stops a VM, and says what became of it. One that does not run, or does not exist, is no error. observe is told for
// whom it waits, and what it does then.
func Stop(ctx context.Context, client *lima.Client, vm config.VM, observe engine.Observer) (said string, err error) {
	exists, err := client.Exists(vm.Instance)
	if err != nil {
		return "", err
	}
	if !exists {
		return NoSuchVM, nil
	}
	lock, unlock, err := exclusive(ctx, client, vm, observe)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	found, err := client.FindOwn(ctx, vm.Instance)
	switch {
	case err != nil:
		return "", err
	case found == nil:
		return NoSuchVM, nil
	case found.Status == lima.Stopped, (found.Status == "" || found.Config == nil) && !client.Alive(vm.Instance):
		return stoppedAlready, nil
	case found.Status == "":
		return "", unreadable(client, vm.Instance)
	case found.Config == nil:
		return "", noConfig(client, vm.Instance)
	case found.Status != lima.Running:
		return "", engine.Advise(fmt.Errorf("%s has the status %q, so it can't be shut down", vm.Instance, found.Status),
			"to end it, and lose what the guest has not written to its disk: limactl stop --force %s", vm.Instance)
	}
	tell(observe, engine.Doing, "shuts down")
	if err := client.Stop(ctx, lock, vm.Instance); err != nil {
		return "", err
	}
	if client.Alive(vm.Instance) {
		return "", engine.Advise(fmt.Errorf("limactl says that it stopped %s, which still runs", vm.Instance), "limactl list %s", vm.Instance)
	}
	return "stopped", nil
}

// exclusive takes both locks of a VM, for what must not happen beside a sync or a start, and gives the start lock.
func exclusive(ctx context.Context, client *lima.Client, vm config.VM, observe engine.Observer) (start *lima.Lock, unlock func() error, err error) {
	syncLock, err := client.TrySyncLock(ctx, vm.Instance, func(holder lima.Holder) {
		tell(observe, engine.Waiting, "for "+holder.String()+" to stop or delete the VM")
	})
	if err != nil {
		return nil, nil, err
	}
	start, err = startLock(ctx, client, vm, observe)
	if err != nil {
		return nil, nil, errors.Join(err, syncLock.Unlock())
	}
	return start, func() error { return errors.Join(start.Unlock(), syncLock.Unlock()) }, nil
}

func startLock(ctx context.Context, client *lima.Client, vm config.VM, observe engine.Observer) (*lima.Lock, error) {
	return client.StartLock(ctx, vm.Instance, func(holder lima.Holder) {
		tell(observe, engine.Waiting, "for "+holder.String()+" to start or stop the VM")
	})
}
