package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

// Unsaved lists the work in a VM that would be lost with it, a line each. An error means that nobody could look.
// unseen is the command that deletes it without a look. observe is told what Ready's is, and of the look.
func Unsaved(ctx context.Context, client *lima.Client, vm config.VM, unseen string, observe engine.Observer) ([]string, error) {
	if !client.HasConfig(vm.Instance) {
		return nil, noConfig(client, vm.Instance)
	}
	if !client.Alive(vm.Instance) {
		err := engine.Advise(fmt.Errorf("%s does not run, so dvm can't look for work that would be lost", vm.Instance),
			"to start it: %s", vm.SyncCommand())
		return nil, engine.Advise(err, "to delete it unseen: %s", unseen)
	}
	if err := Ready(ctx, client, vm, observe); err != nil {
		return nil, err
	}
	tell(observe, engine.Doing, "looks for work that would be lost")
	found, err := client.Unsaved(ctx, vm.Instance, vm.Name)
	if err != nil {
		return nil, fmt.Errorf("look for work that would be lost: %w", err)
	}
	var lines []string
	for line := range strings.Lines(found) {
		lines = append(lines, strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", ": "))
	}
	slices.Sort(lines)
	return lines, nil
}

// Remove deletes a VM, and says what became of it. One that does not exist is no error. observe is told for whom it waits,
// and what it does then; forget is to take away what is kept of the VM elsewhere, before another one has its turn.
func Remove(ctx context.Context, client *lima.Client, vm config.VM, observe engine.Observer, forget func() error) (said string, err error) {
	lock, unlock, err := exclusive(ctx, client, vm, observe)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	switch exists, err := client.Exists(vm.Instance); {
	case err != nil:
		return "", err
	case !exists:
		return NoSuchVM, forget()
	case !client.HasConfig(vm.Instance):
		return "", noConfig(client, vm.Instance)
	}
	if client.Alive(vm.Instance) {
		found, err := client.Find(ctx, vm.Instance)
		switch {
		case err != nil || found == nil:
		case found.Status == "":
			err = unreadable(client, vm.Instance) // it would run on, without a directory
		case found.Config == nil:
			err = noConfig(client, vm.Instance)
		}
		if err != nil {
			return "", err
		}
	}
	tell(observe, engine.Doing, "deletes it")
	if err := client.Delete(ctx, lock, vm.Instance); err != nil {
		return "", err
	}
	if exists, err := client.Exists(vm.Instance); exists || err != nil {
		return "", engine.Advise(errors.Join(fmt.Errorf("limactl says that it deleted %s, which is still there", vm.Instance), err),
			"limactl list %s", vm.Instance)
	}
	return "deleted", forget()
}

// Forget takes away what is kept elsewhere of a VM that does not exist, as Remove does that was cut short.
func Forget(ctx context.Context, client *lima.Client, vm config.VM, observe engine.Observer, forget func() error) (err error) {
	_, unlock, err := exclusive(ctx, client, vm, observe)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if exists, err := client.Exists(vm.Instance); exists || err != nil { // by now
		return err
	}
	return forget()
}
