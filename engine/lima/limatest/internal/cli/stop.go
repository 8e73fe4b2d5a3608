package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"dvm/engine/lima/limatest/internal/store"
	"dvm/engine/lima/limatest/internal/vm"
)

func (a *App) stop(args []string) error {
	if len(args) == 0 {
		args = []string{"default"}
	}
	for _, name := range args {
		inst, err := a.inspect(name)
		if err != nil {
			return err
		}
		if a.bool("force") {
			err = a.kill(inst)
		} else {
			err = a.shutDown(inst)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// shutDown asks the host agent to end the guest, and waits until both are gone.
func (a *App) shutDown(inst *store.Instance) error {
	if inst.Status != store.Running {
		return fmt.Errorf("expected status `Running`, got %#q (maybe use `limactl stop -f`?)", inst.Status)
	}
	log := &tail{path: filepath.Join(inst.Dir, "ha.stderr.log")}
	log.lines()
	a.log.infof("Sending SIGINT to hostagent process %d", inst.HostAgentPID)
	if err := syscall.Kill(inst.HostAgentPID, syscall.SIGINT); err != nil {
		return err
	}
	a.log.infof("Waiting for the host agent and the driver processes to shut down")
	for store.Alive(inst.HostAgentPID) || store.Alive(inst.DriverPID) {
		a.relay(logRecords(log))
		time.Sleep(pollInterval)
	}
	a.relay(logRecords(log))
	a.log.infof("Waiting for the instance to shut down")
	a.log.infof("The instance %s has shut down", inst.Name)
	return nil
}

// kill ends an instance's processes in any state.
func (a *App) kill(inst *store.Instance) error {
	for _, p := range []struct {
		what string
		pid  int
	}{{"host agent", inst.HostAgentPID}, {inst.VMType + " driver", inst.DriverPID}} {
		if p.pid == 0 {
			a.log.infof("The %s process seems already stopped", p.what)
			continue
		}
		a.log.infof("Sending SIGKILL to the %s process %d", p.what, p.pid)
		if err := killAndWait(p.pid); err != nil {
			return err
		}
	}
	a.log.infof("Removing *.pid *.sock *.tmp under %#q", inst.Dir)
	return removeVolatile(inst.Dir)
}

func killAndWait(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	for store.Alive(pid) {
		time.Sleep(pollInterval)
	}
	return nil
}

// removeVolatile removes what only a running instance has.
func removeVolatile(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case ".pid", ".sock", ".tmp":
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func (a *App) delete(args []string) error {
	var errs []error
	for _, name := range args {
		inst, err := a.inspect(name)
		if errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, a.missing(name))
			continue
		}
		if err != nil {
			return err
		}
		if err := a.deleteInstance(inst); err != nil {
			return fmt.Errorf("failed to delete instance %#q: %w", name, err)
		}
		a.log.infof("Deleted %#q (%#q)", name, inst.Dir)
	}
	if err := errors.Join(errs...); err != nil {
		// Lima goes through what is left, to put the networks in order, and meets the same directory again.
		return errors.Join(a.warnOfSkipped(), err)
	}
	return nil
}

// missing is what delete makes of a name without lima.yaml: nothing, or an error if there is a directory.
func (a *App) missing(name string) error {
	dir := a.home.Dir(name)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		a.log.warnf("Ignoring non-existent instance %#q", name)
		return nil
	}
	return fmt.Errorf("instance %#q directory %#q exists but its %#q could not be read; it was NOT deleted, in case it is currently being cloned into. If no `limactl` operation is using it, remove it manually", name, dir, "lima.yaml")
}

func (a *App) warnOfSkipped() error {
	names, err := a.home.Names()
	for _, name := range names {
		if _, err := os.Stat(yamlPath(a.home.Dir(name))); err != nil {
			a.log.warnf("Skipping instance %#q during network reconcile: %v", name, strings.Replace(err.Error(), "stat ", "open ", 1))
		}
	}
	return err
}

func (a *App) deleteInstance(inst *store.Instance) error {
	if inst.Protected {
		return errors.New("instance is protected to prohibit accidental removal (Hint: use `limactl unprotect`)")
	}
	if !a.bool("force") && inst.Status != store.Stopped {
		return fmt.Errorf("expected status `Stopped`, got %#q", inst.Status)
	}
	if err := a.kill(inst); err != nil {
		return err
	}
	return removeInstance(inst.Dir)
}

func removeInstance(dir string) error {
	return errors.Join(vm.RemoveDisk(dir), os.RemoveAll(dir))
}

// StopAll kills what runs in a LIMA_HOME and removes the disks of its guests, so that the directory can be removed by
// whoever owns it.
func StopAll(home store.Home) error {
	var errs []error
	pids, err := vm.Processes(string(home))
	errs = append(errs, err)
	for _, pid := range pids {
		errs = append(errs, killAndWait(pid))
	}
	names, err := home.Names()
	errs = append(errs, err)
	for _, name := range names {
		errs = append(errs, vm.RemoveDisk(home.Dir(name)))
	}
	return errors.Join(errs...)
}
