package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
	"dvm/logs"
	"dvm/steps"
)

// remove deletes VMs one after another, each after a look for work that would be lost, and after asking.
func (v verb) remove(ctx context.Context) error {
	cfg, err := v.load(config.LoadWork, v.args)
	if err != nil {
		return err
	}
	asks := term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd()))
	client := newClient(cfg, io.Discard)
	there := func(vm config.VM) bool {
		exists, err := client.Exists(vm.Instance)
		return exists || err != nil
	}
	if !cfg.Yes && !asks && !cfg.DryRun && slices.ContainsFunc(cfg.VMs, there) {
		err := config.Problems{{Where: "DVM_YES", Err: errors.New("wants 1 to delete a VM where nobody can be asked; it is not set")}}
		return engine.Advise(err, "DVM_YES=1 %s", lima.Quote(append([]string{"dvm", "rm"}, v.args...)))
	}
	answers := &answers{from: bufio.NewReader(os.Stdin)}
	results := logs.JSONLines(v.stdout, cfg.JSON)
	var failures []error
	for _, vm := range cfg.VMs {
		err := context.Cause(ctx)
		if err != nil {
			logs.NotBegun(results, vm.Name, err)
		} else if err = v.removeOne(ctx, cfg, client, vm, answers, results); err != nil {
			var lost lostWork
			errors.As(err, &lost)
			v.became(results, client, vm, "deleted", strings.Join(lost, "; "), err)
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("rm %s: %w", vm.Name, err))
		}
	}
	return errors.Join(append(failures, results.Err())...)
}

func (v verb) removeOne(ctx context.Context, cfg config.Config, client *lima.Client, vm config.VM, answers *answers, results io.Writer) (err error) {
	ctx, cancel := within(ctx, vm.Timeout)
	defer cancel()
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = steps.CutShort(client, vm, err)
		}
	}()
	exists, err := client.Exists(vm.Instance)
	if err != nil {
		return err
	}
	forget := func() error {
		if err := logs.Remove(cfg.StateDir, vm.Name); err != nil {
			return fmt.Errorf("it is deleted, but not its logs: %w", err)
		}
		return nil
	}
	if !exists {
		if !cfg.DryRun && logs.Kept(cfg.StateDir, vm.Name) {
			if err := steps.Forget(ctx, client, vm, func(engine.Event) {}, forget); err != nil {
				return err
			}
		}
		v.became(results, client, vm, "deleted", steps.NoSuchVM, nil)
		return nil
	}
	if err := client.Busy(vm.Instance); err != nil { // before anybody is asked
		return err
	}
	if err := v.refuseUnsaved(ctx, cfg, client, vm); err != nil {
		return err
	}
	if cfg.DryRun {
		return v.would(cfg, logs.Result{VM: vm.Name, To: "deleted"}, "would delete "+vm.Name)
	}
	if !cfg.Yes {
		v.term.Ask("%s and everything in it will be gone. Type its name to delete it: ", vm.Name)
		answer, err := answers.next(ctx)
		if !strings.HasSuffix(answer, "\n") {
			v.term.Line("") // what comes next does not belong behind the question
		}
		if err != nil {
			return err
		}
		if answer = strings.TrimSpace(answer); answer != vm.Name {
			return fmt.Errorf("%q is not its name; nothing is deleted", answer)
		}
		if err := v.refuseUnsaved(ctx, cfg, client, vm); err != nil { // the answer may have taken hours
			return err
		}
	}
	observe, end := v.show(vm, "rm")
	said, err := steps.Remove(ctx, client, vm, observe, forget)
	end()
	if err != nil {
		return err
	}
	v.became(results, client, vm, "deleted", said, nil)
	return nil
}

// lostWork is the error of a removal that would lose work, a line each.
type lostWork []string

func (lostWork) Error() string { return "this work would be lost; nothing is deleted" }

// refuseUnsaved looks for work that would be lost, unless that is not wanted, and prints what it finds.
func (v verb) refuseUnsaved(ctx context.Context, cfg config.Config, client *lima.Client, vm config.VM) error {
	if vm.Force {
		return nil
	}
	again := vm.Named.Force + "=1 dvm rm " + vm.Name
	if cfg.Yes {
		again = "DVM_YES=1 " + again
	}
	observe, end := v.show(vm, "rm")
	unsaved, err := steps.Unsaved(ctx, client, vm, again, observe)
	end()
	if err != nil {
		return err
	}
	for _, line := range unsaved {
		v.term.Line("%s: %s", vm.Name, logs.Clean(line))
	}
	if len(unsaved) > 0 {
		return engine.Advise(lostWork(unsaved), "to delete it all the same: %s", again)
	}
	return nil
}

// answers are the lines that somebody types, each asked for by itself: what is typed beyond them is for the shell.
type answers struct {
	from    *bufio.Reader
	pending chan answer // of a question that was given up: what is typed is the answer to the next one
}

type answer struct {
	text string
	err  error
}

// next reads a line with its end, or gives up when ctx ends.
func (a *answers) next(ctx context.Context) (string, error) {
	if a.pending == nil {
		pending := make(chan answer, 1)
		a.pending = pending
		go func() {
			text, err := a.from.ReadString('\n')
			pending <- answer{text, err}
		}()
	}
	select {
	case got := <-a.pending:
		a.pending = nil
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return "", fmt.Errorf("read the answer: %w", got.err)
		}
		return got.text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
