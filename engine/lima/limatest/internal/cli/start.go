package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"

	"dvm/engine/lima/limatest/internal/knob"
	"dvm/engine/lima/limatest/internal/store"
	"dvm/engine/lima/limatest/internal/vm"
)

const defaultTimeout = 10 * time.Minute

func startFlags(f *pflag.FlagSet) {
	createFlags(f)
	f.Duration("timeout", defaultTimeout, "Duration to wait for the instance to be running before timing out")
	f.Bool("progress", false, "Show provision script progress by tailing cloud-init logs")
	f.Bool("foreground", false, "Run the hostagent in the foreground")
}

func (a *App) start(args []string) error {
	if !a.knobs.Quiet {
		fmt.Fprintln(a.Stderr, standIn)
	}
	inst, err := a.findOrCreate(args, false)
	if err != nil {
		return err
	}
	if len(inst.Errors) > 0 {
		return fmt.Errorf("errors inspecting instance: %v", []error(inst.Errors))
	}
	if inst.Status == store.Running {
		a.log.infof("The instance %#q is already running. Run `limactl shell %s` to open the shell.", inst.Name, inst.Name)
		return nil
	}
	return a.startInstance(inst)
}

// startInstance boots a stopped instance and waits until it is ready.
func (a *App) startInstance(inst *store.Instance) error {
	pidFile := filepath.Join(inst.Dir, "ha.pid")
	if _, err := os.Stat(pidFile); err == nil {
		return fmt.Errorf("instance %#q seems running (hint: remove %#q if the instance is not actually running)", inst.Name, pidFile)
	}
	a.log.infof("Starting the instance %#q with internal VM driver %#q", inst.Name, inst.VMType)
	if err := a.download(inst); err != nil {
		return err
	}
	agent, err := vm.Launch(a.spec(inst))
	if err != nil {
		return err
	}
	timeout, err := a.flags.GetDuration("timeout")
	if err != nil || timeout <= 0 {
		timeout = defaultTimeout
	}
	return a.watchBoot(inst, agent, timeout)
}

var errNotRunning = errors.New("did not receive an event with the `running` status")

func (a *App) spec(inst *store.Instance) vm.Spec {
	u := inst.Config.User
	s := vm.Spec{
		Dir:      inst.Dir,
		Hostname: inst.Hostname,
		Driver:   store.DriverPIDFile(inst.VMType),
		Account:  knob.Account{Name: *u.Name, UID: *u.UID, SubID: a.account.SubID},
		Home:     *u.Home,
		Shell:    *u.Shell,
		Degraded: a.faults.Has("degraded"),
		OwnNet:   a.knobs.OwnNet,
		Rules:    inst.Config.PortForwards,
	}
	s.Fatal, _ = a.faults.Arg("agent-fails")
	s.LastWords, _ = a.faults.Arg("driver-fails")
	s.BootDelay, s.DoneDelay = a.knobs.Boot()
	return s
}

// pollInterval is how often limactl looks at what another process writes.
const pollInterval = 5 * time.Millisecond

// watchBoot passes on what the host agent says until the instance is ready, or will not be.
func (a *App) watchBoot(inst *store.Instance, agent *exec.Cmd, timeout time.Duration) error {
	exited := make(chan error, 1)
	go func() { exited <- agent.Wait() }()
	// The time begins with the guest's: a start that gives up leaves one that boots.
	var deadline <-chan time.Time
	log := &tail{path: filepath.Join(inst.Dir, "ha.stderr.log")}
	events := &tail{path: filepath.Join(inst.Dir, "ha.stdout.log")}
	var exit error
	ended, saidPort, givesUp := false, false, false
	for {
		// The log is read first, so that no event is missed that came before one of its records.
		records := logRecords(log)
		for _, line := range events.lines() {
			var e vm.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				return err
			}
			records = a.relayUntil(e.Time, records)
			if e.Status.SSHLocalPort != 0 && !saidPort {
				a.log.infof("SSH Local Port: %d", e.Status.SSHLocalPort)
				saidPort = true
				deadline = time.After(timeout)
				givesUp = a.faults.Has("timeout")
			}
			records = append(records, logRecords(log)...)
			switch {
			case e.Status.Exiting: // why, the agent logs after this event
				a.relayUntil(e.Time, records)
				return a.endOfBoot(inst, e.Status, log.path)
			case e.Status.Running:
				a.relay(records)
				return a.endOfBoot(inst, e.Status, log.path)
			}
		}
		a.relay(records)
		if givesUp && len(records) > 0 { // the agent has said what it waits for
			return errNotRunning
		}
		if ended {
			return fmt.Errorf("host agent process has exited: %w", exit)
		}
		select {
		case exit = <-exited:
			ended = true
		case <-deadline:
			return errNotRunning
		case <-time.After(pollInterval):
		}
	}
}

// endOfBoot says how the boot ended.
func (a *App) endOfBoot(inst *store.Instance, s vm.Status, logPath string) error {
	if len(s.Errors) > 0 {
		a.log.record(failure, nil, "%v", s.Errors)
	}
	status := fmt.Sprintf("{Running:%v Degraded:%v Exiting:%v Errors:%v SSHLocalPort:%d CloudInitProgress:<nil> PortForward:<nil> Vsock:<nil>}", s.Running, s.Degraded, s.Exiting, s.Errors, s.SSHLocalPort)
	if s.Exiting {
		return fmt.Errorf("exiting, status=%s (hint: see %#q)", status, logPath)
	}
	if s.Degraded {
		a.log.warnf("DEGRADED. The VM seems running, but file sharing and port forwarding may not work. (hint: see %#q)", logPath)
		return fmt.Errorf("degraded, status=%s", status)
	}
	a.log.infof("READY. Run `limactl shell %s` to open the shell.", inst.Name)
	return nil
}
