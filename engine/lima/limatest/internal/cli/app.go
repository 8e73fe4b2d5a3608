// Package cli is limactl's command line: its grammar, its messages and its exit codes.
package cli

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"dvm/engine/lima/limatest/internal/knob"
	"dvm/engine/lima/limatest/internal/limayaml"
	"dvm/engine/lima/limatest/internal/store"
)

// version is the release that the stand-in stands in for.
const version = "2.2.0"

// App is one invocation of limactl.
type App struct {
	Args   []string // without the program's name
	Getenv func(string) string
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File

	log     *logger
	knobs   knob.Set
	faults  knob.Faults
	home    store.Home
	account knob.Account
	userDir string // the home of the host's user
	flags   *pflag.FlagSet
}

// exitError ends limactl with a code and without a word.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// Run does what the words say and returns the exit code.
func (a *App) Run() int {
	a.log = &logger{w: a.Stderr, max: info, terminal: term.IsTerminal(int(a.Stderr.Fd())), began: time.Now()}
	err := a.prepare()
	if err == nil {
		err = a.dispatch()
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		return int(exit)
	}
	if err != nil {
		a.log.fatalf("%v", err)
		return 1
	}
	return 0
}

// prepare reads what does not depend on the command.
func (a *App) prepare() (err error) {
	if a.Getenv("HOME") == "" {
		// The real one panics before its main function.
		fmt.Fprint(a.Stderr, "panic: $HOME is not defined\n\ngoroutine 1 [running]:\ngithub.com/lima-vm/lima/v2/pkg/must.Must[...](...)\n")
		return exitError(2)
	}
	if a.knobs, err = knob.Read(a.Getenv); err != nil {
		return err
	}
	if err := a.knobs.LogCall(a.Args); err != nil {
		return err
	}
	if a.knobs.RefuseRoot && os.Geteuid() == 0 {
		fmt.Fprintln(a.Stderr, "limactl: must not run as the root user")
		return exitError(1)
	}
	if a.home, err = store.OpenHome(a.Getenv); err != nil {
		return err
	}
	u, err := user.Current()
	if err != nil {
		return err
	}
	a.userDir = a.Getenv("HOME")
	name := u.Username
	if !regexp.MustCompile(`^[a-z_][a-z0-9_-]*$`).MatchString(name) || name == "admin" {
		name = "lima"
	}
	a.account, err = knob.ReadAccount(a.Getenv, name, os.Getuid())
	return err
}

// dispatch finds the command among the words, reads its flags and runs it between the faults that are asked for.
func (a *App) dispatch() error {
	g := globals{}
	root := g.flagSet(a.Stdout)
	root.SetInterspersed(false)
	help := root.BoolP("help", "h", false, "help for limactl")
	showVersion := root.BoolP("version", "v", false, "version for limactl")
	if err := root.Parse(a.Args); err != nil {
		return err
	}
	switch {
	case *showVersion:
		_, err := fmt.Fprintln(a.Stdout, "limactl version "+version)
		return err
	case *help || root.NArg() == 0 || root.Arg(0) == "help":
		return a.printHelp(root)
	}
	cmd, ok := find(root.Arg(0))
	if !ok {
		return fmt.Errorf("unknown command %q for \"limactl\"", root.Arg(0))
	}
	a.flags = pflag.NewFlagSet(cmd.name, pflag.ContinueOnError)
	a.flags.Usage = func() {}
	a.flags.SetInterspersed(!cmd.flagsFirst)
	if cmd.flags != nil {
		cmd.flags(a.flags)
	}
	own := a.flags.FlagUsages()
	a.flags.AddFlagSet(g.flagSet(a.Stdout))
	a.flags.BoolP("help", "h", false, "help for "+cmd.name)
	root.Visit(func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "version" {
			a.flags.Lookup(f.Name).Changed = true
		}
	})
	if err := a.flags.Parse(root.Args()[1:]); err != nil {
		return err
	}
	if wanted, _ := a.flags.GetBool("help"); wanted {
		return cmd.printHelp(a.Stdout, own)
	}
	args := a.flags.Args()
	if err := cmd.checkArgs(args); err != nil {
		return err
	}
	if err := g.apply(a, cmd.name); err != nil {
		return err
	}
	return a.runFaulty(cmd, args)
}

func (a *App) loader() limayaml.Loader {
	return limayaml.Loader{
		ConfigDir: a.home.ConfigDir(),
		Host:      limayaml.Host{UserName: a.account.Name, UID: a.account.UID, Home: a.userDir},
		Warn:      func(msg string, f map[string]string) { a.log.record(warning, f, "%s", msg) },
	}
}

func (a *App) inspect(name string) (*store.Instance, error) {
	return a.home.Inspect(name, a.loader())
}

// bool, text and list read flags that are known to exist.
func (a *App) bool(name string) bool {
	v, err := a.flags.GetBool(name)
	return err == nil && v
}

func (a *App) text(name string) string {
	v, err := a.flags.GetString(name)
	if err != nil {
		return ""
	}
	return v
}

func (a *App) list(name string) []string {
	v, err := a.flags.GetStringArray(name)
	if err != nil {
		return nil
	}
	return v
}

func yamlPath(dir string) string { return filepath.Join(dir, "lima.yaml") }
