package cli

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/spf13/pflag"
)

// command is one of limactl's verbs.
type command struct {
	name       string
	aliases    []string
	use        string
	short      string
	minArgs    int
	maxArgs    int
	flagsFirst bool // flags end at the first other word
	flags      func(*pflag.FlagSet)
	run        func(*App, []string) error
}

// any number of words
const many = math.MaxInt

func commands() []command {
	force := func(usage string) func(*pflag.FlagSet) {
		return func(f *pflag.FlagSet) { f.BoolP("force", "f", false, usage) }
	}
	return []command{
		{name: "create", use: "create FILE.yaml|URL", short: "Create an instance of Lima", maxArgs: 1, flags: createFlags, run: (*App).create},
		{name: "start", use: "start NAME|FILE.yaml|URL", short: "Start an instance of Lima", maxArgs: 1, flags: startFlags, run: (*App).start},
		{name: "stop", use: "stop INSTANCE [INSTANCE, ...]", short: "Stop an instance", maxArgs: many, flags: force("Forcibly stop the instance"), run: (*App).stop},
		{name: "delete", aliases: []string{"remove", "rm"}, use: "delete INSTANCE [INSTANCE, ...]", short: "Delete an instance of Lima", minArgs: 1, maxArgs: many, flags: force("Forcibly kill the processes"), run: (*App).delete},
		{name: "list", aliases: []string{"ls"}, use: "list [flags] [INSTANCE]...", short: "List instances of Lima", maxArgs: many, flags: listFlags, run: (*App).listInstances},
		{name: "shell", use: "shell [flags] INSTANCE [COMMAND...]", short: "Execute shell in Lima", maxArgs: many, flagsFirst: true, flags: shellFlags, run: (*App).shell},
		{name: "edit", use: "edit INSTANCE|FILE.yaml", short: "Edit an instance of Lima or a template", maxArgs: 1, flags: editCommandFlags, run: (*App).edit},
		{name: "clone", use: "clone OLDINST NEWINST", short: "Clone an instance of Lima", minArgs: 2, maxArgs: 2, flags: editCommandFlags, run: (*App).clone},
		{name: "protect", use: "protect INSTANCE [INSTANCE, ...]", short: "Protect an instance to prohibit accidental removal", minArgs: 1, maxArgs: many, run: (*App).protect},
		{name: "unprotect", use: "unprotect INSTANCE [INSTANCE, ...]", short: "Unprotect an instance", minArgs: 1, maxArgs: many, run: (*App).unprotect},
		{name: "info", use: "info", short: "Show diagnostic information", flags: infoFlags, run: (*App).info},
		{name: "copy", aliases: []string{"cp"}, use: "copy SOURCE ... TARGET", short: "Copy files between host and guest", maxArgs: many, run: (*App).copy},
	}
}

func find(name string) (command, bool) {
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name || slices.Contains(c.aliases, name) })
	if i < 0 {
		return command{}, false
	}
	return all[i], true
}

func (c command) checkArgs(args []string) error {
	var complaint string
	switch {
	case len(args) >= c.minArgs && len(args) <= c.maxArgs:
		return nil
	case c.minArgs == c.maxArgs:
		complaint = fmt.Sprintf("accepts %d arg(s), received %d", c.minArgs, len(args))
	case len(args) < c.minArgs:
		complaint = fmt.Sprintf("requires at least %d arg(s), only received %d", c.minArgs, len(args))
	default:
		complaint = fmt.Sprintf("accepts at most %d arg(s), received %d", c.maxArgs, len(args))
	}
	return fmt.Errorf("`limactl %[1]s` %[2]s.\nSee `limactl %[1]s --help`.\n\nUsage:  %[3]s\n\n%[4]s", c.name, complaint, c.usage(), c.short)
}

// usage is the use line, which names flags where it does not say itself where they stand.
func (c command) usage() string {
	if c.name == "shell" || c.name == "list" {
		return "limactl " + c.use
	}
	return "limactl " + c.use + " [flags]"
}

func (c command) printHelp(w io.Writer, flags string) error {
	_, err := fmt.Fprintf(w, "%s\n\nUsage:\n  %s\n\nFlags:\n%s", c.short, c.usage(), flags)
	return err
}

func (a *App) printHelp(root *pflag.FlagSet) error {
	fmt.Fprintf(a.Stdout, "Lima: Linux virtual machines\n\n%s\n\nUsage:\n  limactl [command]\n\nCommands:\n", standIn)
	for _, c := range commands() {
		fmt.Fprintf(a.Stdout, "  %-11s %s\n", c.name, c.short)
	}
	_, err := fmt.Fprintf(a.Stdout, "\nFlags:\n%s", root.FlagUsages())
	return err
}

// standIn is said where a person may take this for the real limactl.
const standIn = "This is a stand-in for limactl, for tests: its guests are overlays of this machine's root filesystem, without isolation."
