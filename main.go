// Command dvm gives every project its own Fedora VM, through Lima's limactl. It is configured by DVM_* variables alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
	"dvm/logs"
	"dvm/scripts"
	"dvm/steps"
)

func main() {
	ctx, stop := untilSignal()
	err := run(ctx, os.Args[1:], os.Stdout, logs.NewTerminal(os.Stderr))
	stop()
	os.Exit(exitCode(err))
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "stopped by " + i.signal.String() }

// ExitCode is what a shell reports of a process that the signal ended.
func (i interrupted) ExitCode() int { return 128 + int(i.signal) }

// untilSignal gives a context that the first signal ends. The second finds the default behaviour, and ends dvm at once.
func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		if received, ok := (<-signals).(syscall.Signal); ok {
			signal.Stop(signals)
			cancel(interrupted{received})
		}
	}()
	return ctx, func() { signal.Stop(signals) }
}

// reported is an error that the user has read already.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// run is dvm without the process around it. It prints its errors.
func run(ctx context.Context, args []string, stdout io.Writer, term *logs.Terminal) error {
	err := dispatch(ctx, args, stdout, term)
	if _, done := err.(reported); err != nil && !done { //nolint:errorlint // only the outermost counts
		term.Error(err)
	}
	return err
}

// exitCode is 0, 2 for a usage or configuration error, 128+n for a signal, and 1 for the rest.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 1
}

func dispatch(ctx context.Context, args []string, stdout io.Writer, term *logs.Terminal) error {
	command, err := config.ParseCommand(args)
	if err != nil {
		return err
	}
	switch command.Verb {
	case "help":
		return help(command.Args, stdout)
	case "version":
		_, err := fmt.Fprintln(stdout, "dvm", version())
		return err
	case "env":
		report, cfg, err := config.Explain(command.Args)
		warn(cfg, term)
		if err != nil {
			return err
		}
		return showEnvironment(report, cfg, stdout)
	case "scripts":
		return showScripts(command.Args, stdout)
	case "sync":
		cfg, err := config.LoadSync(command.Args)
		warn(cfg, term)
		if err != nil {
			return err
		}
		if cfg.DryRun {
			return plan(cfg, stdout)
		}
		return sync(ctx, cfg, term)
	}
	return config.Problems{{Where: "command", Err: fmt.Errorf("%q is not in this version of dvm", command.Verb)}}
}

func newClient(cfg config.Config, log io.Writer) *lima.Client {
	return &lima.Client{Command: cfg.Limactl, Home: cfg.LimaHome, LogLevel: cfg.LimaLogLevel, Withheld: cfg.Withheld, Log: log}
}

// sync brings the VMs up to date one after another. One that fails does not stop the others; a signal does.
func sync(ctx context.Context, cfg config.Config, term *logs.Terminal) error {
	var failures []error
	for _, vm := range cfg.VMs {
		if ctx.Err() != nil {
			break
		}
		shown, err := logs.NewRun(term, cfg.StateDir, vm.Name, cfg.Verbose, newMask(vm, term))
		if err != nil {
			return err
		}
		result, err := steps.Sync(ctx, newClient(cfg, shown.Lima()), vm, shown.Observe, shown.Output)
		var cut interrupted
		if errors.As(err, &cut) {
			err = engine.Advise(cut, "dvm %s goes on from there", vm.Name)
		}
		shown.End(result.Report, err)
		if err != nil {
			failures = append(failures, err)
		} else if result.Created {
			term.Hint("dvm sh " + vm.Name)
		}
	}
	if len(failures) == 0 {
		return nil
	}
	return reported{errors.Join(failures...)}
}

// newMask hides the VM's secrets, and says which it can't hide.
func newMask(vm config.VM, term *logs.Terminal) *logs.Mask {
	var values []string
	for _, secret := range vm.Secrets {
		if !logs.Maskable(secret.Value()) {
			term.Warn(secret.Name + " is so short that it is not masked in logs")
		}
		values = append(values, secret.Value())
	}
	return logs.NewMask(values)
}

// plan prints what a sync would run. It does not ask Lima.
func plan(cfg config.Config, stdout io.Writer) error {
	client := newClient(cfg, io.Discard)
	var text strings.Builder
	for _, vm := range cfg.VMs {
		create, names := steps.Plan(client, vm)
		fmt.Fprintln(&text, create)
		for _, name := range names {
			fmt.Fprintf(&text, "%s %s\n", vm.Name, name)
		}
	}
	_, err := io.WriteString(stdout, text.String())
	return err
}

// warn says what is odd about the environment.
func warn(cfg config.Config, term *logs.Terminal) {
	for _, warning := range cfg.Warnings {
		term.Warn(warning)
	}
}

// showEnvironment prints a table for a person, lines for a shell, or JSON.
func showEnvironment(report config.Report, cfg config.Config, stdout io.Writer) error {
	switch {
	case cfg.JSON:
		encoder := json.NewEncoder(stdout)
		for _, setting := range report.Settings {
			if err := encoder.Encode(setting); err != nil {
				return err
			}
		}
		return nil
	case logs.IsTerminal(stdout):
		return logs.Table(stdout, report.Rows())
	}
	_, err := io.WriteString(stdout, report.Exports())
	return err
}

// showScripts prints the built-in setup scripts, or the one that is named.
func showScripts(names []string, stdout io.Writer) error {
	if len(names) > 0 {
		script, err := config.BuiltIn(names[0])
		if err == nil {
			_, err = io.WriteString(stdout, script.Text)
		}
		return err
	}
	// What is wrong with the variables must not hide the names that would mend it.
	if cfg, _ := config.LoadAny(nil); !cfg.JSON {
		return logs.Table(stdout, scripts.Rows())
	}
	encoder := json.NewEncoder(stdout)
	for _, script := range scripts.BuiltIns() {
		if err := encoder.Encode(script); err != nil {
			return err
		}
	}
	return nil
}

func help(topic []string, stdout io.Writer) error {
	if slices.Equal(topic, []string{"env"}) {
		return errors.Join(logs.Table(stdout, config.ReferenceRows()), logs.Text(stdout, config.Rules()...))
	}
	rows := [][]string{{"dvm VM...", "the same as dvm sync VM..."}}
	for _, verb := range config.Verbs() {
		rows = append(rows, []string{strings.TrimSpace("dvm " + verb.Name + " " + verb.Args), verb.Meaning})
	}
	rows = append(rows, []string{"", ""})
	for _, entry := range config.Reference() {
		if entry.Common {
			rows = append(rows, []string{entry.Name, entry.Meaning})
		}
	}
	rows = append(rows, []string{"", ""}, []string{"dvm help env", "all variables, and their defaults"})
	return errors.Join(logs.Text(stdout, "dvm gives every project its own Fedora VM. Everything is set by variables; there are no flags.", ""),
		logs.Table(stdout, rows))
}

// version is that of the module, or of the commit where it was built in a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(unknown)"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "(devel)"
}
