// Package config turns the environment's DVM_* variables into checked values, and the command line into a verb. No other
// package reads them. One table of variables (variables.go) and one of verbs (command.go) are what help, completion and
// documents are made from.
package config

import (
	"cmp"
	"errors"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Config is everything that the environment says, checked.
type Config struct {
	VMs          []VM     // those that the command is about, in order
	Unnamed      VM       // what holds for a VM without variables of its own, where the command is about none
	All          bool     // the command names no VM, and is about every instance of dvm's
	Limactl      []string // the program and the arguments that come before dvm's
	LimaHome     string   // LIMA_HOME, absolute
	LimaLogLevel string
	StateDir     string // absolute
	Yes          bool
	DryRun       bool
	Verbose      bool
	JSON         bool // standard output is for a program to read
	Jobs         int
	Withheld     []string // names of the host's variables that are secrets, which limactl must not inherit
	Warnings     []string // what is odd about the environment, and no error
}

// VM is what the environment says of one VM.
type VM struct {
	Name        string
	Instance    string // the name of its Lima instance
	CPUs        int
	Memory      GiB
	Disk        GiB
	Given       Given
	Ports       Ports  // nil leaves what there is
	PortsOnly   *bool  // nil leaves what there is
	Containerd  string // empty leaves it to Lima
	User        string
	Named       Named
	Sudo        bool
	SubUIDCount int
	SubGIDCount int
	Packages    []string
	Setup       []Script
	Pass        []string          // names of variables, whose values are secrets
	Secrets     []Secret          // what Pass names, where Load read it
	Own         map[string]string // the variables of built-in setup scripts, by name
	Force       bool
	Restart     bool
	Resize      bool
	Timeout     time.Duration // 0 is no limit
}

// Given names the variable that gave each of those values that an instance is made with, such as DVM_CPUS__APP; empty for a default.
type Given struct{ CPUs, Memory, Disk, Ports, PortsOnly, Containerd string }

// Named names the variable to set where one of these values is to be another: DVM_PASS__APP where that is set, else DVM_PASS.
type Named struct{ User, Pass, SubUIDCount, SubGIDCount, Force, Restart, Resize string }

// OnlyOwn is the VM with those sizes and ports alone that variables of its own give.
func (vm VM) OnlyOwn() VM {
	given := &vm.Given
	for _, variable := range []*string{&given.CPUs, &given.Memory, &given.Disk, &given.Ports, &given.PortsOnly} {
		if !strings.HasSuffix(*variable, suffix(vm.Name)) {
			*variable = ""
		}
	}
	if given.Ports == "" {
		vm.Ports = nil
	}
	if given.PortsOnly == "" {
		vm.PortsOnly = nil
	}
	return vm
}

// HomeDir is the home in the guest of the VM's user.
func (vm VM) HomeDir() string { return "/home/" + vm.User }

// CodeDir is the directory in the guest that holds the project's code.
func (vm VM) CodeDir() string { return vm.HomeDir() + "/code/" + vm.Name }

// SyncCommand is the line that syncs the VM.
func (vm VM) SyncCommand() string { return SyncCommand(vm.Name) }

// Load reads and checks the environment for a command about the VMs named, or else about all with DVM_ALL, or about
// DVM_NAME; one of them is needed. Setup scripts and secrets are read as part of it, once, so that what was checked is what
// will be sent. The error is a Problems with all that is wrong. With an error, the warnings hold, and of the rest what is not
// wrong.
func Load(names []string) (Config, error) {
	cfg, _, err := load(names, demand{vm: true, all: true, setup: true})
	return cfg, err
}

// LoadWork is Load for a command that runs no setup scripts, and so works where their paths lead nowhere and secrets are not
// set. The plain sizes and ports are those of DVM_NAME's VM, where that is set: work in another does not change what that has.
func LoadWork(names []string) (Config, error) {
	cfg, read, err := load(names, demand{vm: true})
	for i, vm := range cfg.VMs {
		if read.vars.Name.Set() && vm.Name != string(read.vars.Name.V) {
			cfg.VMs[i] = vm.OnlyOwn()
		}
	}
	return cfg, err
}

// LoadStop is Load without setup scripts for a command that DVM_ALL makes one about every VM.
func LoadStop(names []string) (Config, error) {
	cfg, _, err := load(names, demand{vm: true, all: true})
	return cfg, err
}

// LoadAny is Load without setup scripts for a command that can do without a VM.
func LoadAny(names []string) (Config, error) {
	cfg, _, err := load(names, demand{})
	return cfg, err
}

// Check is Load for a look at what a sync would find, of DVM_NAME's VM or of none.
func Check() (Config, error) {
	cfg, _, err := load(nil, demand{setup: true})
	return cfg, err
}

// demand is what a command takes of the environment.
type demand struct {
	vm    bool // one at least
	all   bool // or every one, where DVM_ALL says so
	setup bool // setup scripts and secrets
}

func load(names []string, needed demand) (Config, *layers, error) {
	read, err := readLayers(names)
	if err != nil {
		return Config{}, read, err
	}
	vars := read.vars
	home, homeErr := limaHome()
	state, stateErr := stateDir(string(vars.StateDir.V))
	limactl, limactlErr := program(vars.Limactl.V)
	problems := slices.Concat(vars.problems(), read.problems, inVariable("LIMA_HOME", homeErr),
		inVariable("DVM_STATE_DIR", stateErr), inVariable("DVM_LIMACTL", limactlErr))
	cfg := Config{
		All:          bool(vars.All.V) && needed.all && len(names) == 0,
		Limactl:      limactl,
		LimaHome:     home,
		LimaLogLevel: logLevel(vars),
		StateDir:     state,
		Yes:          bool(vars.Yes.V),
		DryRun:       bool(vars.DryRun.V),
		Verbose:      bool(vars.Verbose.V),
		JSON:         vars.Output.V == "json",
		Jobs:         int(vars.Jobs.V),
		Withheld:     withheld(read.secrets),
		Warnings:     read.warnings,
	}
	if !cfg.All {
		var nameProblems Problems
		names, nameProblems = chooseVMs(names, vars.Name, home, needed.vm)
		problems = append(problems, nameProblems...)
	}
	for _, name := range names {
		own := read.vars.forVM(name, read.overrides)
		vm, vmProblems := loadVM(own, name, needed.setup)
		problems = append(problems, vmProblems...)
		if needed.setup {
			var err error
			vm.Secrets, err = readSecrets(vm.Pass)
			problems = append(problems, inVariable(own.Pass.From, err)...)
			problems = append(problems, own.lacking(vm.Setup)...)
		}
		cfg.VMs = append(cfg.VMs, vm)
	}
	others := read.named()
	if len(names) == 0 {
		others = append(others, "") // a VM without variables of its own
	}
	for _, name := range others { // what holds for no VM of this command is checked all the same
		if !slices.Contains(names, name) {
			vm, vmProblems := loadVM(read.vars.forVM(name, read.overrides), name, needed.setup)
			problems = append(problems, vmProblems...)
			if name == "" {
				cfg.Unnamed = vm
			}
		}
	}
	if problems = problems.withoutSecrets(read.secrets).unique(); len(problems) > 0 {
		return cfg, read, problems
	}
	return cfg, read, nil
}

func noName() Problem {
	return Problem{Where: "DVM_NAME", Err: errors.New("wants a VM name, since the command names none; it is not set")}
}

// chooseVMs checks the names given, or takes DVM_NAME.
func chooseVMs(given []string, fallback Value[VMName], limaHome string, needed bool) ([]string, Problems) {
	if len(given) == 0 {
		switch {
		case !fallback.Set() && needed:
			return nil, Problems{noName()}
		case !fallback.Set() || fallback.err != nil: // reported with the other variables
			return nil, nil
		}
		return []string{string(fallback.V)}, fallback.V.fitsIn(limaHome, "DVM_NAME")
	}
	var names []string
	var problems Problems
	for _, text := range given {
		name := VMName(text)
		wrong := inVariable("argument", name.check())
		if wrong == nil {
			wrong = name.fitsIn(limaHome, "argument")
		}
		switch {
		case wrong != nil:
			problems = append(problems, wrong...)
		case !slices.Contains(names, text):
			names = append(names, text)
		}
	}
	return names, problems
}

// loadVM makes a VM of its variables.
func loadVM(own *Variables, name string, withSetup bool) (VM, Problems) {
	problems := own.problems()
	var setup []Script
	if withSetup {
		var err error
		setup, err = readScripts(own.Setup.V)
		problems = append(problems, inVariable(own.Setup.From, err)...)
	}
	cpus := int(own.CPUs.V)
	if !own.CPUs.Set() {
		cpus = defaultCPUs(runtime.NumCPU())
	}
	return VM{
		Name:     name,
		Instance: VMName(name).Instance(),
		CPUs:     cpus,
		Memory:   own.Memory.V,
		Disk:     own.Disk.V.GiB,
		Given: Given{CPUs: own.CPUs.From, Memory: own.Memory.From, Disk: own.Disk.From, Ports: own.Ports.From, PortsOnly: own.PortsOnly.From,
			Containerd: own.Containerd.From},
		Ports:      own.Ports.V,
		PortsOnly:  given(own.PortsOnly),
		Containerd: string(own.Containerd.V),
		User:       string(own.User.V),
		Named: Named{
			User:        cmp.Or(own.User.From, "DVM_USER"),
			Pass:        cmp.Or(own.Pass.From, "DVM_PASS"),
			SubUIDCount: cmp.Or(own.SubUIDCount.From, "DVM_SUBUID_COUNT"),
			SubGIDCount: cmp.Or(own.SubGIDCount.From, "DVM_SUBGID_COUNT"),
			Force:       cmp.Or(own.Force.From, "DVM_FORCE"),
			Restart:     cmp.Or(own.Restart.From, "DVM_RESTART"),
			Resize:      cmp.Or(own.Resize.From, "DVM_RESIZE"),
		},
		Sudo:        bool(own.Sudo.V),
		SubUIDCount: int(own.SubUIDCount.V),
		SubGIDCount: int(own.SubGIDCount.V),
		Packages:    own.Packages.V,
		Setup:       setup,
		Pass:        own.Pass.V,
		Own:         own.ofScripts(),
		Force:       bool(own.Force.V),
		Restart:     bool(own.Restart.V),
		Resize:      bool(own.Resize.V),
		Timeout:     time.Duration(own.Timeout.V),
	}, problems
}

// given is nil where the environment says nothing of a switch.
func given(value Value[Switch]) *bool {
	if !value.Set() {
		return nil
	}
	return new(bool(value.V))
}

// defaultCPUs leaves the host a reserve of one core up to four, else two.
func defaultCPUs(cores int) int {
	reserve := 1
	if cores > 4 {
		reserve = 2
	}
	return max(cores-reserve, 2)
}

func logLevel(vars *Variables) string {
	switch {
	case vars.LimaLogLevel.Set() && vars.LimaLogLevel.err == nil:
		return string(vars.LimaLogLevel.V)
	case bool(vars.Verbose.V):
		return "info"
	}
	return "warn"
}
