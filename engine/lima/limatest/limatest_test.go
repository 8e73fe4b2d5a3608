package limatest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"dvm/engine/lima/limatest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"limactl": limatest.Main})
}

// lima is a LIMA_HOME of a test's own, and the environment to call limactl in.
type lima struct {
	t    *testing.T
	home string
	dir  string // where limactl is called
	env  []string
}

// answer is what a call came to.
type answer struct {
	code   int
	stdout string
	stderr string
}

// newLima makes one; its path is short, as the sockets in it want.
func newLima(t *testing.T) *lima {
	t.Helper()
	temp := os.TempDir()
	if runtime.GOOS == "darwin" { // a Mac's own is long, and below a link
		temp = "/private/tmp"
	}
	user, err := os.MkdirTemp(temp, "lt")
	if err != nil {
		t.Fatal(err)
	}
	l := &lima{t: t, home: filepath.Join(user, ".lima"), dir: filepath.Join(user, "cwd")}
	t.Cleanup(func() {
		limatest.StopAll(l.home)
		if err := os.RemoveAll(user); err != nil {
			t.Error(err)
		}
	})
	for _, dir := range []string{l.home, l.dir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l.env = append(os.Environ(), "HOME="+user, "LIMA_HOME=", "LIMATEST_QUIET=1", "LIMATEST_USER=me:2201", "GORACE=atexit_sleep_ms=0")
	return l
}

// newGuestLima is newLima for a test that runs guests.
func newGuestLima(t *testing.T) *lima {
	t.Helper()
	if err := limatest.Supported(); err != nil {
		t.Skipf("no guests on this host: %v", err)
	}
	return newLima(t)
}

// with returns it with another variable set.
func (l *lima) with(env ...string) *lima {
	other := *l
	other.env = append(append([]string{}, l.env...), env...)
	return &other
}

// command prepares a call.
func (l *lima) command(args ...string) *exec.Cmd {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), "limactl", args...)
	cmd.Env, cmd.Dir = l.env, l.dir
	cmd.WaitDelay = time.Minute
	return cmd
}

func (l *lima) call(args ...string) answer {
	l.t.Helper()
	return l.feed("", args...)
}

// feed calls limactl with an input.
func (l *lima) feed(stdin string, args ...string) answer {
	l.t.Helper()
	cmd := l.command(args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		l.t.Fatalf("limactl %q: %v", args, err)
	}
	return answer{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must calls limactl and wants success; it returns stdout.
func (l *lima) must(args ...string) string {
	l.t.Helper()
	a := l.call(args...)
	if a.code != 0 {
		l.t.Fatalf("limactl %q: exit %d\n%s%s", args, a.code, a.stdout, a.stderr)
	}
	return a.stdout
}

// boot creates and starts an instance.
func (l *lima) boot(name string) {
	l.t.Helper()
	l.must("--log-level", "warn", "start", "--yes", "--name", name, "--cpus", "2", "--memory", "2", "--disk", "10",
		"--mount-none", "--port-forward", "3000:3000", "template:fedora")
}

// sh runs a script in the guest as Lima's account and wants success; it returns stdout.
func (l *lima) sh(name, script string) string {
	l.t.Helper()
	return l.must("shell", "--workdir", "/", name, "sh", "-ec", script)
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
