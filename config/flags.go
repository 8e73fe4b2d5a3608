package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"al.essio.dev/pkg/shellescape"

	"dvm/engine"
)

// option is a word that begins with a hyphen. dvm has none, and answers with the variable that does the same.
type option struct {
	given    string // as typed, with its value
	variable string // empty where no variable is like it
	value    string
	list     bool // the variable takes several values
}

// splitFlags tells flags from words. A value that follows a flag goes with it. After --, and after the first word that
// runs in a guest, all are words; those after -- are dashed where the verb has no use for them.
func splitFlags(args []string) (words []string, flags []option, dashed []string) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		ssh := len(words) > 0 && words[0] == "ssh"
		switch {
		case arg == "--":
			if ssh && len(words) == 1 { // dvm ssh -- CMD: in the VM of DVM_NAME
				words = append(words, os.Getenv("DVM_NAME"))
			}
			if !takesDashed(words) {
				return words, flags, args[i+1:]
			}
			return append(words, args[i+1:]...), flags, nil
		case len(arg) < 2 || arg[0] != '-':
			words = append(words, arg)
			if ssh && len(words) == 3 {
				return append(words, args[i+1:]...), flags, nil
			}
		default:
			found, wantsValue := readFlag(arg)
			if next := i + 1; wantsValue && next < len(args) && !strings.HasPrefix(args[next], "-") {
				found.given, found.value = arg+" "+args[next], args[next]
				i = next
			}
			flags = append(flags, found)
		}
	}
	return words, flags, nil
}

// takesDashed is whether words may come after -- behind these, by dvm's name of the verb or by another tool's.
func takesDashed(words []string) bool {
	verb := ownVerb(cmp.Or(words...))
	return verb == "ssh" || verb == "cp" || verb == "completion"
}

// refuseDashed answers words after -- with the line that was meant: mostly a command to run in the VM, which must not become
// the names of VMs.
func refuseDashed(words, dashed []string) error {
	err := error(Problems{{Where: fmt.Sprintf("%q", dashed[0]), Err: errors.New("stands behind --, where only dvm ssh and dvm cp take words")}})
	verb, vms := meantVerb(cmp.Or(words...)), words
	if verb != "" {
		vms = words[1:]
	}
	switch inVM := append([]string{"--"}, dashed...); {
	case verb != "" && verb != "sync" && verb != "sh", verb == "sync" && len(vms) == 0:
		if strings.HasPrefix(dashed[0], "-") { // it would be a flag
			return err
		}
		return engine.Advise(err, "%s", command(slices.Concat([]string{verb}, vms, dashed)))
	case len(vms) > 0:
		return engine.Advise(err, "%s", command(append([]string{"ssh", vms[0]}, inVM...)))
	case os.Getenv("DVM_NAME") != "":
		return engine.Advise(err, "%s", command(append([]string{"ssh"}, inVM...)))
	default:
		return engine.Advise(err, "with the name of a VM: %s", command(append([]string{"ssh", "VM"}, inVM...)))
	}
}

// likeFlag is what stands in the place of a flag.
type likeFlag struct {
	variable string
	value    string // where the flag needs none
	list     bool
}

// likeFlags is what each flag that a newcomer may try stands for, by its name without hyphens: the variable's own, and
// those of its tag.
func likeFlags() map[string]likeFlag {
	names := map[string]likeFlag{}
	new(Variables).each(func(variable string, f field, tag reflect.StructTag) {
		like := likeFlag{variable: variable}
		switch f.(type) {
		case *Value[Switch]:
			like.value = "1"
		case *Value[Ports], *Value[Packages], *Value[List], *Value[Names]:
			like.list = true
		}
		names[strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, prefix), "_", "-"))] = like
		for _, alias := range strings.Fields(tag.Get("flags")) {
			name, value, fixed := strings.Cut(alias, "=")
			names[name] = like
			if fixed {
				names[name] = likeFlag{variable: variable, value: value}
			}
		}
	})
	return names
}

// readFlag finds the variable that a flag stands for. A flag of one letter may have its value behind it: -p3000:3000.
func readFlag(arg string) (found option, wantsValue bool) {
	known := likeFlags()
	name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	like, ok := known[name]
	switch {
	case ok && hasValue:
	case ok:
		value = like.value
	case !strings.HasPrefix(arg, "--") && name != "":
		if short := known[name[:1]]; short.value == "" {
			like, value = short, arg[2:]
		}
	}
	return option{given: arg, variable: like.variable, value: value, list: like.list}, like.variable != "" && value == ""
}

// refuseFlags names the variable to set in the place of each flag, and the whole line where all are known, unless something is
// wrong with the words too.
func refuseFlags(flags []option, words []string, wrong error) error {
	var problems Problems
	var variables []string
	values := map[string]string{}
	complete := true
	verb := findVerb(cmp.Or(meantVerb(cmp.Or(words...)), "sync"))
	for _, flag := range flags {
		says := "is a flag, and dvm has none; everything is set by variables: dvm help env"
		switch {
		case flag.variable == "":
		case !verb.isTold(flag.variable):
			says = fmt.Sprintf("is a flag, and dvm has none; no variable does that for dvm %s", verb.Name)
			flag.variable = ""
		default:
			says = fmt.Sprintf("is a flag, and dvm has none; set %s", assignment(flag.variable, flag.value))
			if err := refuses(flag.variable, flag.value); err != nil {
				says = fmt.Sprintf("is a flag, and dvm has none; set %s, which %v", flag.variable, err)
				complete = false
			}
		}
		problems = append(problems, Problem{Where: fmt.Sprintf("%q", flag.given), Err: errors.New(says)})
		complete = complete && flag.variable != "" && flag.value != ""
		if !slices.Contains(variables, flag.variable) {
			variables = append(variables, flag.variable)
		} else if flag.list { // -p 1:1 -p 2:2
			flag.value = values[flag.variable] + "," + flag.value
		}
		values[flag.variable] = flag.value
	}
	switch {
	case !complete:
		return problems
	case wrong != nil:
		return errors.Join(problems, wrong)
	}
	for i, variable := range variables {
		variables[i] = assignment(variable, values[variable])
	}
	return engine.Advise(problems, "%s", strings.Join(append(variables, command(words)), " "))
}

// refuses says why a variable does not take a value, which may be what another tool's flag takes.
func refuses(variable, value string) (err error) {
	new(Variables).each(func(name string, f field, _ reflect.StructTag) {
		if name == variable {
			_ = f.Decode(value)
			err = f.problem()
		}
	})
	return err
}

// assignment is for a line to type, so what can't be typed is left out.
func assignment(variable, value string) string {
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return variable + "=…"
	}
	return variable + "=" + shellescape.Quote(value)
}
