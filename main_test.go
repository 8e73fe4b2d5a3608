package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"dvm/engine/lima/limatest"
)

var update = flag.Bool("update", false, "rewrite the files that scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"dvm":     main,
		"limactl": limatest.Main,
	})
}

// TestScripts runs each case of testdata/script with the built dvm against the stand-in for limactl. Cases that need a
// guest begin with [!guest] skip; where CI is set a missing guest fails instead.
func TestScripts(t *testing.T) {
	noGuest := limatest.Supported()
	if noGuest != nil && os.Getenv("CI") != "" {
		t.Fatalf("CI must run the cases with a guest: %v", noGuest)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return setUp(t, env) },
		Condition: func(condition string) (bool, error) {
			switch condition {
			case "guest":
				return noGuest == nil, nil
			case "root":
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"guest":    guest,
			"terminal": terminal,
			"poll":     poll,
		},
	})
}

// setUp gives a case a Lima directory with a path short enough for sockets, and takes it away with all that runs there.
func setUp(t *testing.T, env *testscript.Env) error {
	home, err := os.MkdirTemp("", "lima")
	if err != nil {
		return err
	}
	env.Defer(func() {
		limatest.StopAll(home)
		if wrong, err := os.ReadFile(filepath.Join(home, "_limatest", "forbidden")); err == nil {
			t.Errorf("%s: limactl was called as it must never be: %s", filepath.Base(env.WorkDir), wrong)
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	env.Setenv("LIMA_HOME", home)
	env.Setenv("LIMATEST_LOG", filepath.Join(env.WorkDir, "calls"))
	env.Setenv("LIMATEST_QUIET", "1")
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
	env.Setenv("LC_ALL", "C.UTF-8")
	env.Setenv("GORACE", "atexit_sleep_ms=10")
	return nil
}

// guest runs a shell command as root in a VM's guest, past dvm and the call log. Its output is printed, and kept in the
// file guest.out.
func guest(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: guest VM command")
	}
	cmd := exec.Command("limactl", "shell", "--workdir", "/", "dvm-"+args[0], "sudo", "-n", "bash", "-c", args[1])
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"), "LIMA_HOME="+ts.Getenv("LIMA_HOME"), "LIMATEST_USER="+ts.Getenv("LIMATEST_USER"))
	out, err := cmd.CombinedOutput()
	ts.Logf("%s", out)
	ts.Check(os.WriteFile(ts.MkAbs("guest.out"), out, 0o600))
	if failed := err != nil; failed != neg {
		ts.Fatalf("in the guest: %s: %v", args[1], err)
	}
}

// terminal runs a command on a terminal of 80 by 24, types what a file holds, and writes what the terminal got, and how the
// command ended, to terminal.out.
func terminal(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: terminal file command...")
	}
	cmd := exec.Command("sh", "-c", `exec "$0" "$@"`, args[1])
	cmd.Args = append(cmd.Args, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "TERM", "LC_ALL", "LIMA_HOME", "LIMATEST_LOG", "LIMATEST_QUIET", "LIMATEST_FAULT",
		"XDG_STATE_HOME", "DVM_NAME", "DVM_YES", "DVM_FORCE", "PAGER"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	ts.Check(err)
	defer screen.Close()
	go func() { _, _ = io.WriteString(screen, ts.ReadFile(args[0])) }()
	out, _ := io.ReadAll(screen) // ends with an error when the terminal is closed
	err = cmd.Wait()
	text := strings.ReplaceAll(string(out), "\r\n", "\n") + fmt.Sprintf("\nstatus: %v\n", err)
	ts.Logf("%s", text)
	ts.Check(os.WriteFile(ts.MkAbs("terminal.out"), []byte(text), 0o600))
	if failed := err != nil; failed != neg {
		ts.Fatalf("on a terminal: %q: %v", args[1:], err)
	}
}

// poll waits until a file holds a text, for up to ten seconds.
func poll(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: poll file text")
	}
	for range 200 {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s never held %q", args[0], args[1])
}
