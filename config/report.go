package config

import (
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// Where a value comes from.
const (
	FromDefault     = "default"
	FromEnvironment = "environment"
	FromVM          = "vm" // a variable for one VM alone
)

// Setting is one variable as it holds.
type Setting struct {
	Name     string `json:"name"`
	Value    string `json:"value"`              // as the variable takes it; empty where it is unset and has no default
	Source   string `json:"source"`             // one of the three above
	Variable string `json:"variable,omitempty"` // that gave the value
	Default  string `json:"default,omitempty"`
	Meaning  string `json:"meaning"`
	Secret   bool   `json:"secret,omitempty"` // its value is not shown
}

// secretMask stands for the value of a secret.
const secretMask = "********"

// Report is the environment as it was read, for people and for shells.
type Report struct {
	Settings []Setting // what holds, in the order of the table, and then what DVM_PASS names
	read     *layers
	vm       string // the one that the command names, or empty
}

// Explain reads the environment as a command about the VM would, or about DVM_NAME's where none is named.
func Explain(names []string) (Report, Config, error) {
	cfg, read, err := load(names, demand{})
	if err != nil {
		return Report{}, cfg, err
	}
	own := read.vars
	if len(cfg.VMs) > 0 {
		own = own.forVM(cfg.VMs[0].Name, read.overrides)
	}
	report := Report{read: read}
	if len(names) > 0 {
		report.vm = cfg.VMs[0].Name
	}
	report.hideMisplaced()
	own.each(func(name string, f field, tag reflect.StructTag) {
		entry := newEntry(name, tag)
		setting := Setting{Name: name, Value: f.text(), Variable: f.source(), Default: entry.Default, Meaning: entry.Meaning}
		switch setting.Variable {
		case "":
			setting.Source = FromDefault
			if computed, found := cfg.computedDefaults()[name]; found {
				setting.Value = computed
			}
		case name:
			setting.Source = FromEnvironment
		default:
			setting.Source = FromVM
		}
		if setting.Variable != "" && report.secret(setting.Variable) {
			setting.Value, setting.Secret = secretMask, true
		}
		report.Settings = append(report.Settings, setting)
	})
	report.addPassed(own.Pass.V)
	return report, cfg, nil
}

// Rows is the report as a table, with a header.
func (r *Report) Rows() [][]string {
	rows := [][]string{{"VARIABLE", "VALUE", "FROM", "MEANING"}}
	for _, s := range r.Settings {
		from := s.Source
		if from == FromVM {
			from = strings.TrimPrefix(s.Variable, s.Name)
		}
		rows = append(rows, []string{s.Name, s.Value, from, s.Meaning})
	}
	return rows
}

// hideMisplaced makes a secret of each DVM_PASS that may hold one in the place of a name.
func (r *Report) hideMisplaced() {
	for _, vm := range append(r.read.named(), "") {
		if pass := r.read.vars.forVM(vm, r.read.overrides).Pass; slices.ContainsFunc(pass.V, misplaced) {
			r.read.secrets = append(r.read.secrets, pass.From)
		}
	}
}

// addPassed lists the host's variables that setup scripts get.
func (r *Report) addPassed(names []string) {
	for _, name := range names {
		if misplaced(name) || slices.ContainsFunc(r.Settings, func(s Setting) bool { return s.Name == name }) {
			continue
		}
		setting := Setting{Name: name, Source: FromDefault, Meaning: "in DVM_PASS: handed to setup scripts as a secret", Secret: true}
		if os.Getenv(name) != "" {
			setting.Value, setting.Source, setting.Variable = secretMask, FromEnvironment, name
		}
		r.Settings = append(r.Settings, setting)
	}
}

func (r *Report) secret(variable string) bool {
	base, _, _ := strings.Cut(variable, "__")
	return slices.Contains(r.read.secrets, variable) || slices.Contains(r.read.secrets, base)
}

// computedDefaults are those that are no constants.
func (c Config) computedDefaults() map[string]string {
	return map[string]string{
		"DVM_CPUS":           strconv.Itoa(defaultCPUs(runtime.NumCPU())),
		"DVM_LIMA_LOG_LEVEL": c.LimaLogLevel,
		"DVM_STATE_DIR":      c.StateDir,
	}
}

// Exports is the environment as lines that a POSIX shell evaluates to the same configuration: what is set, and as comments
// what is not. Where the command names a VM, the lines of other VMs are left out.
func (r Report) Exports() string {
	var text strings.Builder
	r.read.vars.each(func(name string, f field, tag reflect.StructTag) {
		if value := f.text(); f.source() != "" && value != "" { // a list of nothing is as good as unset
			r.export(&text, name, value)
		} else {
			entry, fallback := newEntry(name, tag), "no default"
			if entry.Default != "" {
				fallback = "default: " + entry.Default
			}
			fmt.Fprintf(&text, "# export %s=  # %s; %s\n", name, fallback, entry.Meaning)
		}
		for _, o := range r.read.overrides {
			if o.base == name && (r.vm == "" || o.vm == r.vm) {
				r.export(&text, o.variable, o.text)
			}
		}
	})
	return text.String()
}

// export leaves out the value of a secret, which no file is to hold.
func (r Report) export(text *strings.Builder, variable, value string) {
	if r.secret(variable) {
		fmt.Fprintf(text, "# %s is set; its value is a secret, and is not shown\n", variable)
		return
	}
	fmt.Fprintf(text, "export %s=%s\n", variable, shellescape.Quote(value))
}
