package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/spf13/pflag"

	"dvm/engine/lima/limatest/internal/store"
	"dvm/engine/lima/limatest/internal/vm"
)

func shellFlags(f *pflag.FlagSet) {
	f.String("shell", "", "Shell interpreter, e.g. /bin/bash")
	f.String("workdir", "", "Working directory")
	f.Bool("reconnect", false, "Reconnect to the SSH session")
	f.Bool("preserve-env", false, "Propagate environment variables to the shell")
	f.Bool("start", false, "Start the instance if it is not already running")
	f.String("sync", "", "Copy a host directory to the guest and vice-versa upon exit")
}

func (a *App) shell(args []string) error {
	if len(args) == 0 {
		return errors.New("requires instance name as first argument")
	}
	if a.text("sync") != "" || a.bool("preserve-env") {
		return errors.New("not implemented in the stand-in: shell --sync, shell --preserve-env")
	}
	name, words := args[0], args[1:]
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) > 0 {
		switch words[0] {
		case "create", "start", "delete", "shell":
			a.log.warnf("Perhaps you meant `limactl %s`?", strings.Join(words, " "))
		}
	}
	inst, err := a.shellInstance(name)
	if err != nil {
		return err
	}
	if err := vm.MendMaster(inst.Dir); err != nil {
		a.log.warnf("the stand-in's ssh has no master: %v", err)
	}
	cut, _ := a.faults.Arg("drop")
	code, err := vm.Shell(vm.Session{
		Dir:    inst.Dir,
		Script: a.script(inst, words),
		Stdin:  a.Stdin,
		Stdout: a.Stdout,
		Stderr: a.Stderr,
		Cut:    vm.Cut(cut),
	})
	if err != nil {
		return err
	}
	return exitError(code)
}

// shellInstance is the instance to run in; only one that is known to be stopped is refused.
func (a *App) shellInstance(name string) (*store.Instance, error) {
	inst, err := a.inspect(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("instance %#q does not exist, run `limactl create %s` to create a new instance", name, name)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(inst.Errors...); err != nil {
		a.log.record(failure, fields{"error": err.Error()}, "Instance %#q has configuration errors", name)
	}
	if inst.Config == nil {
		return nil, fmt.Errorf("instance %#q has no configuration", name)
	}
	if inst.Status != store.Stopped {
		return inst, nil
	}
	if !a.bool("start") {
		return nil, fmt.Errorf("instance %#q is stopped, run `limactl start %s` to start the instance", name, name)
	}
	if err := a.startInstance(inst); err != nil {
		return nil, err
	}
	return a.inspect(name)
}

// script is what the guest's login shell is given: a change of directory, and the words quoted for a second shell.
func (a *App) script(inst *store.Instance, words []string) string {
	shell := a.text("shell")
	if shell == "" {
		shell = *inst.Config.User.Shell
	}
	script := fmt.Sprintf("%s ; exec %s -l", a.changeDir(inst), shellescape.Quote(shell))
	if len(words) == 0 {
		return script
	}
	return script + " -c " + shellescape.Quote(strings.Join(quoteWords(words), " "))
}

// changeDir goes where the caller wants to be, or where the host's directory is mounted.
func (a *App) changeDir(inst *store.Instance) string {
	if dir := a.text("workdir"); dir != "" {
		return "cd " + shellescape.Quote(dir) + " || exit 1"
	}
	here, err := os.Getwd()
	if err == nil && mounted(inst, here) {
		return "cd " + shellescape.Quote(here) + " || cd " + shellescape.Quote(a.userDir)
	}
	if mounted(inst, a.userDir) {
		return "cd " + shellescape.Quote(a.userDir)
	}
	return "false"
}

func mounted(inst *store.Instance, path string) bool {
	for _, m := range inst.Config.Mounts {
		if rel, err := filepath.Rel(m.Location, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// quoteWords quotes the words, but what stands before the = of leading assignments: Lima leaves that to the shell.
func quoteWords(words []string) []string {
	quoted := make([]string, len(words))
	assigning := true
	for i, w := range words {
		name, value, ok := strings.Cut(w, "=")
		if assigning = assigning && ok; assigning {
			quoted[i] = name + "=" + shellescape.Quote(value)
		} else {
			quoted[i] = shellescape.Quote(w)
		}
	}
	return quoted
}
