package logs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"al.essio.dev/pkg/shellescape"

	"dvm/engine"
)

const (
	tailLines = 20
	tailWidth = 1 << 10 // bytes of a line of the tail
)

// Run shows and keeps what one VM's run says: steps on the terminal, in events.jsonl, and their output in the logs.
type Run struct {
	vm       string
	term     *Terminal
	stream   Stream
	journal  *Journal
	progress *Progress
	mask     *Mask

	problem firstError // with the logs themselves

	waited bool // for another one's turn, since the last event
	kept   bool // the logs, for what failed

	mu    sync.Mutex
	now   string // the step that runs
	ended bool
	step  string // whose output was last written
	lima  logged
	setup logged
}

// logged is what goes to one of the logs.
type logged struct {
	lines maskedLines
	shown []byte // what became of the lines that came last, used again for the next ones
	tail  string // its last lines, each as much of it as is shown
}

func (l *logged) remember(lines []byte) {
	tail := []byte(l.tail)
	for line := range bytes.Lines(lastLines(lines)) { // one may be as long as what is read at once
		tail = append(tail, bytes.TrimSuffix(line[:min(len(line), tailWidth)], []byte("\n"))...)
		tail = append(tail, '\n')
	}
	l.tail = string(lastLines(tail))
}

func lastLines(lines []byte) []byte {
	begin := len(lines)
	for n := 0; n < tailLines && begin > 0; n++ {
		begin = bytes.LastIndexByte(lines[:begin-1], '\n') + 1
	}
	return lines[begin:]
}

// Stream says whether all output goes to the terminal too.
type Stream int

// Kinds of streams.
const (
	NoStream    Stream = iota
	PlainStream        // as it is
	NamedStream        // each line behind the VM and step that it is from
)

// NewRun begins a VM's run. What mask hides goes nowhere.
func NewRun(term *Terminal, stateDir, vm string, to Stream, mask *Mask) (*Run, error) {
	journal, err := OpenJournal(stateDir, vm)
	if err != nil {
		return nil, err
	}
	run := &Run{vm: vm, term: term, stream: to, journal: journal, progress: NewProgress(term, vm, stateDir), mask: mask}
	run.lima.lines.mask, run.setup.lines.mask = mask, mask
	return run, nil
}

// Observe is told the steps' events.
func (r *Run) Observe(event engine.Event) {
	if r.waited {
		r.problem.note(r.journal.Reopen())
	}
	r.waited = event.State == engine.Waiting
	if event.State == engine.Applying || event.State == engine.Failed {
		r.problem.note(r.journal.Begin())
	}
	event = cleaned(event, r.mask)
	switch event.State {
	case engine.OK, engine.Changed, engine.Failed:
		r.flush()
	}
	if event.State == engine.Failed { // now, while nobody else syncs the VM, and begins its logs anew
		r.problem.note(r.journal.Fail())
		r.kept = true
	}
	r.mu.Lock()
	r.now = event.Step
	if event.State == engine.Applying {
		r.begin(event.Step) // it may print nothing, and what stands before is not its own
	}
	r.mu.Unlock()
	if event.State != engine.Doing {
		r.problem.note(r.journal.Record(event))
	}
	r.progress.Observe(event)
}

// Stopping says at once that a signal was heard, in what, and that the next signal does not wait for it.
func (r *Run) Stopping(signal string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.term.Line("dvm: %s: %s in %s: cleaning up; once more to leave at once", r.vm, signal, cmp.Or(r.now, "the wait"))
	}
}

// Copy writes each event to w too, as the JSON object that events.jsonl gets.
func (r *Run) Copy(w io.Writer) { r.journal.Copy(w) }

// Output is told all lines that a guest step prints, each with its end. It does not keep them.
func (r *Run) Output(step string, setup bool, lines []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begin(step)
	r.add(setup, lines)
}

// begin heads what a setup script prints.
func (r *Run) begin(step string) {
	if step == r.step {
		return
	}
	r.write(true, []byte(r.setup.lines.flush())) // of the step before
	r.step = step
	if isSetup(step) {
		r.write(true, []byte("--- "+step+"\n"))
	}
}

// Lima is where limactl's own words go, whole lines a Write.
func (r *Run) Lima() io.Writer { return limaWriter{r} }

type limaWriter struct{ run *Run }

func (w limaWriter) Write(p []byte) (int, error) {
	w.run.mu.Lock()
	defer w.run.mu.Unlock()
	w.run.add(false, p)
	return len(p), nil
}

func (r *Run) output(setup bool) *logged {
	if setup {
		return &r.setup
	}
	return &r.lima
}

func (r *Run) add(setup bool, lines []byte) {
	if out := r.output(setup); !out.lines.pass(lines) {
		out.shown = append(out.shown[:0], out.lines.add(string(lines))...)
		lines = out.shown
	}
	r.write(setup, lines)
}

// flush writes what was held back because it might have become a secret.
func (r *Run) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(false, []byte(r.lima.lines.flush()))
	r.write(true, []byte(r.setup.lines.flush()))
}

func (r *Run) write(setup bool, lines []byte) {
	if len(lines) == 0 {
		return
	}
	log := r.journal.Lima()
	if setup {
		log = r.journal.Setup()
	}
	_, err := log.Write(lines)
	r.problem.note(err)
	r.output(setup).remember(lines)
	if r.stream == NoStream {
		return
	}
	text := strings.TrimSuffix(string(lines), "\n")
	switch r.stream {
	case PlainStream:
		r.term.Line("%s", text)
	case NamedStream:
		step := r.step
		if !setup {
			step = cmp.Or(r.now, "instance")
		}
		name := r.vm + " " + step + " | "
		r.term.Line("%s%s", name, strings.ReplaceAll(text, "\n", "\n"+name))
	}
}

// firstError keeps the first problem with the logs: a full disk must not stop a sync, and must not go unsaid.
type firstError struct {
	mu  sync.Mutex
	err error
}

func (f *firstError) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

// End says how the run ended: ready, or what failed, where its log is, its last lines, and what to do.
func (r *Run) End(report engine.Report, err error) {
	r.flush()
	r.progress.End()
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	if err != nil {
		r.explain(report, err)
	} else {
		r.term.Line("%s ready: %s", r.vm, summary(report))
	}
	r.problem.note(r.journal.Conclude(report, ending("ready", err, r.mask)))
	r.problem.note(r.journal.Close())
	if err := r.problem.err; err != nil {
		r.term.Warn(r.vm + ": its log is not whole: " + strings.ReplaceAll(err.Error(), "\n", "; "))
		if errors.Is(err, syscall.ENOSPC) {
			r.term.Hint("to see how much room there is: df -h " + shellescape.Quote(filepath.Dir(r.journal.Path(false))))
		}
	}
}

func (r *Run) explain(report engine.Report, err error) {
	lines := errorLines(r.vm + ": " + r.mask.cleanLines(err.Error()))
	if len(report.Steps) > 0 { // else it never had its turn: the logs are those of another run, which may still write them
		if !r.kept {
			r.problem.note(r.journal.Fail())
		}
		lines = append(lines, r.logLines(report)...)
	}
	for _, hint := range hints(err) {
		lines = append(lines, hintLine(r.mask.clean(hint)))
	}
	r.term.block(lines)
}

// logLines says where the log of a failure is, and how it ends.
func (r *Run) logLines(report engine.Report) []string {
	setup := false
	for _, step := range report.Steps {
		setup = setup || step.State == engine.Failed && isSetup(step.Step)
	}
	tail := r.output(setup).tail
	lines := []string{"dvm: log: " + Clean(r.journal.Path(setup))}
	if tail != "" {
		lines = append(lines, "dvm: its last lines:")
	}
	for line := range strings.Lines(tail) {
		if line == "\n" { // it would explain nothing
			continue
		}
		lines = append(lines, "    "+strings.ToValidUTF8(strings.TrimSuffix(line, "\n"), ""))
	}
	return lines
}

// isSetup tells the steps that run setup scripts, whose output has a log of its own.
func isSetup(step string) bool { return strings.HasPrefix(step, "setup ") }

// summary is `3 changed, 2 ok, 51 s`, or `nothing to do, 0.2 s`.
func summary(report engine.Report) string {
	what := "nothing to do"
	if changed := report.Count(engine.Changed); changed > 0 {
		what = fmt.Sprintf("%d changed, %d ok", changed, report.Count(engine.OK))
	}
	return what + ", " + Seconds(report.Took)
}
