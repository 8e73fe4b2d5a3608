package config

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"

	"github.com/kelseyhightower/envconfig"
)

// Variables is the one table of what the environment may say: it is what envconfig fills, and what help, `dvm env`, the
// answers to flags and the README are made from. The tags hold the whole variable name, with no prefix given to
// envconfig, because with a prefix it would fall back to the name without it (NAME, USER, VERBOSE).
//
// The tags:
//
//	default  is read where the variable is unset
//	shown    is printed in its place where the default is not a constant
//	scope    vm: describes a VM, and so may be given for one alone, as DVM_MEMORY__WEB
//	script   1: is read by a built-in setup script, and by nothing else
//	flags    what else than its own name a newcomer may try as a flag
//	help     common: dvm help shows it
//	desc     its meaning, one line, after the name of the script that alone reads it
type Variables struct {
	Name         Value[VMName]     `envconfig:"DVM_NAME" help:"common" desc:"the VM when a command names none"`
	CPUs         Value[CPUs]       `envconfig:"DVM_CPUS" help:"common" scope:"vm" shown:"host cores minus a reserve (1 up to 4 cores, else 2), at least 2" flags:"cpu" desc:"vCPUs, at creation; later with DVM_RESIZE=1"`
	Memory       Value[GiB]        `envconfig:"DVM_MEMORY" help:"common" scope:"vm" default:"2" flags:"mem m" desc:"GiB, at creation; later with DVM_RESIZE=1; 0.5 and 4GiB are accepted"`
	Disk         Value[DiskGiB]    `envconfig:"DVM_DISK" help:"common" scope:"vm" default:"30" desc:"GiB, thin, at creation, at least 5; later with DVM_RESIZE=1, and only more"`
	Ports        Value[Ports]      `envconfig:"DVM_PORTS" help:"common" scope:"vm" flags:"port p publish port-forward" desc:"host:guest pairs, separated by commas or spaces, kept true; the word none removes all"`
	PortsOnly    Value[Switch]     `envconfig:"DVM_PORTS_ONLY" scope:"vm" default:"0" desc:"1: nothing but DVM_PORTS leaves the guest (by default Lima forwards every listener to localhost); 0 opens it again"`
	User         Value[UserName]   `envconfig:"DVM_USER" help:"common" scope:"vm" default:"developer" flags:"u" desc:"the guest user that owns the project"`
	Sudo         Value[Switch]     `envconfig:"DVM_SUDO" scope:"vm" default:"0" desc:"1: that user may sudo without a password"`
	SubUIDCount  Value[SubIDCount] `envconfig:"DVM_SUBUID_COUNT" scope:"vm" default:"65536" desc:"subordinate uids of that user; 0 for none"`
	SubGIDCount  Value[SubIDCount] `envconfig:"DVM_SUBGID_COUNT" scope:"vm" default:"65536" desc:"subordinate gids of that user; 0 for none"`
	Containerd   Value[Containerd] `envconfig:"DVM_CONTAINERD" scope:"vm" desc:"none, user, system or user+system, at creation; unset leaves Lima's default (user, a 250 MB download)"`
	Packages     Value[Packages]   `envconfig:"DVM_PACKAGES" scope:"vm" flags:"package" desc:"dnf packages to install, separated by commas or spaces"`
	Setup        Value[List]       `envconfig:"DVM_SETUP" help:"common" scope:"vm" flags:"provision" desc:"setup scripts in order, separated by commas or newlines: names of built-in ones (dvm scripts), and host paths, which have a / in them"`
	Pass         Value[Names]      `envconfig:"DVM_PASS" scope:"vm" desc:"names of host variables handed to setup scripts as secrets, separated by commas or spaces"`
	Force        Value[Switch]     `envconfig:"DVM_FORCE" scope:"vm" default:"0" flags:"f" desc:"1: run setup scripts although unchanged; rm: skip the check for unsaved work"`
	All          Value[Switch]     `envconfig:"DVM_ALL" default:"0" flags:"a" desc:"1: sync and stop take every dvm-* instance where the command names none"`
	Yes          Value[Switch]     `envconfig:"DVM_YES" default:"0" flags:"y" desc:"1: rm without asking"`
	Restart      Value[Switch]     `envconfig:"DVM_RESTART" scope:"vm" default:"0" desc:"1: sync may stop and start a running VM where a change needs it"`
	Resize       Value[Switch]     `envconfig:"DVM_RESIZE" scope:"vm" default:"0" desc:"1: sync may change CPUs, memory and (upwards) disk of an existing VM"`
	DryRun       Value[Switch]     `envconfig:"DVM_DRY_RUN" help:"common" default:"0" flags:"n" desc:"1: print the plan; change nothing"`
	Verbose      Value[Switch]     `envconfig:"DVM_VERBOSE" help:"common" default:"0" flags:"v debug" desc:"1: stream full output live (and still log it)"`
	Output       Value[Output]     `envconfig:"DVM_OUTPUT" default:"text" flags:"o format json=json" desc:"json: one JSON object a line on stdout"`
	Jobs         Value[Jobs]       `envconfig:"DVM_JOBS" default:"4" flags:"j parallel" desc:"VMs worked on at once"`
	Timeout      Value[Timeout]    `envconfig:"DVM_TIMEOUT" scope:"vm" desc:"the most that one VM may take, such as 90s or 10m"`
	LimaLogLevel Value[LogLevel]   `envconfig:"DVM_LIMA_LOG_LEVEL" shown:"warn (info when verbose)" flags:"log-level" desc:"limactl --log-level"`
	StateDir     Value[Text]       `envconfig:"DVM_STATE_DIR" shown:"$XDG_STATE_HOME/dvm, else ~/.local/state/dvm" desc:"where the logs are kept"`
	Limactl      Value[Words]      `envconfig:"DVM_LIMACTL" default:"limactl" desc:"the program; may hold arguments (split as a shell splits words, never run by one)"`

	// Of built-in setup scripts.
	GitName         Value[Line]   `envconfig:"DVM_GIT_NAME" scope:"vm" script:"1" desc:"git: the name that commits carry"`
	GitEmail        Value[Line]   `envconfig:"DVM_GIT_EMAIL" scope:"vm" script:"1" desc:"git: the address that commits carry"`
	Dotfiles        Value[GitURL] `envconfig:"DVM_DOTFILES" scope:"vm" script:"1" desc:"dotfiles: https URL of the git repository"`
	DotfilesInstall Value[Switch] `envconfig:"DVM_DOTFILES_INSTALL" scope:"vm" script:"1" default:"0" desc:"dotfiles: 1 runs the repository's own install script"`
	Shell           Value[Shell]  `envconfig:"DVM_SHELL" scope:"vm" script:"1" default:"zsh" desc:"zsh: the login shell, zsh or bash"`
}

// field is what the layers need of a Value, whatever its type.
type field interface {
	envconfig.Decoder
	cameFrom(variable string)
	source() string
	problem() error
	text() string
}

// readEnvironment fills the table from the process environment, the only one that envconfig reads.
func readEnvironment() (*Variables, error) {
	vars := new(Variables)
	if err := envconfig.Process("", vars); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	vars.each(func(name string, f field, tag reflect.StructTag) {
		switch text, set := os.LookupEnv(name); {
		case text != "":
			f.cameFrom(name)
		case set: // but empty, for which envconfig reads no default
			_ = f.Decode(tag.Get("default"))
		}
	})
	return vars, nil
}

// each calls do for every variable of the table with its field and tags.
func (v *Variables) each(do func(name string, f field, tag reflect.StructTag)) {
	value := reflect.ValueOf(v).Elem()
	for i, row := range rows() {
		do(row.name, value.Field(i).Addr().Interface().(field), row.tag)
	}
}

// row is a variable of the table. To find its name in the tags takes as long as to read it.
type row struct {
	name string
	tag  reflect.StructTag
}

var rows = sync.OnceValue(func() (all []row) {
	for field := range reflect.TypeFor[Variables]().Fields() {
		all = append(all, row{field.Tag.Get("envconfig"), field.Tag})
	}
	return all
})

// tags are those of every variable by its name.
var tags = sync.OnceValue(func() map[string]reflect.StructTag {
	all := map[string]reflect.StructTag{}
	for _, row := range rows() {
		all[row.name] = row.tag
	}
	return all
})

// problems lists what is wrong with the variables as they were read.
func (v *Variables) problems() (found Problems) {
	v.each(func(_ string, f field, _ reflect.StructTag) {
		found = append(found, inVariable(f.source(), f.problem())...)
	})
	return found
}

// forVM is the table with the values that hold for one VM alone in the place of the plain ones.
func (v *Variables) forVM(name string, overrides []override) *Variables {
	own := new(*v)
	own.each(func(variable string, f field, _ reflect.StructTag) {
		for _, o := range overrides {
			if o.base == variable && o.vm == name {
				_ = f.Decode(o.text)
				f.cameFrom(o.variable)
			}
		}
	})
	return own
}

// suffix is what stands after the name of a variable for one VM alone.
func suffix(vm string) string {
	return "__" + strings.ToUpper(strings.ReplaceAll(vm, "-", "_"))
}
