// Command dvm gives every project its own Fedora VM, through Lima's limactl. It is configured by DVM_* variables alone.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sys/unix"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
	"dvm/logs"
	"dvm/steps"
)

func main() {
	syscall.Umask(syscall.Umask(0o077) &^ 0o700) // one that takes rights from the owner leaves files that neither dvm nor limactl can use
	lima.CloseFilesOnExec()
	exit(run(untilSignal(), os.Args[1:], os.Stdout, logs.NewTerminal(os.Stderr)))
}

// interrupted is the cause of a context that a signal ended.
type interrupted struct{ signal syscall.Signal }

func (i interrupted) Error() string { return "stopped by " + i.name() }

// name is the one that a user knows it by, such as SIGINT.
func (i interrupted) name() string { return unix.SignalName(i.signal) }

// oneWish is the time in which signals are one request to end: timeout(1) sends its own to the child, and then to the group.
const oneWish = 200 * time.Millisecond

// untilSignal gives a context that the first signal ends. The second ends dvm at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	wishes := []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		wishes = append(wishes, syscall.SIGHUP)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, wishes...)
	go func() {
		cancel(interrupted{(<-signals).(syscall.Signal)})
		time.Sleep(oneWish)
		select {
		case <-signals:
		default:
		}
		// Not by the default behaviour, which for SIGINT may be to ignore it: a shell starts what is in the background so.
		exit(interrupted{(<-signals).(syscall.Signal)})
	}()
	return ctx
}

// within is a context that ends after a time, if there is one.
func within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, fmt.Errorf("DVM_TIMEOUT ran out after %s", limit))
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

// exit ends dvm. After Ctrl-C it does so by SIGINT, since a shell goes on with a loop or script after a program that exits.
func exit(err error) {
	var cut interrupted
	if errors.As(err, &cut) && cut.signal == syscall.SIGINT && logs.InForeground() {
		signal.Reset(cut.signal)
		if syscall.Kill(os.Getpid(), cut.signal) == nil {
			time.Sleep(time.Second) // it comes when it comes, if it is not ignored
		}
	}
	os.Exit(exitCode(err))
}

// exitCode is 0, that of a command in the guest, 2 for a usage or configuration error, 128+n for a signal, and 1 for the rest.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	// Not whatever has an ExitCode method: limactl's own is not dvm's.
	var status exitStatus
	var cut interrupted
	var problems config.Problems
	switch {
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &cut):
		return 128 + int(cut.signal)
	case errors.As(err, &problems):
		return 2
	}
	return 1
}

func dispatch(ctx context.Context, args []string, stdout io.Writer, term *logs.Terminal) error {
	command, err := config.ParseCommand(args)
	if err != nil {
		cfg, alsoWrong := config.LoadAny(nil)
		heed(cfg, term)
		return errors.Join(err, alsoWrong)
	}
	switch command.Verb {
	case "help":
		return help(command.Args, stdout)
	case "version":
		_, err := fmt.Fprintln(stdout, "dvm", version())
		return err
	case "env":
		report, cfg, err := config.Explain(command.Args)
		heed(cfg, term)
		if err != nil {
			return err
		}
		return showEnvironment(report, cfg, stdout)
	case "doctor":
		return doctor(ctx, stdout, term)
	case "completion":
		return complete(ctx, command.Args, stdout)
	case "scripts":
		return showScripts(command.Args, stdout)
	case "sync":
		short := len(args) > 0 && args[0] != command.Verb
		return syncOrPlan(ctx, command.Args, short, stdout, term)
	}
	work := verb{name: command.Verb, args: command.Args, stdout: stdout, term: term}
	switch command.Verb {
	case "sh":
		return work.login(ctx)
	case "ssh":
		return work.command(ctx)
	case "cp":
		return work.copy(ctx)
	case "ssh-config":
		return work.sshConfig(ctx)
	case "ls":
		return work.list(ctx)
	case "stop":
		return work.stop(ctx)
	case "rm":
		return work.remove(ctx)
	case "logs":
		return work.logs(ctx)
	}
	return config.Problems{{Where: "command", Err: fmt.Errorf("%q is not in this version of dvm", command.Verb)}}
}

// syncOrPlan brings the VMs up to date, or says what that would do. short tells of a command without a verb, in which a wrong
// name is easily one more VM.
func syncOrPlan(ctx context.Context, names []string, short bool, stdout io.Writer, term *logs.Terminal) error {
	cfg, roster, err := load(ctx, names, term)
	if err != nil {
		return err
	}
	client := newClient(cfg, io.Discard)
	if short {
		if err := refuseLimaNames(client, names); err != nil {
			return err
		}
	}
	if roster == nil {
		roster = steps.Ask(ctx, client, cfg.VMs)
		defer roster.Close()
	}
	for _, line := range steps.SharedPorts(client, cfg.VMs) {
		term.Warn(line)
	}
	if cfg.DryRun {
		return plan(ctx, cfg, roster, stdout, term)
	}
	return syncAll(ctx, cfg, roster, stdout, term)
}

// refuseLimaNames answers who calls a VM by the name of its Lima instance.
func refuseLimaNames(client *lima.Client, names []string) error {
	var problems config.Problems
	meant, first := slices.Clone(names), ""
	for i, name := range names {
		if vm := steps.Meant(client, name); vm != "" {
			meant[i], first = vm, cmp.Or(first, name)
			problems = append(problems, config.Problem{Where: fmt.Sprintf("%q", name), Err: errors.New("is what Lima calls the VM " + vm)})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	err := engine.Advise(problems, "dvm %s", strings.Join(meant, " "))
	return engine.Advise(err, "for a VM called %s: dvm sync %s", first, strings.Join(names, " "))
}

func newClient(cfg config.Config, log io.Writer) *lima.Client {
	return &lima.Client{Command: cfg.Limactl, Home: cfg.LimaHome, LogLevel: cfg.LimaLogLevel, Withheld: cfg.Withheld,
		ReadOnly: cfg.DryRun, Log: log}
}

// newViewer is a client for what changes nothing, whatever DVM_DRY_RUN says.
func newViewer(cfg config.Config) *lima.Client {
	client := newClient(cfg, io.Discard)
	client.ReadOnly = true
	return client
}

// syncAll brings the VMs up to date, DVM_JOBS of them at once, and says at the end what became of several. One that fails
// does not stop the others; a signal does.
func syncAll(ctx context.Context, cfg config.Config, roster *lima.Roster, stdout io.Writer, term *logs.Terminal) error {
	// A reader of the output that goes away does not stop them, either; the error is said at the end.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	events := logs.JSONLines(stdout, cfg.JSON)
	outcomes := make([]logs.Outcome, len(cfg.VMs)) // in the order of the VMs
	workers := pool.New().WithMaxGoroutines(cfg.Jobs)
	for i, vm := range cfg.VMs {
		workers.Go(func() {
			outcomes[i] = logs.Outcome{VM: vm.Name, Begun: ctx.Err() == nil, Err: context.Cause(ctx)}
			if outcomes[i].Begun {
				outcomes[i].Err = syncOne(ctx, cfg, roster, vm, events, term)
			} else {
				logs.NotBegun(events, vm.Name, outcomes[i].Err)
			}
		})
	}
	workers.Wait()
	term.Outcomes(outcomes)
	var failures []error
	for _, outcome := range outcomes {
		failures = append(failures, outcome.Err)
	}
	if err := events.Err(); err != nil {
		term.Error(err)
		failures = append(failures, err)
	}
	if err := errors.Join(failures...); err != nil {
		return reported{err}
	}
	return nil
}

// syncOne brings one VM up to date, and says how that ended.
func syncOne(ctx context.Context, cfg config.Config, roster *lima.Roster, vm config.VM, events io.Writer, term *logs.Terminal) error {
	shown, err := logs.NewRun(term, cfg.StateDir, vm.Name, streamed(cfg), newMask(vm, term))
	if err != nil {
		err = fmt.Errorf("%s: %w", vm.Name, err)
		term.Error(err)
		logs.NotBegun(events, vm.Name, err)
		return err
	}
	shown.Copy(events)
	ctx, cancel := within(ctx, vm.Timeout)
	defer cancel()
	client := newClient(cfg, shown.Lima())
	defer context.AfterFunc(ctx, func() {
		if cut, ok := context.Cause(ctx).(interrupted); ok { //nolint:errorlint // it is no other's cause
			shown.Stopping(cut.name())
		}
	})()
	result, err := steps.Sync(ctx, client, roster, vm, shown.Observe, shown.Output)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = steps.Cut(client, vm, result, cause)
	}
	shown.End(result.Report, err)
	if err == nil && result.Created {
		term.Hint("dvm sh " + vm.Name)
	}
	return err
}

// streamed is how output is streamed: that of several VMs has to be told apart.
func streamed(cfg config.Config) logs.Stream {
	switch {
	case !cfg.Verbose:
		return logs.NoStream
	case len(cfg.VMs) > 1:
		return logs.NamedStream
	}
	return logs.PlainStream
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

// plan prints what a sync would do, VM by VM in their order. It changes nothing.
func plan(ctx context.Context, cfg config.Config, roster *lima.Roster, stdout io.Writer, term *logs.Terminal) error {
	client := newClient(cfg, io.Discard)
	var forAll error // what would stop a sync of any of them
	if err := client.Installed(); err != nil {
		forAll = fmt.Errorf("%w; so a VM without a directory of Lima's is new, and of others nothing is known", err)
	}
	noPlace := steps.NoPlace(cfg.StateDir)
	if noPlace != nil {
		forAll = errors.Join(forAll, fmt.Errorf("logs: %w", noPlace))
	}
	if forAll != nil {
		term.Error(forAll)
	}
	unkept := make([]error, len(cfg.VMs))
	for i, vm := range cfg.VMs {
		if err := logs.Unkept(cfg.StateDir, vm.Name); err != nil && noPlace == nil {
			unkept[i] = fmt.Errorf("%s: %w", vm.Name, err)
			term.Error(unkept[i])
		}
	}
	forecasts := make([]steps.Forecast, len(cfg.VMs))
	workers := pool.New().WithMaxGoroutines(cfg.Jobs)
	for i, vm := range cfg.VMs {
		workers.Go(func() {
			ctx, cancel := within(ctx, vm.Timeout)
			defer cancel()
			forecasts[i] = steps.Plan(ctx, client, roster, vm)
		})
	}
	workers.Wait()
	shown := logs.Plan{Stdout: stdout, Term: term, JSON: cfg.JSON}
	var failures []error
	for i, vm := range cfg.VMs {
		forecast := forecasts[i]
		err := errors.Join(forAll, unkept[i], forecast.Err)
		failures = append(failures, err)
		if err := shown.Show(vm.Name, forecast.Create, forecast.Report, forecast.Events, err, newMask(vm, term)); err != nil {
			return err
		}
	}
	if err := errors.Join(failures...); err != nil {
		return reported{err}
	}
	return nil
}

const noneFound = "DVM_ALL=1 finds no VM"

// load reads the environment for a command about the VMs named, or about every one there is where DVM_ALL says so: then
// the list that names them comes with it.
func load(ctx context.Context, names []string, term *logs.Terminal) (config.Config, *lima.Roster, error) {
	cfg, err := config.Load(names)
	heed(cfg, term)
	if err != nil || !cfg.All {
		return cfg, nil, err
	}
	names, others, roster, err := steps.AskAll(ctx, newClient(cfg, io.Discard))
	if err != nil {
		return cfg, nil, err
	}
	for _, instance := range others {
		term.Warn("DVM_ALL=1 leaves out " + instance + ", which has no name that dvm gives")
	}
	if len(names) == 0 {
		term.Warn(noneFound)
		return cfg, roster, nil
	}
	cfg, err = config.Load(names)
	return cfg, roster, err
}

// heed has the terminal be as the environment wants it, and says what is odd about that.
func heed(cfg config.Config, term *logs.Terminal) {
	if cfg.JSON {
		term.Still()
	}
	for _, warning := range cfg.Warnings {
		term.Warn(warning)
	}
}
