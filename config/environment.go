package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

const prefix = "DVM_"

// override is a variable for one VM alone: DVM_MEMORY__WEB.
type override struct {
	variable string // the whole name
	base     string // DVM_MEMORY
	vm       string // web
	text     string
}

// layers is the environment as it was read: the plain variables, and those for one VM alone.
type layers struct {
	vars      *Variables
	overrides []override
	secrets   []string // the names that DVM_PASS lists, for any VM
	problems  Problems // of wrong names of variables; a wrong value has its own, see Value
	warnings  []string
}

// foreign are the variables that other programs called dvm export.
func foreign() []string { return []string{"DVM_DIR", "DVM_ROOT"} }

// readLayers reads the process environment. The named VMs are those that the command is about.
func readLayers(named []string) (*layers, error) {
	vars, err := readEnvironment()
	if err != nil {
		return nil, err
	}
	if len(named) == 0 && vars.Name.Set() {
		named = []string{string(vars.Name.V)}
	}
	read := &layers{vars: vars, secrets: slices.Clone(vars.Pass.V)}
	environ := slices.Sorted(slices.Values(os.Environ()))
	read.readOverrides(environ)
	for _, name := range read.named() {
		own := vars.forVM(name, read.overrides)
		read.secrets = append(read.secrets, own.Pass.V...)
	}
	read.readUnknown(environ, append(foreign(), read.secrets...), named)
	slices.Sort(read.warnings)
	read.warnings = slices.Compact(read.warnings)
	return read, nil
}

// named lists the VMs that have variables of their own.
func (l *layers) named() (names []string) {
	for _, o := range l.overrides {
		if !slices.Contains(names, o.vm) {
			names = append(names, o.vm)
		}
	}
	return names
}

// readOverrides takes the variables for one VM alone.
func (l *layers) readOverrides(environ []string) {
	known := tags()
	for _, pair := range environ {
		variable, text, _ := strings.Cut(pair, "=")
		base, vm, found := strings.Cut(variable, "__")
		if tag, ours := known[base]; found && ours && text != "" {
			l.addOverride(tag, override{variable: variable, base: base, vm: vm, text: text})
		}
	}
}

// readUnknown takes the DVM_* variables that dvm does not know. What is listed in exempt is somebody else's.
func (l *layers) readUnknown(environ, exempt, named []string) {
	known := tags()
	for _, pair := range environ {
		variable, text, _ := strings.Cut(pair, "=")
		base, _, _ := strings.Cut(variable, "__")
		_, ours := known[base]
		theirs := slices.Contains(exempt, variable) || slices.Contains(exempt, base)
		if strings.HasPrefix(variable, prefix) && text != "" && !ours && !theirs {
			l.addUnknown(known, variable, named)
		}
	}
}

// addOverride is given what stands after the two underscores as the VM's name.
func (l *layers) addOverride(tag reflect.StructTag, o override) {
	wrong := func(format string, args ...any) {
		l.problems = append(l.problems, Problem{Where: plain(o.variable), Err: fmt.Errorf(format, args...)})
	}
	after := o.vm
	o.vm = strings.ToLower(strings.ReplaceAll(after, "_", "-"))
	nameErr := VMName(o.vm).check()
	switch {
	case tag.Get("scope") != "vm":
		wrong("is of no use: %s holds for the whole command and not for one VM", o.base)
	case nameErr == nil && suffix(o.vm) != "__"+after:
		wrong("wants the VM's name in upper case, as in %s", o.base+suffix(o.vm))
	case nameErr != nil || len(o.vm) > maxName:
		wrong("wants the name of a VM after the two underscores, such as WEB or MY_APP, got %q", after)
	default:
		l.overrides = append(l.overrides, o)
	}
}

// addUnknown refuses what is a typing error of a known variable, and warns of the rest. The value is not shown: it is not
// known to be no secret.
func (l *layers) addUnknown(known map[string]reflect.StructTag, variable string, named []string) {
	const says = "is not a variable of dvm"
	meant := nearVariables(known, variable)
	refused := len(meant) > 0
	if base, vm := oneUnderscore(known, variable); base != "" {
		meant = []string{base + suffix(vm)}
		refused = refused || slices.Contains(named, vm)
	}
	for i := range meant {
		meant[i] = plain(meant[i])
	}
	switch question := "; did you mean " + strings.Join(meant, " or ") + "?"; {
	case refused:
		l.problems = append(l.problems, Problem{Where: plain(variable), Err: errors.New(says + question)})
	case len(meant) > 0:
		l.warnings = append(l.warnings, plain(variable)+" "+says+question)
	default:
		l.warnings = append(l.warnings, plain(variable)+" "+says+", and does nothing; dvm help env lists those that do")
	}
}

// plain is a variable's name, in quotes where it is none that a shell could set.
func plain(variable string) string {
	if variableName().MatchString(variable) {
		return variable
	}
	return strconv.Quote(variable)
}

// nearVariables lists what a wrong name may stand for, with what it has after two underscores.
func nearVariables(known map[string]reflect.StructTag, variable string) []string {
	base, after, forVM := strings.Cut(strings.ToUpper(strings.TrimPrefix(variable, prefix)), "__")
	names := slices.Collect(maps.Keys(known))
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, prefix)
	}
	meant := near(base, names, allowedInVariable)
	for i := range meant {
		meant[i] = prefix + meant[i]
		if forVM {
			meant[i] += "__" + after
		}
	}
	return meant
}

// oneUnderscore tells a variable for one VM that is written with one underscore in the place of two.
func oneUnderscore(known map[string]reflect.StructTag, variable string) (base, vm string) {
	for name, tag := range known {
		after, found := strings.CutPrefix(variable, name+"_")
		named := strings.ToLower(strings.ReplaceAll(after, "_", "-"))
		// DVM_PORTS_ONLY_WEB is about DVM_PORTS_ONLY, not DVM_PORTS.
		if found && tag.Get("scope") == "vm" && len(name) > len(base) && VMName(named).check() == nil && suffix(named) == "__"+after {
			base, vm = name, named
		}
	}
	return base, vm
}
