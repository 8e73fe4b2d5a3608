package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"dvm/engine"
)

// Command is a command line: a verb and its arguments. Those of ssh are the VM's name and the words to run in it.
type Command struct {
	Verb string
	Args []string
}

// Verb documents a word that is never taken for a VM where it comes first.
type Verb struct {
	Name    string
	Args    string // as help shows them
	Meaning string
	least   int // arguments
	most    int
	foreign string // what Lima, Docker and Vagrant call it. Taken for VMs, such words would make some: `dvm start app` two.
	heeds   string // the variables that say how, without their prefix; empty for all
}

const many = 1 << 20

// Verbs documents every command, in the order of help.
func Verbs() []Verb {
	const working = "USER PORTS PORTS_ONLY CPUS MEMORY DISK RESIZE TIMEOUT" // in a VM, which is started where it is stopped
	const none = " "                                                        // but those that every verb is told
	return []Verb{
		{"sync", "[VM...]", "create or start each VM and bring it up to date", 0, many, "start create up launch provision", ""},
		{"sh", "[VM]", "login shell in the project directory", 0, 1, "shell enter", working},
		{"ssh", "VM [--] CMD...", "one command in the project directory; its exit code", 2, many, "exec run", working},
		{"cp", "SRC DST", "copy a file or directory; one side is VM:path", 2, 2, "copy scp", working + " DRY_RUN OUTPUT"},
		{"ssh-config", "[VM]", "a Host block for editors, rsync and git over ssh", 0, 1, "", working},
		{"ls", "", "the VMs", 0, 0, "list status ps", "OUTPUT"},
		{"stop", "[VM...]", "shut down; the disk stays", 0, many, "down halt suspend shutdown poweroff restart reload", "ALL JOBS TIMEOUT DRY_RUN OUTPUT"},
		{"rm", "[VM...]", "delete, after asking", 0, many, "delete remove destroy", "YES FORCE TIMEOUT DRY_RUN OUTPUT"},
		{"logs", "[VM]", "the last run's logs", 0, 1, "", none},
		{"env", "[VM]", "every variable: value, where it comes from, meaning", 0, 1, "", ""},
		{"scripts", "[NAME]", "the built-in setup scripts, or one of them", 0, 1, "", "OUTPUT"},
		{"doctor", "", "is this host ready, and what to do if not", 0, 0, "", ""},
		{"completion", "SHELL", "completion for bash, zsh or fish", 1, many, "", none},
		{"version", "", "the version", 0, 0, "", none},
		{"help", "[env]", "the commands; env: every variable", 0, 1, "", none},
	}
}

func verbNames() (names []string) {
	for _, verb := range Verbs() {
		names = append(names, verb.Name)
	}
	return names
}

// findVerb gives the verb of that name, or nil.
func findVerb(name string) *Verb {
	for _, verb := range Verbs() {
		if verb.Name == name {
			return &verb
		}
	}
	return nil
}

// ownVerb gives the name of the verb that dvm or another tool calls by that word, or nothing.
func ownVerb(word string) string {
	for _, verb := range Verbs() {
		if verb.Name == word || slices.Contains(strings.Fields(verb.foreign), word) {
			return verb.Name
		}
	}
	return ""
}

// meantVerb gives the name of the verb that a word is, or may be meant for; or nothing.
func meantVerb(word string) string {
	if findVerb(word) != nil {
		return word
	}
	return cmp.Or(append(near(strings.ToLower(word), verbNames(), allowedInVerb), ownVerb(word))...)
}

// ParseCommand reads the arguments after the program's name. The error is a Problems, with advice.
func ParseCommand(args []string) (Command, error) {
	words, flags, dashed := splitFlags(args)
	for _, flag := range flags {
		switch flag.given {
		case "-h", "--help":
			return Command{Verb: "help"}, nil
		case "--version":
			return Command{Verb: "version"}, nil
		}
	}
	if len(dashed) > 0 {
		return Command{}, refuseDashed(words, dashed)
	}
	command, err := readWords(words)
	if len(flags) > 0 {
		return Command{}, adviseNamed(refuseFlags(flags, words, err), args)
	}
	return command, err
}

// readWords reads a command line without flags.
func readWords(words []string) (Command, error) {
	if len(words) == 0 {
		if os.Getenv("DVM_NAME") != "" {
			return Command{Verb: "sync"}, nil
		}
		return Command{Verb: "ls"}, nil
	}
	verb := findVerb(words[0])
	if verb == nil {
		err := refuseNearVerb(words)
		if err == nil {
			err = refuseLateVerb(words)
		}
		return Command{Verb: "sync", Args: words}, err
	}
	return Command{Verb: verb.Name, Args: words[1:]}, verb.check(words[1:])
}

// isTold is whether a variable says how the verb does its work, or where what it needs is.
func (v *Verb) isTold(variable string) bool {
	const all = "NAME STATE_DIR LIMACTL LIMA_LOG_LEVEL VERBOSE"
	return v.heeds == "" || slices.Contains(strings.Fields(v.heeds+" "+all), strings.TrimPrefix(variable, prefix))
}

// check refuses too few arguments, too many, and what help has no page of.
func (v *Verb) check(args []string) error {
	if v.Name == "help" && len(args) == 1 && args[0] != "env" && findVerb(args[0]) == nil {
		return Problems{{Where: v.Name, Err: wants("env, a command or nothing", args[0])}}
	}
	if v.Name == "ssh" && len(args) > 0 && args[0] == "" && os.Getenv("DVM_NAME") == "" { // dvm ssh -- CMD
		return Problems{noName()}
	}
	if len(args) >= v.least && len(args) <= v.most {
		return nil
	}
	expected := "no arguments"
	if v.Args != "" {
		expected = "the arguments " + v.Args
	}
	wrong := wants(expected, strings.Join(args, " "))
	if len(args) == 0 {
		wrong = fmt.Errorf("wants %s, got nothing", expected)
	}
	err := error(Problems{{Where: v.Name, Err: wrong}})
	if v.Name == "ssh" && len(args) == 1 {
		if err = adviseNamed(err, []string{v.Name, args[0]}); VMName(args[0]).check() == nil {
			err = engine.Advise(err, "for a shell in the VM %s: %s", args[0], command([]string{"sh", args[0]}))
		}
	}
	return err
}

// adviseNamed adds the line that works to an error of dvm ssh CMD, which beside DVM_NAME may be meant for its VM.
func adviseNamed(err error, args []string) error {
	usual := os.Getenv("DVM_NAME")
	if len(args) < 2 || args[0] != "ssh" || strings.HasPrefix(args[1], "-") || usual == "" || args[1] == usual {
		return err
	}
	return engine.Advise(err, "for the VM of DVM_NAME: %s", command(slices.Insert(slices.Clone(args), 1, "--")))
}

// refuseNearVerb tells a verb typed wrong, or another tool's, from a VM's name, and gives both readings. A variable after dvm is neither.
func refuseNearVerb(words []string) error {
	first := words[0]
	if variable, _, found := strings.Cut(first, "="); found && strings.HasPrefix(variable, prefix) {
		return engine.Advise(Problems{{Where: fmt.Sprintf("%q", first), Err: errors.New("belongs before the command")}},
			"%s", strings.TrimSpace(first+" dvm "+shellescape.QuoteCommand(words[1:])))
	}
	why := "is not a command, and too near one to be taken for a VM"
	meant := near(strings.ToLower(first), verbNames(), allowedInVerb)
	if len(meant) == 0 {
		verb := ownVerb(first)
		if verb == "" {
			return nil
		}
		why, meant = "is a command of other tools, and not taken for a VM", []string{verb}
	}
	err := error(Problems{{Where: fmt.Sprintf("%q", first), Err: errors.New(why)}})
	isName := func(word string) bool { return VMName(word).check() == nil }
	vms := !slices.ContainsFunc(words[1:], func(word string) bool { return !isName(word) }) // what follows the word
	for _, name := range meant {
		verb := findVerb(name)
		vms = vms && verb.Name != "ssh" && verb.Name != "cp"
		hint := verb.line(words[1:])
		if first == "restart" || first == "reload" {
			hint += "; " + findVerb("sync").line(words[1:])
		}
		err = engine.Advise(err, "%s", hint)
	}
	if !vms {
		words = words[:1]
	}
	if isName(first) {
		err = engine.Advise(err, "for a VM called %s: %s", first, command(append([]string{"sync"}, words...)))
	}
	return err
}

// refuseLateVerb answers who names the VM first, as in dvm app stop: taken for a VM, the verb would make one.
func refuseLateVerb(words []string) error {
	for i, word := range words[1:] {
		verb := findVerb(ownVerb(word))
		if verb == nil {
			continue
		}
		err := error(Problems{{Where: fmt.Sprintf("%q", word), Err: errors.New("is a command, which comes first, and not taken for a VM")}})
		others := slices.Concat(words[:i+1], words[i+2:])
		// What cp and completion take is no VM's name.
		if verb.Name != "cp" && verb.Name != "completion" && len(others) >= verb.least {
			err = engine.Advise(err, "%s", verb.line(others))
		}
		return engine.Advise(err, "for a VM called %s: %s", word, command(append([]string{"sync"}, words...)))
	}
	return nil
}

// line is the verb with as many of the words as it takes, as a user types it.
func (v *Verb) line(words []string) string {
	return command(append([]string{v.Name}, words[:min(len(words), v.most)]...))
}

// SyncCommand is the line that syncs a VM, in its short form unless that would be read otherwise.
func SyncCommand(vm string) string {
	if read, err := ParseCommand([]string{vm}); err != nil || read.Verb != "sync" || !slices.Equal(read.Args, []string{vm}) {
		return command([]string{"sync", vm})
	}
	return command([]string{vm})
}

// command is the words as a user types them after dvm.
func command(words []string) string {
	return shellescape.QuoteCommand(slices.Concat([]string{"dvm"}, words))
}
