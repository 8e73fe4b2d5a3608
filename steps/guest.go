package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
	"dvm/scripts"
)

const (
	lockWithin = 60 * time.Second // for the guest work of a sync that was cut off to end
	turnWithin = 10 * time.Minute // for another program's package transaction to end

	// mostSaid bounds the markers of a step: one a second while it waits for its turn, and a few others.
	mostSaid = int(turnWithin/time.Second) + 20
)

// variable is a shell variable for a guest script.
type variable struct{ name, value string }

// guestStep is a step that a shell script checks and applies in the guest.
type guestStep struct {
	name   string
	script string
	root   bool       // apply runs as root
	setup  bool       // it runs a setup script, whose output has a log of its own
	file   bool       // the setup script is a file of the host, for its owner to mend
	force  bool       // apply runs also where the check finds nothing to do
	builds bool       // its check may answer otherwise once an earlier step has been applied
	looks  bool       // its script has a look, else a check
	tells  bool       // what it made is for its user to read
	turns  bool       // apply must not meet a package transaction
	fresh  bool       // it has something to do in every new VM
	wants  string     // the state that it makes, in words
	mend   string     // what helps where apply fails
	mendIf string     // but only where its last words hold this
	files  []string   // paths that its look asks about
	needs  []variable // what its look has to know, and so does apply
	values []variable // for check and apply

	secrets []string // the names of those that it can take, and was not given
	private bool     // it can take secrets, so that its words stay in the log, which hides them
}

// Output is told all lines that a guest step prints, each with its end. It must not keep them. They are the guest's: not to
// be trusted with a terminal.
type Output func(step string, setup bool, lines []byte)

// guest is the stage of all guest steps, which travel to the guest as one program.
type guest struct {
	vm     config.VM
	steps  []guestStep
	at     *instance
	output Output
}

func guestSteps(vm config.VM) []guestStep {
	list := []guestStep{
		{name: "user", script: scripts.Bare(scripts.User), root: true, looks: true, fresh: true, wants: wantedUser(vm),
			files: []string{vm.HomeDir()},
			needs: []variable{{"DVM_SUDO", zeroOrOne(vm.Sudo)}}},
		{name: "code", script: scripts.Bare(scripts.Code), root: true, looks: true, fresh: true, wants: vm.CodeDir() + " of " + vm.User,
			files: []string{path.Dir(vm.CodeDir()), vm.CodeDir()}},
		{name: "subids", script: scripts.Bare(scripts.SubIDs), root: true, looks: true, fresh: vm.SubUIDCount+vm.SubGIDCount > 0,
			wants: fmt.Sprintf("%d uids, %d gids", vm.SubUIDCount, vm.SubGIDCount),
			mend:  fewerIDs(vm), mendIf: "no room"},
	}
	if len(vm.Packages) > 0 {
		list = append(list, guestStep{name: "packages", script: scripts.Bare(scripts.Packages), root: true, turns: true,
			wants:  "installed: " + strings.Join(vm.Packages, " "),
			mend:   fmt.Sprintf("to find the name of a package: limactl shell --workdir / %s dnf5 search WORD", vm.Instance),
			values: []variable{{"DVM_PACKAGES", strings.Join(vm.Packages, " ")}}})
	}
	for _, script := range vm.Setup {
		list = append(list, setupStep(vm, script))
	}
	return list
}

// fewerIDs is the hint that asks for as few subordinate ids as are usual, where more are asked for.
func fewerIDs(vm config.VM) string {
	const usual = 65536
	if max(vm.SubUIDCount, vm.SubGIDCount) <= usual {
		return ""
	}
	return fmt.Sprintf("run the same command again, with fewer: %s=%d %s=%[2]d", vm.Named.SubUIDCount, usual, vm.Named.SubGIDCount)
}

func wantedUser(vm config.VM) string {
	if vm.Sudo {
		return vm.User + ", with sudo"
	}
	return vm.User + ", without sudo"
}

// shared is what every guest step may read, and what setup scripts find exported.
func shared(vm config.VM) []variable {
	return []variable{
		{"DVM_NAME", vm.Name},
		{"DVM_VM", vm.Name},
		{"DVM_LIMA_NAME", vm.Instance},
		{"DVM_USER", vm.User},
		{"DVM_CODE_DIR", vm.CodeDir()},
		{"DVM_PORTS", vm.Ports.String()},
		{"DVM_SUBUID_COUNT", strconv.Itoa(vm.SubUIDCount)},
		{"DVM_SUBGID_COUNT", strconv.Itoa(vm.SubGIDCount)},
	}
}

// program is the text that the guest runs: values as quoted data, the session script, and the one line that calls it. What it
// begins with is answered while the rest is read. The mode is apply, or check to change nothing.
func (g *guest) program(mode string) string {
	var text strings.Builder
	assign := assigner(&text)
	var paths []string
	for _, step := range g.steps {
		paths = append(paths, step.files...)
	}
	text.WriteString("session_paths=(" + shellescape.QuoteCommand(paths) + ")\n")
	text.WriteString(scripts.Bare(scripts.Files) + "\nbegin_files\n")
	assign("session_mode", mode)
	assign("session_boot_wait", strconv.Itoa(int(bootWithin.Seconds())))
	assign("session_lock_wait", strconv.Itoa(int(lockWithin.Seconds())))
	assign("session_values", assignments(shared(g.vm)))
	for i, step := range g.steps {
		index := "[" + strconv.Itoa(i) + "]"
		assign("step_name"+index, step.name)
		assign("step_force"+index, zeroOrOne(step.force))
		assign("step_builds"+index, zeroOrOne(step.builds))
		look := ""
		if step.looks {
			look = assignments(step.needs) + scripts.Look(step.script)
		}
		assign("step_look"+index, look)
	}
	text.WriteString(scripts.Bare(scripts.Session))
	text.WriteString("\nsession\n")
	return text.String()
}

// work is the rest of the program, for a guest that asks for it.
func (g *guest) work() string {
	var text strings.Builder
	assign := assigner(&text)
	assign("session_turn_wait", strconv.Itoa(int(turnWithin.Seconds())))
	for i, step := range g.steps {
		index := "[" + strconv.Itoa(i) + "]"
		assign("step_root"+index, zeroOrOne(step.root))
		assign("step_tells"+index, zeroOrOne(step.tells))
		assign("step_turns"+index, zeroOrOne(step.turns))
		assign("step_values"+index, assignments(slices.Concat(step.needs, step.values)))
		assign("step_script"+index, step.script)
	}
	text.WriteString(scripts.Bare(scripts.Transaction + scripts.EndSessions + scripts.Work))
	return text.String()
}

// assigner writes shell assignments.
func assigner(text *strings.Builder) func(name, value string) {
	return func(name, value string) { text.WriteString(name + "=" + shellescape.Quote(value) + "\n") }
}

func assignments(values []variable) string {
	var text strings.Builder
	assign := assigner(&text)
	for _, v := range values {
		assign(v.name, v.value)
	}
	return text.String()
}

func (g *guest) Names() []string {
	names := make([]string, len(g.steps))
	for i, step := range g.steps {
		names[i] = step.name
	}
	return names
}

func (g *guest) Run(ctx context.Context, observe engine.Observer) error {
	return g.session(ctx, "apply", observe)
}

// session runs the steps' program in the guest, and reports what becomes of each.
func (g *guest) session(ctx context.Context, mode string, observe engine.Observer) error {
	session, err := g.at.connect()
	if err != nil {
		return err
	}
	observe(engine.Event{Step: g.steps[0].name, State: engine.Doing, Why: "waits for the guest to answer"})
	events := markerEvents{vm: g.vm, steps: g.steps, plans: mode == "check", observe: observe}
	err = session.Run(ctx, lima.Task{Program: g.program(mode), Work: g.work}, events.report, func(index int, lines []byte) (quotable bool) {
		if index >= len(g.steps) { // of ssh, after the last step
			g.output(g.steps[len(g.steps)-1].name, false, lines)
			return true
		}
		step := g.steps[index]
		events.words.hear(index, lines)
		g.output(step.name, step.setup, lines)
		return !step.setup || len(g.vm.Secrets) == 0 // the last line may be a piece of one
	})
	return errors.Join(events.failed, err)
}

// markerEvents turns the guest's markers into events. Steps end in their order and once each, and nothing follows a failed
// one: whatever else the guest says is no step's result.
type markerEvents struct {
	vm      config.VM
	steps   []guestStep
	plans   bool // nothing is applied
	observe engine.Observer
	next    int // the step that has not ended
	said    int // markers of that step
	failed  error
	words   lastWords
}

// report fails for a marker that the session script would not have sent.
func (e *markerEvents) report(m lima.Marker) error {
	e.said++
	if m.Index != e.next || m.Index >= len(e.steps) || e.failed != nil || e.said > mostSaid {
		return fmt.Errorf("the guest says %.40q of step %d out of turn, so nothing that it says is believed", m.Event, m.Index+1)
	}
	if planned := m.Event == "change" || m.Event == "unknown"; planned && !e.plans {
		return nil
	}
	step := e.steps[m.Index]
	event := engine.Event{Step: step.name, Why: m.Text}
	switch m.Event {
	case "booting":
		event.State, event.Why = engine.Waiting, "for the guest to boot"
	case "locked":
		event.State, event.Why = engine.Waiting, "for the guest work of an earlier sync to end"
	case "waits":
		event.State = engine.Waiting
	case "begin":
		event.State = engine.Started
	case "apply":
		event.State = engine.Applying
	case "ok":
		event.State = engine.OK
	case "changed":
		event.State = engine.Changed
		if step.tells {
			event.Why, event.To, _ = strings.Cut(m.Text, "\t")
		}
	case "change":
		event.State, event.Why, event.From, event.To = engine.Change, "", m.Text, step.wants
	case "unknown":
		event.State = engine.Unknown
	case "refused":
		event.State, event.Why = engine.Failed, ""
		event.Err = e.refused(m)
	case "failed":
		event.State, event.Why = engine.Failed, ""
		event.Err = e.stepFailed(step, m)
	case "late":
		event.State, event.Why = engine.Failed, ""
		event.Err = engine.Advise(&StepError{Step: step.name, Why: m.Text, Setup: step.setup},
			"to see what runs there: limactl shell --workdir / %s ps -ef", e.vm.Instance)
		event.Err = engine.Advise(event.Err, "to wait for it again: %s", e.vm.SyncCommand())
	default:
		return nil
	}
	switch event.State {
	case engine.OK, engine.Changed, engine.Failed, engine.Change, engine.Unknown:
		e.next++
		e.said = 0
	}
	e.failed = event.Err
	e.observe(event)
	return nil
}

// refused is a check that said no. Where that was for DVM_USER's sake, the guest may have proposed another name; where it was
// for want of a secret, the line says how one is given.
func (e *markerEvents) refused(m lima.Marker) error {
	why, name, proposed := strings.Cut(m.Text, "\t")
	if why == "" {
		why = fmt.Sprintf("its check ended with exit status %d", m.Status)
	}
	step := e.steps[m.Index]
	err := error(&StepError{Step: step.name, Status: m.Status, Why: why})
	var user config.UserName
	switch {
	case len(step.secrets) > 0:
		pass := strings.Join(append(slices.Clone(e.vm.Pass), step.secrets...), ",")
		return engine.Advise(err, "run the same command again, with %s=… %s=%s", strings.Join(step.secrets, "=… "), e.vm.Named.Pass, pass)
	case proposed && user.UnmarshalText([]byte(name)) == nil:
		return engine.Advise(err, "run the same command again, with %s=%s", e.vm.Named.User, user)
	}
	return err
}

// stepFailed is an apply that failed. Of dvm's own scripts the last words say why; what a script of the user's printed last
// may be anything, and its exit status is its author's word.
func (e *markerEvents) stepFailed(step guestStep, m lima.Marker) error {
	why, words := m.Text, ""
	if m.Status != 0 {
		why, words = fmt.Sprintf("exit status %d", m.Status), e.words.of(m.Index)
		if name := guestSignal(m.Status - 128); name != "" { // as a shell gives that of what a signal ended
			why += ", as of " + name
		}
		if words != "" && !step.file && !step.private {
			why = words
		}
	}
	again := "run the same command again: it goes on with this step"
	switch {
	case noSpace(words):
		again = fmt.Sprintf("for a larger disk, run the same command again, with %s=… %s=1 %s=1; to see what is full: limactl shell --workdir / %s df -h",
			cmp.Or(e.vm.Given.Disk, "DVM_DISK"), e.vm.Named.Resize, e.vm.Named.Restart, e.vm.Instance)
	case step.file:
		again = fmt.Sprintf("fix %s, then run the same command again; it goes on with this step", strings.TrimPrefix(step.name, "setup "))
	case step.mend != "" && m.Status != 0 && strings.Contains(words, step.mendIf):
		again = step.mend
	}
	return engine.Advise(&StepError{Step: step.name, Status: m.Status, Why: why, Setup: step.setup}, "%s", again)
}

// guestSignal is what Linux calls a signal that ends a program, or nothing; a host that is a Mac has other numbers.
func guestSignal(number int) string {
	names := []string{
		"", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2",
		"SIGPIPE", "SIGALRM", "SIGTERM",
	}
	if number < 0 || number >= len(names) {
		return ""
	}
	return names[number]
}

// StepError is a guest step that failed.
type StepError struct {
	Step   string
	Status int    // the exit status of its script, or 0
	Why    string // from the guest: not to be trusted with a terminal
	Setup  bool
}

func (e *StepError) Error() string { return e.Step + ": " + e.Why }

// ExitStatus is that of the step's script, or 0.
func (e *StepError) ExitStatus() int { return e.Status }

func zeroOrOne(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
