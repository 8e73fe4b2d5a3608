package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/sourcegraph/conc/pool"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
	"dvm/logs"
	"dvm/steps"
)

// verb is one of the commands for working with VMs that exist.
type verb struct {
	name   string
	args   []string
	stdout io.Writer
	term   *logs.Terminal
}

// work reads the environment for one VM, and does something in that once it can be worked in.
func (v verb) work(ctx context.Context, names []string, do func(context.Context, *lima.Client, config.VM) error) error {
	cfg, err := v.load(config.LoadWork, names)
	if err != nil {
		return err
	}
	if cfg.DryRun {
		return config.Problems{{Where: "DVM_DRY_RUN", Err: errors.New("wants 0 for work in a VM, which has no plan, got 1")}}
	}
	client, vm := newClient(cfg, io.Discard), cfg.VMs[0]
	ctx, cancel := within(ctx, vm.Timeout)
	defer cancel()
	if err := v.await(ctx, client, vm); err != nil {
		if ctx.Err() != nil {
			err = failed(ctx, v.name, vm, err)
		}
		return v.adviseMeant(err)
	}
	return do(ctx, client, vm)
}

// adviseMeant adds a hint to the error of a VM that does not exist, where its name is that of a Lima instance: the same command for
// the VM that this is.
func (v verb) adviseMeant(err error) error {
	var missing *steps.NoVM
	if errors.As(err, &missing) && missing.Meant != "" {
		return engine.Advise(err, "%s", v.about(missing.Meant))
	}
	return err
}

// about is the same command for another VM.
func (v verb) about(vm string) string {
	words := []string{v.name, vm}
	switch v.name {
	case "ssh":
		if strings.HasPrefix(v.args[1], "-") { // it would be a flag
			words = append(words, "--")
		}
		words = append(words, v.args[1:]...)
	case "cp":
		paths, _ := config.ParseCopy(v.args[0], v.args[1])
		paths.VM = vm
		words = []string{v.name, paths.Source(), paths.Destination()}
	}
	return "dvm " + lima.Quote(words)
}

// failed says what failed in a VM, and that a sync may mend it, unless a signal or DVM_TIMEOUT ended it, or the fault is this host's.
func failed(ctx context.Context, what string, vm config.VM, err error) error {
	var ours *lima.Unwritten
	if ctx.Err() == nil && !errors.As(err, &ours) {
		err = engine.Advise(err, "%s", vm.SyncCommand())
	}
	return fmt.Errorf("%s %s: %w", what, vm.Name, err)
}

// await returns once a VM can be worked in, and shows what it waits for.
func (v verb) await(ctx context.Context, client *lima.Client, vm config.VM) error {
	observe, end := v.show(vm, "instance")
	defer end()
	return steps.Ready(ctx, client, vm, observe)
}

// show begins a live line for what is done to a VM, under the name that the user knows it by; end must be called.
func (v verb) show(vm config.VM, name string) (observe engine.Observer, end func()) {
	progress := logs.NewProgress(v.term, vm.Name, "")
	observe = func(event engine.Event) {
		event.Step = name
		progress.Observe(event)
	}
	return observe, progress.End
}

func (v verb) load(how func([]string) (config.Config, error), names []string) (config.Config, error) {
	cfg, err := how(names)
	heed(cfg, v.term)
	return cfg, err
}

// login becomes a login shell in the VM.
func (v verb) login(ctx context.Context) error {
	return v.work(ctx, v.args, func(ctx context.Context, client *lima.Client, vm config.VM) error {
		return client.Login(ctx, vm.Instance, steps.Place(vm))
	})
}

// exitStatus is that of a command in the guest, which has said itself what there was to say.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// notFound is the status of a command that is not there.
const notFound = 127

// command runs one command in the VM.
func (v verb) command(ctx context.Context) error {
	err := v.work(ctx, v.args[:1], func(ctx context.Context, client *lima.Client, vm config.VM) error {
		status, err := client.Run(ctx, vm.Instance, steps.Place(vm), v.args[1:], lima.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
		if err != nil {
			return failed(ctx, "ssh", vm, err)
		}
		if words := v.args[1:]; status == notFound && len(words) == 1 && strings.ContainsFunc(words[0], unicode.IsSpace) {
			v.term.Hint("no shell reads the words of a command; for one that does: dvm ssh " + lima.Quote([]string{vm.Name, "bash", "-c", words[0]}))
		}
		if status != 0 {
			return reported{exitStatus(status)}
		}
		return nil
	})
	var missing *steps.NoVM
	if errors.As(err, &missing) && missing.Meant == "" {
		// In a project's directory one forgets to name the VM, and making one called make would mend nothing.
		if usual, loadErr := config.LoadAny(nil); loadErr == nil && len(usual.VMs) > 0 && usual.VMs[0].Name != missing.Name {
			err = engine.Advise(missing, "for the VM of DVM_NAME: dvm ssh %s %s", usual.VMs[0].Name, lima.Quote(v.args))
			return engine.Advise(err, "for a VM called %s: %s", missing.Name, config.SyncCommand(missing.Name))
		}
	}
	return err
}

// copy copies a file or directory between this host and a VM.
func (v verb) copy(ctx context.Context) error {
	paths, err := config.ParseCopy(v.args[0], v.args[1])
	if err != nil {
		return err
	}
	cfg, err := v.load(config.LoadWork, []string{paths.VM})
	if err != nil {
		return err
	}
	client, vm := newClient(cfg, io.Discard), cfg.VMs[0]
	if cfg.DryRun {
		if err := (steps.Copy{Lima: client, VM: vm, Paths: paths}).Plan(); err != nil {
			return v.adviseMeant(err)
		}
		return v.would(cfg, logs.Result{VM: paths.VM, From: paths.Source(), To: paths.Destination()},
			fmt.Sprintf("would copy %q to %q", paths.Source(), paths.Destination()))
	}
	ctx, cancel := within(ctx, vm.Timeout)
	defer cancel()
	shown := logs.NewTransfer(v.term, paths.Source())
	warnings, err := steps.Copy{
		Lima:  client,
		VM:    vm,
		Paths: paths,
		Ready: func(ctx context.Context) error { return v.await(ctx, client, vm) },
		Size:  shown.Size,
		Count: shown.Count,
	}.Run(ctx)
	shown.End()
	for _, warning := range warnings {
		v.term.Warn(warning)
	}
	return v.adviseMeant(err)
}

// sshConfig prints a block for ~/.ssh/config, and lets Lima's key log in as the VM's user.
func (v verb) sshConfig(ctx context.Context) error {
	return v.work(ctx, v.args, func(ctx context.Context, client *lima.Client, vm config.VM) error {
		if err := client.Authorize(ctx, vm.Instance, vm.User); err != nil {
			return failed(ctx, "ssh-config", vm, err)
		}
		_, err := io.WriteString(v.stdout, client.SSHConfig(vm.Instance, vm.User))
		return err
	})
}

// stop stops the VMs side by side. One that fails does not keep the others.
func (v verb) stop(ctx context.Context) error {
	cfg, err := v.load(config.LoadStop, v.args)
	if err != nil {
		return err
	}
	client := newClient(cfg, io.Discard)
	if cfg.All {
		instances, err := steps.InstanceNames(ctx, client)
		if err != nil {
			return err
		}
		if len(instances) == 0 {
			v.term.Warn(noneFound)
		}
		for _, instance := range instances {
			name := strings.TrimPrefix(instance, config.InstancePrefix)
			cfg.VMs = append(cfg.VMs, config.VM{Name: name, Instance: instance, Timeout: configured(name).Timeout})
		}
	}
	if cfg.DryRun {
		return v.wouldStop(cfg, client)
	}
	results := logs.JSONLines(v.stdout, cfg.JSON)
	var mu sync.Mutex
	var failures []error
	workers := pool.New().WithMaxGoroutines(cfg.Jobs)
	for _, vm := range cfg.VMs {
		workers.Go(func() {
			err := context.Cause(ctx)
			if err != nil {
				logs.NotBegun(results, vm.Name, err)
			} else {
				err = v.stopOne(ctx, client, vm, results)
			}
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, fmt.Errorf("stop %s: %w", vm.Name, err))
			}
		})
	}
	workers.Wait()
	return errors.Join(append(failures, results.Err())...)
}

func (v verb) stopOne(ctx context.Context, client *lima.Client, vm config.VM, results io.Writer) error {
	ctx, cancel := within(ctx, vm.Timeout)
	defer cancel()
	observe, end := v.show(vm, "stop")
	said, err := steps.Stop(ctx, client, vm, observe)
	end()
	if err != nil && ctx.Err() != nil {
		err = steps.CutShort(client, vm, err)
	}
	v.became(results, client, vm, "stopped", said, err)
	return err
}

func (v verb) wouldStop(cfg config.Config, client *lima.Client) error {
	results := logs.JSONLines(v.stdout, cfg.JSON)
	for _, vm := range cfg.VMs {
		why, err := steps.Idle(client, vm)
		switch {
		case err != nil:
		case why != "":
			v.became(results, client, vm, "stopped", why, nil)
			err = results.Err()
		default:
			err = v.would(cfg, logs.Result{VM: vm.Name, From: "running", To: "stopped"}, "would stop "+vm.Name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// became says what became of a VM: in words unless it failed, which is said at the end, and as an object.
func (v verb) became(results io.Writer, client *lima.Client, vm config.VM, state, said string, err error) {
	if err == nil {
		v.term.Line("%s: %s", vm.Name, said)
	}
	if said == steps.NoSuchVM {
		if meant := steps.Meant(client, vm.Name); meant != "" {
			v.term.Hint(v.about(meant))
		}
	}
	if said == state {
		said = ""
	}
	logs.Result{VM: vm.Name, State: state, Why: said, Err: err}.Write(results)
}

// would says what would be done, in words or as an object.
func (v verb) would(cfg config.Config, planned logs.Result, words string) error {
	if cfg.JSON {
		planned.State = "planned"
		objects := logs.JSONLines(v.stdout, true)
		planned.Write(objects)
		return objects.Err()
	}
	_, err := fmt.Fprintln(v.stdout, words)
	return err
}

// unlessEnded does what may never end, and leaves it alone when ctx ends.
func unlessEnded(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// logs shows what the last run said, where somebody reads it.
func (v verb) logs(ctx context.Context) error { return unlessEnded(ctx, v.showLogs) }

func (v verb) showLogs() error {
	cfg, err := v.load(config.LoadWork, v.args)
	if err != nil {
		return err
	}
	for _, vm := range cfg.VMs {
		err := logs.Show(v.stdout, cfg.StateDir, vm.Name, vm.SyncCommand())
		var none *engine.Advice
		if meant := steps.Meant(newViewer(cfg), vm.Name); meant != "" && errors.As(err, &none) {
			err = engine.Advise(none.Err, "%s", v.about(meant))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
