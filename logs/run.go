package logs

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"dvm/engine"
)

const tailLines = 20

// Run shows and keeps what one VM's run says: steps on the terminal, in events.jsonl, and their output in the logs.
type Run struct {
	vm       string
	term     *Terminal
	verbose  bool
	journal  *Journal
	progress *Progress

	mu       sync.Mutex
	step     string // whose output was last written
	lima     []string
	setup    []string
	problems []error // with the logs themselves
}

// NewRun begins a VM's run. With verbose, all output is streamed to the terminal too.
func NewRun(term *Terminal, stateDir, vm string, verbose bool) (*Run, error) {
	journal, err := OpenJournal(stateDir, vm)
	if err != nil {
		return nil, err
	}
	return &Run{vm: vm, term: term, verbose: verbose, journal: journal, progress: NewProgress(term, vm)}, nil
}

// Observe is told the steps' events.
func (r *Run) Observe(event engine.Event) {
	if event.State == engine.Applying || event.State == engine.Failed {
		r.note(r.journal.Begin())
	}
	r.journal.Record(event)
	r.progress.Observe(event)
}

// Output is told each line that a guest step prints.
func (r *Run) Output(step string, setup bool, line string) {
	r.mu.Lock()
	if step != r.step && setup {
		r.write(true, "--- "+step)
	}
	r.step = step
	r.mu.Unlock()
	r.line(setup, line)
}

// Lima is where limactl's own words go, a whole line a Write.
func (r *Run) Lima() io.Writer { return limaWriter{r} }

type limaWriter struct{ run *Run }

func (w limaWriter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		w.run.line(false, line)
	}
	return len(p), nil
}

func (r *Run) line(setup bool, line string) {
	line = Clean(strings.TrimRight(line, "\n"))
	r.mu.Lock()
	r.write(setup, line)
	r.mu.Unlock()
	if r.verbose {
		r.term.Line("%s", line)
	}
}

func (r *Run) write(setup bool, line string) {
	log, tail := r.journal.Lima(), &r.lima
	if setup {
		log, tail = r.journal.Setup(), &r.setup
	}
	_, err := io.WriteString(log, line+"\n")
	r.note(err)
	*tail = append(*tail, line)
	if len(*tail) > tailLines {
		*tail = (*tail)[1:]
	}
}

// note keeps the first problem with the logs: a full disk must not stop a sync, and must not go unsaid.
func (r *Run) note(err error) {
	if err != nil && len(r.problems) == 0 {
		r.problems = append(r.problems, err)
	}
}

// End says how the run ended: ready, or what failed, where its log is, its last lines, and what to do.
func (r *Run) End(report engine.Report, err error) {
	r.progress.End()
	if err != nil {
		r.explain(report, err)
	} else {
		r.term.Line("%s ready: %s", r.vm, summary(report))
	}
	r.note(r.journal.Close())
	for _, problem := range r.problems {
		r.term.Warn(problem.Error())
	}
}

func (r *Run) explain(report engine.Report, err error) {
	r.term.errorLines(fmt.Errorf("%s: %w", r.vm, err))
	defer func() {
		for _, hint := range hints(err) {
			r.term.Hint(hint)
		}
	}()
	if len(report.Steps) == 0 {
		return // it never had its turn: the logs are those of another run, which may still write them
	}
	r.note(r.journal.Fail())
	setup := false
	for _, step := range report.Steps {
		setup = setup || step.State == engine.Failed && strings.HasPrefix(step.Step, "setup ")
	}
	tail := r.lima
	if setup {
		tail = r.setup
	}
	r.term.Line("dvm: log: %s", Clean(r.journal.Path(setup)))
	if len(tail) > 0 {
		r.term.Line("dvm: its last lines:")
	}
	for _, line := range tail {
		r.term.Line("    %s", line)
	}
}

// summary is `3 changed, 2 ok, 51 s`, or `nothing to do, 0.2 s`.
func summary(report engine.Report) string {
	what := "nothing to do"
	if changed := report.Count(engine.Changed); changed > 0 {
		what = fmt.Sprintf("%d changed, %d ok", changed, report.Count(engine.OK))
	}
	return what + ", " + Seconds(report.Took)
}
