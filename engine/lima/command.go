package lima

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"al.essio.dev/pkg/shellescape"
	"golang.org/x/term"

	"dvm/scripts"
)

// maxQuoted bounds the command in bytes, as Lima hands it to ssh: the kernel takes 128 KiB for one argument.
const maxQuoted = 96 << 10

// unheardWithin is how long a command may go on after nobody reads its output any more: one that has said all, as what serves a
// git push has by then, ends by itself and with its own status.
const unheardWithin = 2 * time.Second

// Place is where a command runs in the guest: as whom, and in which directory, or in the home where there is none.
type Place struct{ User, Dir string }

// Login replaces this process by a limactl with a login shell at the place. It returns only where that fails.
func (c *Client) Login(ctx context.Context, instance string, at Place) error {
	if err := c.answers(ctx, instance, answerWithin); err != nil {
		return err
	}
	cmd, err := c.command(c.userArgs(instance, at.User, scripts.Terminal+scripts.Login, veil(at.Dir)...))
	if err != nil {
		return err
	}
	if cmd.Err != nil {
		return c.startError(cmd.Err)
	}
	if err := os.Chdir(cmd.Dir); err != nil {
		return fmt.Errorf("run limactl: %w", err)
	}
	return c.startError(syscall.Exec(cmd.Path, cmd.Args, cmd.Env))
}

// Stdio is what a command in the guest reads and writes.
type Stdio struct {
	In, Out *os.File
	Err     io.Writer
}

// Run runs a command at the place, and gives its exit status: 128+n of one that signal n ended. An error means that the
// status is not known. When ctx ends, or nobody has read the output for a while, the command is ended too.
//
// Where both ends are terminals the command gets a terminal of its own. Otherwise its streams are bytes, and a trailer on
// stderr, which is taken out here, tells its status from those of ssh and limactl.
func (c *Client) Run(ctx context.Context, instance string, at Place, argv []string, stdio Stdio) (int, error) {
	run := guestCommand{client: c, instance: instance, nonce: rand.Text(), stdio: stdio}
	run.terminal = term.IsTerminal(int(stdio.In.Fd())) && term.IsTerminal(int(stdio.Out.Fd()))
	mode := "pipe"
	if run.terminal {
		mode = "terminal"
		if err := c.answers(ctx, instance, answerWithin); err != nil { // it says hello to the terminal alone
			return 0, err
		}
	}
	args := run.args(at, mode, argv)
	if quotedSize(args) > maxQuoted {
		if term.IsTerminal(int(stdio.In.Fd())) {
			return 0, fmt.Errorf("the command is %d bytes long as Lima quotes it; beyond %d it goes ahead of standard input, which must not be a terminal then",
				quotedSize(args), maxQuoted)
		}
		words := strings.Join(argv, "\x00") + "\x00"
		run.ahead = strconv.Itoa(len(words)) + "\n" + words
		args = run.args(at, "ahead", nil)
	}
	cmd, err := c.command(args)
	if err != nil {
		return 0, err
	}
	if term.IsTerminal(int(stdio.In.Fd())) {
		// In dvm's own process group: one in the background is stopped when it reads the terminal.
		cmd.SysProcAttr = nil
	}
	run.cmd = cmd
	return run.follow(ctx)
}

// quotedSize is what limactl makes of a command: each word quoted, and the whole quoted again.
func quotedSize(words []string) int { return len(shellescape.Quote(shellescape.QuoteCommand(words))) }

type guestCommand struct {
	client   *Client
	instance string
	nonce    string
	terminal bool
	ahead    string // what goes ahead of stdin
	stdio    Stdio
	cmd      *exec.Cmd

	// Once it has been started:
	stderr  *os.File      // what limactl writes there
	trailer *trailer      // of it
	read    chan struct{} // closed once all of it is read
	out     *relay
	ended   chan error // gets limactl's end
}

// args are limactl's, in one of the modes of scripts/command.sh.
func (g *guestCommand) args(at Place, mode string, words []string) []string {
	script := scripts.Command
	switch mode {
	case "terminal":
		script = scripts.Terminal + script
	case "ahead":
		script = scripts.Ahead + script
	}
	veiled := veil(slices.Concat([]string{at.Dir, mode}, words)...)
	return g.client.userArgs(g.instance, at.User, script, append([]string{g.nonce}, veiled...)...) // the nonce is for endInGuest to find
}

// start starts limactl, and has its output passed on.
func (g *guestCommand) start() error {
	stderr, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("run limactl: %w", err)
	}
	if g.out, err = newRelay(g.stdio.Out); err != nil {
		return errors.Join(err, stderr.Close(), theirs.Close())
	}
	g.cmd.Stdin, g.cmd.Stdout, g.cmd.Stderr = g.stdio.In, g.out.into, theirs
	if g.ahead != "" {
		err = g.sendAhead()
	}
	if err == nil {
		err = g.cmd.Start()
	}
	_ = theirs.Close()
	g.out.begin()
	if err != nil {
		_ = stderr.Close()
		return g.client.startError(err)
	}
	g.stderr, g.trailer = stderr, newTrailer(g.stdio.Err, g.nonce)
	g.read, g.ended = make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(g.read)
		_, _ = io.Copy(g.trailer, g.stderr)
		g.trailer.flush()
	}()
	go func() { g.ended <- g.cmd.Wait() }()
	return nil
}

// follow runs the command, and gives its status; see Run.
func (g *guestCommand) follow(ctx context.Context) (int, error) {
	if err := g.start(); err != nil {
		return 0, err
	}
	defer g.stderr.Close()
	gone := make(chan struct{})
	var unheard, deadline <-chan time.Time
	if !g.terminal {
		deadline = time.After(helloWithin) // on a terminal it says hello to that alone
		// Or the first write to a stderr that nobody reads would end dvm, and leave the command running.
		broken := make(chan os.Signal, 1)
		signal.Notify(broken, syscall.SIGPIPE)
		defer signal.Stop(broken)
		go awaitReaderGone(g.stdio.Out, gone)
	}
	hello := g.trailer.hello
	for {
		select {
		case err := <-g.ended:
			g.trailer.await(ctx, g.read)
			status, err := g.status(err)
			if ctx.Err() != nil && err != nil {
				err = context.Cause(ctx)
			}
			if err != nil && !g.terminal && (ctx.Err() != nil || g.begun()) {
				g.endInGuest(ctx) // the command outlives its connection
			}
			return g.rest(ctx, status, err)
		case <-hello:
			hello, deadline = nil, nil
		case <-deadline:
			g.stop(ctx)
			return 0, unanswered(g.instance, "the command did not begin within "+helloWithin.String())
		case <-gone:
			gone, unheard = nil, time.After(unheardWithin)
		case <-unheard:
			g.stop(ctx)
			return nobodyReads, nil
		case <-g.trailer.unread:
			g.stop(ctx)
			return nobodyReads, nil
		case <-g.out.lost:
			g.stop(ctx)
			return g.unwritten()
		case <-ctx.Done():
			g.stop(ctx)
			return 0, context.Cause(ctx)
		}
	}
}

// sendAhead has the command read what goes ahead, and then stdin. Its end is not waited for, since stdin may have none.
func (g *guestCommand) sendAhead() error {
	g.cmd.Stdin = nil
	stdin, err := g.cmd.StdinPipe()
	if err != nil {
		return err
	}
	go func() {
		defer stdin.Close()
		_, _ = io.Copy(stdin, io.MultiReader(strings.NewReader(g.ahead), g.stdio.In))
	}()
	return nil
}

// nobodyReads is the status of a command that writes what nobody reads.
const nobodyReads = 128 + int(syscall.SIGPIPE)

// rest returns how a command ended once what it had written is written here, too, or as much of it as came.
func (g *guestCommand) rest(ctx context.Context, status int, err error) (int, error) {
	var patience <-chan time.Time
	if err != nil {
		patience = time.After(fenceWithin) // ssh may live on without limactl, and hold the pipe
	}
	select {
	case <-g.out.lost:
		return g.unwritten()
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-g.out.done:
	case <-patience:
	}
	return status, err
}

// unwritten is how a command ends whose output can't be written.
func (g *guestCommand) unwritten() (int, error) {
	if errors.Is(g.out.why, syscall.EPIPE) {
		return nobodyReads, nil
	}
	return 0, g.out.why
}

// begun tells whether the command has, where it can say so.
func (g *guestCommand) begun() bool { return closed(g.trailer.hello) }

// status is the command's, or the reason why it is not known.
func (g *guestCommand) status(err error) (int, error) {
	if status, known := g.trailer.status(); known {
		return status, nil
	}
	if err == nil {
		return 0, nil
	}
	code := g.cmd.ProcessState.ExitCode()
	// On a terminal what the command writes to stderr goes to stdout, so that only limactl and ssh write here.
	if g.terminal && code > 0 && ((code != 1 && code != 255) || !g.trailer.wrote()) {
		return code, nil
	}
	why := "the connection failed, or the VM is not set up"
	if g.begun() {
		why = "the connection failed while it ran"
	}
	return 0, fmt.Errorf("%s: the command's status is not known: %s (limactl: %w)", g.instance, why, err)
}

// stop ends the command in the guest, which would outlive its connection, and then the connection.
func (g *guestCommand) stop(ctx context.Context) {
	g.endInGuest(ctx)
	if g.cmd.SysProcAttr != nil {
		stopGroup(g.cmd, g.ended)
		return
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-g.ended:
	case <-time.After(fenceWithin):
		_ = g.cmd.Process.Kill()
	}
}

// endInGuest ends the process session in the guest that has the nonce in its arguments. One that has not begun may still do so.
func (g *guestCommand) endInGuest(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWithin)
	defer cancel()
	input := g.nonce + "\n"
	if !g.begun() {
		input += "may begin\n"
	}
	args := g.client.rootArgs(g.instance, "-c", scripts.Bare(scripts.Transaction+scripts.EndSessions+scripts.EndCommand))
	for range 2 {
		// Where it fails, nothing can be reached that could be ended. But a signal to dvm's process group may meet a limactl that
		// has none of its own yet.
		_, err := g.client.runWith(ctx, args, strings.NewReader(input), nil)
		if limactl, failed := errors.AsType[*CommandError](err); !failed || limactl.Code != signalled {
			return
		}
	}
}
