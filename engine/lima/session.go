package lima

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"dvm/engine"
)

const (
	helloWithin = 30 * time.Second // from the program's last byte to the guest's first word
	fenceWithin = 2 * time.Second  // of silence, from a step's result to the end of its output, which comes by another pipe
	leaveWithin = 5 * time.Second  // for the guest to end what it runs, once the lifeline is cut
	maxText     = 4 << 10          // bytes of a marker's text: the session script cuts it to a thousand letters
)

// Marker is one report of the guest's session script.
type Marker struct {
	Event  string // see scripts/session.sh
	Index  int    // of the step
	Status int    // exit status, where the event has one
	Text   string // from the guest: not to be trusted with a terminal
}

// settles tells whether the marker is a step's last, before which all of the step's output is to be read.
func (m Marker) settles() bool {
	switch m.Event {
	case "ok", "changed", "failed", "late", "refused", "change", "unknown":
		return true
	}
	return false
}

// Session is one limactl shell that runs one program in the guest. Until Run sends the program nothing runs there. While
// it runs, its open stdin is a lifeline: when it closes, however this process ends, the guest ends what it had started.
type Session struct {
	instance string
	args     []string
	cmd      *exec.Cmd
	stdin    *os.File
	stdout   *os.File
	stderr   *os.File
	ended    chan error
	status   error // of limactl, once it has ended
	nonce    string
	output   flow
}

// Connect starts the connection for a session, and does not wait for it.
func (c *Client) Connect(instance string) (*Session, error) {
	return c.connect(instance, c.sessionArgs(instance))
}

func (c *Client) connect(instance string, args []string) (*Session, error) {
	cmd, err := c.command(args)
	if err != nil {
		return nil, err
	}
	s := &Session{instance: instance, args: args, cmd: cmd, ended: make(chan error, 1), nonce: rand.Text()}
	// Pipes of our own: reading can then end although ssh's master process still holds the other end.
	var theirs [3]*os.File
	var pipeErr [3]error
	theirs[0], s.stdin, pipeErr[0] = os.Pipe()
	s.stdout, theirs[1], pipeErr[1] = os.Pipe()
	s.stderr, theirs[2], pipeErr[2] = os.Pipe()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs[0], theirs[1], theirs[2]
	err = errors.Join(pipeErr[:]...)
	for _, pipe := range []*os.File{s.stdin, s.stdout, s.stderr} {
		widen(pipe)
	}
	if err == nil {
		if err = cmd.Start(); err != nil {
			err = c.startError(err)
		}
	}
	for _, file := range theirs {
		_ = file.Close()
	}
	if err != nil {
		s.closePipes()
		return nil, err
	}
	go func() { s.ended <- cmd.Wait() }()
	return s, nil
}

func (s *Session) closePipes() {
	for _, file := range []*os.File{s.stdin, s.stdout, s.stderr} {
		_ = file.Close()
	}
}

// Close ends a session that was never run.
func (s *Session) Close() {
	_ = s.stdin.Close()
	stopGroup(s.cmd, s.ended)
	s.closePipes()
}

// Task is what a session runs: a program, and the rest of it, which is sent where the guest asks for it.
type Task struct {
	Program string
	Work    func() string
}

// Run sends the program and follows it to its end. report gets each marker after all output of that step, and ends the
// session by an error; output gets all other lines, as many at a time as have come, with the index of the step that they
// belong to, and says whether an error may quote them; it must not keep them. It can be called once.
func (s *Session) Run(ctx context.Context, task Task, report func(Marker) error, output func(index int, lines []byte) (quotable bool)) error {
	defer s.closePipes()
	var readers conc.WaitGroup
	// A guest that does not read must not keep the host from noticing. A pipe that breaks is noticed by its end.
	send := func(text string) {
		readers.Go(func() { _, _ = io.WriteString(s.stdin, strconv.Itoa(len(text))+"\n"+text) })
	}
	markers := make(chan Marker)
	fences := make(chan int, 1)
	lastWords := &tail{log: io.Discard}
	readers.Go(func() { s.readMarkers(markers) })
	readers.Go(func() {
		s.readOutput(fences, func(index int, lines []byte) {
			if output(index, lines) {
				lastWords.see(lines)
			}
		})
	})
	send("session_nonce=" + s.nonce + "\n" + task.Program)
	asked := false
	err := s.follow(ctx, markers, fences, func(marker Marker) error {
		if marker.Event == "more" && !asked {
			asked = true
			send(task.Work())
			return nil
		}
		return report(marker)
	})
	s.leave(err == nil)
	if errors.Is(err, errDisconnected) {
		s.awaitFence(ctx, fences, -1, math.MaxInt) // limactl's last words, which say why
	}
	s.closePipes()
	go func() {
		for range markers { // until the reader has noticed
		}
	}()
	readers.Wait()
	if errors.Is(err, errDisconnected) {
		err = engine.Advise(fmt.Errorf("the connection to %s ended early: %w", s.instance, s.disconnected(lastWords.lines)),
			"to see whether it answers: limactl shell --workdir / %s true", s.instance)
		err = engine.Advise(err, "if it does not, run the same command again after: limactl stop --force %s", s.instance)
	}
	return err
}

var errDisconnected = errors.New("the connection ended early")

func (s *Session) follow(ctx context.Context, markers <-chan Marker, fences <-chan int, report func(Marker) error) error {
	hello := time.NewTimer(helloWithin)
	defer hello.Stop()
	read := -1 // the last step whose output is known to be read
	for {
		select {
		case marker, open := <-markers:
			if !open {
				return errDisconnected
			}
			hello.Stop()
			if marker.Event == "end" {
				return nil
			}
			if marker.settles() {
				read = s.awaitFence(ctx, fences, read, marker.Index)
			}
			if err := report(marker); err != nil {
				return err
			}
		case <-hello.C:
			return silent(s.instance)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// awaitFence waits until the output up to a step's end has been read, and gives the last step of which that is known. The
// patience is with a guest that never says so; whoever reads the output may take any time.
func (s *Session) awaitFence(ctx context.Context, fences <-chan int, read, index int) int {
	patience := time.NewTicker(fenceWithin)
	defer patience.Stop()
	s.output.moves() // from now on
	for read < index {
		select {
		case fence, open := <-fences:
			if !open {
				return index
			}
			read = fence
		case <-patience.C:
			if !s.output.moves() {
				return read
			}
		case <-ctx.Done():
			return read
		}
	}
	return read
}

// leave cuts the lifeline and waits for limactl, which ends when all in the guest that holds the connection has ended.
// After a program that ran to its end, what it left running on purpose is not waited for.
func (s *Session) leave(complete bool) {
	_ = s.stdin.Close()
	patience := leaveWithin
	if complete {
		patience = fenceWithin
	}
	select {
	case s.status = <-s.ended:
	case <-time.After(patience):
		stopGroup(s.cmd, s.ended)
	}
}

// disconnected tells what is known of a connection that ended by itself.
func (s *Session) disconnected(lastWords []string) error {
	status := s.status
	if status == nil {
		status = errDisconnected
	}
	failed := &CommandError{Args: s.args, Code: s.cmd.ProcessState.ExitCode(), err: status}
	if len(lastWords) == 0 {
		return failed
	}
	last := lastWords[len(lastWords)-1]
	if _, fatal := fatalMessage(last); !fatal { // ssh's word, or that of what ran in the guest
		return fmt.Errorf("%w; the last line that came: %s", failed, last)
	}
	failed.Tail = lastWords
	return failed
}

// readMarkers ignores whatever has not the session's nonce, such as the words of a login profile.
func (s *Session) readMarkers(markers chan<- Marker) {
	defer close(markers)
	readLines(s.stdout, func(line string, whole bool) {
		if marker, ok := parseMarker(line, s.nonce); ok && whole {
			markers <- marker
		}
	})
}

// parseMarker reads `NONCE EVENT INDEX STATUS TEXT`.
func parseMarker(line, nonce string) (Marker, bool) {
	fields := strings.SplitN(line, " ", 5)
	if len(fields) != 5 || fields[0] != nonce {
		return Marker{}, false
	}
	index, indexErr := strconv.Atoi(fields[2])
	status, statusErr := strconv.Atoi(fields[3])
	return Marker{Event: fields[1], Index: index, Status: status, Text: fields[4][:min(len(fields[4]), maxText)]}, indexErr == nil && statusErr == nil
}

// readOutput tells lines from fences, which come in the order of the steps. A fence brings a line break of its own, which
// makes an empty line where the output before it had one already; that one is dropped.
func (s *Session) readOutput(fences chan int, output func(index int, lines []byte)) {
	defer close(fences)
	step, held := 0, false // an empty line, until it is known what follows
	pass := func(lines []byte) {
		if held {
			lines = slices.Concat([]byte("\n"), lines)
		}
		if !bytes.HasSuffix(lines, []byte("\n")) {
			lines = slices.Concat(lines, []byte("\n"))
		}
		if held = len(lines) == 1 || bytes.HasSuffix(lines, []byte("\n\n")); held {
			lines = lines[:len(lines)-1]
		}
		if len(lines) > 0 {
			s.output.pass(func() { output(step, lines) })
		}
	}
	nonce := []byte(s.nonce)
	readBlocks(s.stderr, func(block []byte, whole bool) {
		if !bytes.Contains(block, nonce) {
			pass(block)
			return
		}
		eachOf(block, whole, func(line string, whole bool) {
			rest, found := strings.CutPrefix(line, s.nonce+" ")
			index, err := strconv.Atoi(rest)
			if !found || !whole || err != nil || index != step {
				pass([]byte(line + "\n"))
				return
			}
			held = false
			step = index + 1
			select { // the newest alone matters
			case <-fences:
			default:
			}
			fences <- index
		})
	})
}

// readLines calls do for each line until the file ends or is closed. A line that is too long comes in parts; whole says that
// line is not a part, so that no part can pass for a line.
func readLines(file io.Reader, do func(line string, whole bool)) {
	readBlocks(file, func(block []byte, whole bool) { eachOf(block, whole, do) })
}

// eachOf calls do for each line of a block.
func eachOf(block []byte, whole bool, do func(line string, whole bool)) {
	for line := range strings.Lines(string(block)) {
		text, ends := strings.CutSuffix(line, "\n")
		do(text, whole && ends)
		whole = true
	}
}
