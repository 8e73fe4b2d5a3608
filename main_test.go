package main

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
			return condition == "guest" && noGuest == nil, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"guest": guest,
			"poll":  poll,
			"stubs": stubs,
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
	out, err := inGuest(ts, args[0], args[1], nil)
	ts.Logf("%s", out)
	ts.Check(os.WriteFile(ts.MkAbs("guest.out"), out, 0o600))
	if failed := err != nil; failed != neg {
		ts.Fatalf("in the guest: %s: %v", args[1], err)
	}
}

func inGuest(ts *testscript.TestScript, vm, command string, stdin io.Reader) ([]byte, error) {
	cmd := exec.Command("limactl", "shell", "--workdir", "/", "dvm-"+vm, "sudo", "-n", "bash", "-c", command)
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"), "LIMA_HOME="+ts.Getenv("LIMA_HOME"), "LIMATEST_USER="+ts.Getenv("LIMATEST_USER"))
	cmd.Stdin = stdin
	return cmd.CombinedOutput()
}

// stubs gives a VM's guest what stands in for Fedora's programs.
func stubs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stubs VM")
	}
	program, err := os.Open(filepath.Join("testdata", "guest", "stubs.sh"))
	ts.Check(err)
	defer program.Close()
	out, err := inGuest(ts, args[0], `set -e
		install -m 0755 /dev/stdin /usr/local/bin/dnf5
		cd /usr/local/bin
		for name in rpm podman docker dockerd-rootless-setuptool.sh systemctl loginctl tailscale systemd-creds npm swapon \
			modprobe git ssh-keygen usermod; do
			ln -sf dnf5 $name
		done
		mkdir -p /etc/yum.repos.d
		mkdir -m 0777 /var/lib/stub
		cd /var/lib/stub
		touch packages calls up hang hung
		chmod 0666 *`, program)
	ts.Logf("%s", out)
	ts.Check(err)
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
