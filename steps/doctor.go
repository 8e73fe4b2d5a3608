package steps

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc/iter"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

const doctorWithin = 20 * time.Second // for limactl to answer

// Health is how a finding of the doctor's stands with a sync.
type Health string

// Fine needs nothing, Odd is worth a look, Bad would stop a sync.
const (
	Fine Health = "ok"
	Odd  Health = "warning"
	Bad  Health = "error"
)

// Diagnosis is one thing that the doctor looked at.
type Diagnosis struct {
	Check  string `json:"check"`
	Health Health `json:"health"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"` // a command to type
}

// doctor holds what the probes share.
type doctor struct {
	cfg       config.Config
	lima      *lima.Client
	logs      []string                        // the directories that hold logs of VMs
	instances func() ([]lima.Instance, error) // limactl's list, asked for once
}

// Doctor looks at this host and says whether a sync could work. The error is what is wrong with the environment, whose
// rest is in cfg; logs are the directories that hold logs of VMs. The probes run side by side; their findings come in a fixed order.
func Doctor(ctx context.Context, client *lima.Client, cfg config.Config, logs []string, wrong error) []Diagnosis {
	ctx, cancel := context.WithTimeoutCause(ctx, doctorWithin, fmt.Errorf("no answer within %s", doctorWithin))
	defer cancel()
	d := &doctor{cfg: cfg, lima: client, logs: logs, instances: sync.OnceValues(func() ([]lima.Instance, error) {
		return client.List(ctx)
	})}
	probes := []func() []Diagnosis{
		func() []Diagnosis { return environment(cfg, wrong) },
		func() []Diagnosis { return d.limactl(ctx) },
		d.below(d.limaHome),
		d.below(d.limaConfig),
		d.below(d.sockets),
		hypervisor,
		d.below(func() []Diagnosis { return slices.Concat(d.memory(), d.disk()) }),
		d.below(d.ports),
		d.stateDir,
		ssh,
	}
	return slices.Concat(iter.Map(probes, func(probe *func() []Diagnosis) []Diagnosis { return (*probe)() })...)
}

// below is a probe that looks into Lima's directory. That there is none is said of the environment.
func (d *doctor) below(probe func() []Diagnosis) func() []Diagnosis {
	if d.cfg.LimaHome == "" {
		return func() []Diagnosis { return nil }
	}
	return probe
}

func one(check string, health Health, remedy, format string, args ...any) []Diagnosis {
	return []Diagnosis{{Check: check, Health: health, Text: fmt.Sprintf(format, args...), Remedy: remedy}}
}

func environment(cfg config.Config, wrong error) (found []Diagnosis) {
	var problems config.Problems
	switch {
	case errors.As(wrong, &problems):
		for _, problem := range problems {
			found = append(found, one("environment", Bad, "dvm help env", "%s", problem)...)
		}
	case wrong != nil:
		found = one("environment", Bad, "dvm help env", "%s", wrong)
	}
	for _, warning := range cfg.Warnings {
		found = append(found, one("environment", Odd, "dvm help env", "%s", warning)...)
	}
	if len(found) == 0 {
		return one("environment", Fine, "", "every DVM_* variable is known and right")
	}
	return found
}

func (d *doctor) limactl(ctx context.Context) []Diagnosis {
	const check = "limactl"
	if len(d.lima.Command) == 0 {
		return nil // said of the environment
	}
	path, err := exec.LookPath(d.lima.Command[0])
	if err != nil {
		return one(check, Bad, d.lima.MissingHint(), "%q is not found, or is no program", d.lima.Command[0])
	}
	version, err := d.lima.Version(ctx)
	if err != nil {
		remedy := lima.Quote(append(slices.Clone(d.lima.Command), "--version"))
		if advice, advised := errors.AsType[*engine.Advice](err); advised {
			remedy = advice.Hint
		}
		return one(check, Bad, remedy, "%s: %s", path, oneLine(err))
	}
	found := one(check, Fine, "", "%s, %s", version, path)
	switch old, known := lima.TooOld(version); {
	case !known:
		found = one(check, Odd, lima.InstallHint(), "%s has the version %q, and dvm can't tell whether that is %s or later", path, version, lima.OldestVersion)
	case old:
		return one(check, Bad, lima.InstallHint(), "%s is version %s, and dvm needs %s or later", path, version, lima.OldestVersion)
	}
	if d.cfg.LimaHome == "" {
		return found
	}
	if _, err := d.instances(); err != nil {
		found = append(found, one(check, Bad, "limactl list", "%s", err)...)
	}
	return found
}

// limaHome checks that VMs can be made where Lima keeps them.
func (d *doctor) limaHome() []Diagnosis {
	var bad *engine.Advice
	if errors.As(NoPlace(d.cfg.LimaHome), &bad) {
		return one("LIMA_HOME", Bad, bad.Hint, "%s", bad.Err)
	}
	return nil
}

// limaConfig looks for mounts that dvm can't take away: a sync refuses the instances that have them.
func (d *doctor) limaConfig() []Diagnosis {
	const check = "mounts"
	mounting, err := d.lima.MountingFiles()
	var found []Diagnosis
	for _, path := range mounting {
		found = append(found, one(check, Bad, "${EDITOR:-vi} "+lima.Quote([]string{path}),
			"%s mounts directories of this host into every VM; take its mounts out", path)...)
	}
	if err != nil {
		found = append(found, one(check, Odd, "ls -l "+lima.Quote([]string{d.lima.Home + "/_config"}), "%s", oneLine(err))...)
	}
	if len(found) == 0 {
		return one(check, Fine, "", "Lima's own configuration adds none")
	}
	return found
}

// sockets says how long a VM's name may be.
func (d *doctor) sockets() []Diagnosis {
	const check = "names"
	room := config.LongestName(d.cfg.LimaHome)
	remedy := `export LIMA_HOME="$HOME/.lima"`
	switch {
	case room < 1:
		return one(check, Bad, remedy, "no name is short enough for the sockets below %s", d.cfg.LimaHome)
	case room < shortNames:
		return one(check, Odd, remedy, "a VM's name may have %d characters, since the path %s is long", room, d.cfg.LimaHome)
	}
	return one(check, Fine, "", "a VM's name may have %d characters", room)
}

const shortNames = 20 // fewer characters are a nuisance

func ssh() []Diagnosis {
	const check = "ssh"
	for _, program := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(program); err != nil {
			return one(check, Bad, install("openssh-client", "openssh-clients", "openssh"), "%s is not found in $PATH", program)
		}
	}
	return one(check, Fine, "", "ssh and ssh-keygen are found")
}

// install is the command that installs a package, by the names that Debian, Fedora and the rest have for it.
func install(debian, fedora, rest string) string {
	for _, manager := range []struct{ program, command string }{
		{"apt-get", "sudo apt-get install " + debian},
		{"dnf", "sudo dnf install " + fedora},
		{"pacman", "sudo pacman -S " + rest},
	} {
		if _, err := exec.LookPath(manager.program); err == nil {
			return manager.command
		}
	}
	return "brew install " + rest
}

// oneLine is an error without its line breaks.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// WouldFail tells whether one of the findings would stop a sync.
func WouldFail(found []Diagnosis) error {
	bad := 0
	for _, diagnosis := range found {
		if diagnosis.Health == Bad {
			bad++
		}
	}
	if bad == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d checks would stop a sync", bad, len(found))
}
