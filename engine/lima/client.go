// Package lima is the only code that runs limactl: its argument lists (argv.go), its answers (instance.go), the locks that
// keep two dvms apart (lock.go), and programs in the guest: a sync's (session.go), a command's and a copy's. It knows nothing
// of steps, and shows nothing.
package lima

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"dvm/engine"
)

const (
	// stopGrace is how long a cancelled limactl may take to end before it is killed.
	stopGrace = 3 * time.Second
	// maxAnswer bounds what is read of limactl's standard output, in bytes.
	maxAnswer = 64 << 20
)

// Client runs limactl. Its methods are safe for use by several goroutines.
type Client struct {
	Command  []string  // the program and the arguments that come before dvm's
	Home     string    // LIMA_HOME, absolute
	LogLevel string    // limactl's --log-level
	Withheld []string  // names of variables that limactl must not inherit: secrets
	ReadOnly bool      // no directory of dvm's own is made
	Log      io.Writer // gets the calls and what limactl says on stderr, a whole line a Write
}

// signalled is the exit code of a process that a signal ended, as ProcessState has it.
const signalled = -1

// CommandError is a limactl that did not succeed.
type CommandError struct {
	Args []string // without the program
	Code int      // its exit code, -1 where a signal ended it
	Tail []string // the last lines of its stderr
	err  error
}

func (e *CommandError) Error() string {
	text := "limactl " + verb(e.Args) + ": "
	switch words := e.words(); {
	case words == "":
		return text + e.err.Error()
	case e.Code == signalled: // its last words are not about that
		return text + e.err.Error() + ", after: " + words
	default:
		return text + words
	}
}

// ExitStatus is limactl's exit code, -1 where a signal ended it.
func (e *CommandError) ExitStatus() int { return e.Code }

// words is what limactl said itself: the message of its last fatal record, else its last line.
func (e *CommandError) words() string {
	for i := len(e.Tail) - 1; i >= 0; i-- {
		if message, ok := fatalMessage(e.Tail[i]); ok {
			return message
		}
	}
	if len(e.Tail) > 0 {
		return e.Tail[len(e.Tail)-1]
	}
	return ""
}

// Unwrap gives the error of the process.
func (e *CommandError) Unwrap() error { return e.err }

// workDir is where limactl runs: in a scratch directory beside dvm's locks, since it writes lima.REJECTED.yaml into the
// directory that it runs in. What changes nothing makes none, and runs in the nearest one above that is there: limactl list
// and shell write nothing.
func (c *Client) workDir() (string, error) {
	dir := filepath.Join(c.lockDir(), "scratch")
	if c.ReadOnly {
		return Existing(dir), nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a directory for limactl to run in: %w", err)
	}
	return dir, nil
}

// Existing is the directory, or the nearest one above it where it does not exist or can't be looked at.
func Existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// glob is filepath.Glob for a directory of any name, which may hold what a pattern is made of.
func glob(dir, pattern string) ([]string, error) {
	paths, err := fs.Glob(os.DirFS(dir), pattern)
	for i := range paths {
		paths[i] = filepath.Join(dir, paths[i])
	}
	return paths, err
}

// Installed says what is wrong where there is no such program as limactl.
func (c *Client) Installed() error {
	if _, err := exec.LookPath(c.Command[0]); err != nil {
		return c.startError(err)
	}
	return nil
}

// lockDir holds what is dvm's own in Lima's directory. Lima takes it for no instance because of the underscore.
func (c *Client) lockDir() string { return filepath.Join(c.Home, "_dvm") }

// Dir is the directory that Lima keeps for an instance.
func (c *Client) Dir(instance string) string { return filepath.Join(c.Home, instance) }

// command prepares a limactl in a process group of its own, so that a Ctrl-C meant for dvm does not reach it by itself,
// and so that it can be ended together with its ssh.
func (c *Client) command(args []string) (*exec.Cmd, error) {
	dir, err := c.workDir()
	if err != nil {
		return nil, err
	}
	argv := append(append([]string{}, c.Command...), args...)
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // ended by group, see stopGroup
	cmd.Dir = dir
	cmd.Env = c.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.note("limactl", args)
	return cmd, nil
}

// note logs a command, where there is a log.
func (c *Client) note(program string, args []string) {
	if c.Log != io.Discard {
		_, _ = fmt.Fprintf(c.Log, "%s $ %s %s\n", time.Now().Format(time.RFC3339), program, Quote(args))
	}
}

// environment is dvm's own without what would change what limactl runs (SSH) or prints (_LIMA_OUTPUT_IS_TTY), and without
// secrets: the host agent keeps its environment for as long as the VM runs. It has a home, without which limactl panics.
func (c *Client) environment() []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		switch name {
		case "SSH", "_LIMA_OUTPUT_IS_TTY", "LIMA_HOME", "HOME":
			continue
		}
		if !slices.Contains(c.Withheld, name) {
			env = append(env, pair)
		}
	}
	home := os.Getenv("HOME")
	if home == "" {
		if me, err := user.Current(); err == nil {
			home = me.HomeDir
		}
	}
	return append(env, "HOME="+home, "LIMA_HOME="+c.Home)
}

// run runs limactl to its end and gives its standard output. It ends limactl when ctx does, and then returns the cause.
func (c *Client) run(ctx context.Context, args []string) ([]byte, error) {
	return c.runWith(ctx, args, nil, nil)
}

// runUnder is run for what the start lock is there for.
func (c *Client) runUnder(ctx context.Context, lock *Lock, args []string) error {
	_, err := c.runWith(ctx, args, nil, lock)
	return err
}

// runWith is run with something on standard input, and under a lock, if there is one.
func (c *Client) runWith(ctx context.Context, args []string, stdin io.Reader, lock *Lock) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	cmd, err := c.command(args)
	if err != nil {
		return nil, err
	}
	cmd.Stdin = stdin
	var stdout bytes.Buffer
	stderr := &tail{log: c.Log}
	cmd.Stdout = &limited{w: &stdout, left: maxAnswer}
	cmd.Stderr = stderr
	// ssh's master process may hold the pipes open after limactl has ended.
	cmd.WaitDelay = stopGrace
	begin := func() error { return nil }
	if lock != nil {
		if begin, err = lock.holdBack(cmd, args); err != nil {
			return nil, c.startError(err)
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(c.startError(err), begin())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := begin(); err != nil {
		stopGroup(cmd, ended)
		return nil, err
	}
	select {
	case err = <-ended:
	case <-ctx.Done():
		stopGroup(cmd, ended)
		return nil, context.Cause(ctx)
	}
	stderr.flush()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		err = &CommandError{Args: args, Code: cmd.ProcessState.ExitCode(), Tail: stderr.lines, err: err}
		if strings.Contains(err.Error(), "must not run as the root user") {
			err = engine.Advise(err, "run dvm as yourself, without sudo")
		}
		return stdout.Bytes(), err
	}
	return stdout.Bytes(), nil
}

// stopGroup ends a limactl and what it runs: politely, then for good.
func stopGroup(cmd *exec.Cmd, ended <-chan error) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopGrace):
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
	}
}

// startError says what to do where there is no limactl.
func (c *Client) startError(err error) error {
	if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("run limactl: %w", err)
	}
	return engine.Advise(fmt.Errorf("run limactl: %w", err), "%s", c.MissingHint())
}

// MissingHint is what to do where what should be limactl is no program.
func (c *Client) MissingHint() string {
	if c.Command[0] != "limactl" {
		return fmt.Sprintf("for the limactl in PATH, not the %q of DVM_LIMACTL: unset DVM_LIMACTL", c.Command[0])
	}
	return InstallHint()
}

// InstallHint is what to do where there is no limactl, or one that is too old.
func InstallHint() string {
	if runtime.GOOS == "linux" {
		return "install Lima " + OldestVersion + " or later: https://lima-vm.io/docs/installation/ (with Homebrew: brew install lima)"
	}
	return "brew install lima"
}

// limited drops what is beyond a number of bytes, and never blocks its writer.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	if _, err := l.w.Write(p[:n]); err != nil {
		return 0, err
	}
	return len(p), nil
}
