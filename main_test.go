package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"dvm/engine/lima"
	"dvm/engine/lima/limatest"
	"dvm/logs"
)

var update = flag.Bool("update", false, "rewrite the files that scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"dvm":      main,
		"dvm-peak": peak,
		"limactl":  limactl,
	})
}

// peak is dvm, and writes how much memory it took, in KiB, to the file peak.
func peak() {
	err := run(untilSignal(), os.Args[1:], os.Stdout, logs.NewTerminal(os.Stderr))
	status, readErr := os.ReadFile("/proc/self/status")
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	if readErr != nil || !found {
		fmt.Fprintln(os.Stderr, "no peak:", readErr)
		os.Exit(3)
	}
	if err := os.WriteFile("peak", []byte(strings.Fields(rest)[0]+"\n"), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	os.Exit(exitCode(err))
}

// realLimactl is the path of a real limactl to run the cases with, or empty. Cases that need the stand-in begin with
// [!fake] skip. A real one wants a user other than root, a template:fedora that boots, and patience.
const realLimactl = "LIMACTL_UNDER_TEST"

// limactl is the stand-in, or the real one with its calls logged as the stand-in logs them.
func limactl() {
	path := os.Getenv(realLimactl)
	if path == "" {
		limatest.Main()
		return
	}
	if log := os.Getenv("LIMATEST_LOG"); log != "" {
		file, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = fmt.Fprintln(file, lima.Quote(os.Args[1:]))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "log the call:", err)
			os.Exit(1)
		}
	}
	err := syscall.Exec(path, append([]string{"limactl"}, os.Args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, "run the limactl under test:", err)
	os.Exit(1)
}

// heedSignals has what tests run end by a signal as usual, also under nohup or in a shell's background, which would have it
// ignored.
func heedSignals() {
	for _, ignored := range []os.Signal{syscall.SIGINT, syscall.SIGHUP} {
		if signal.Ignored(ignored) {
			signal.Notify(make(chan os.Signal, 1), ignored) // children get the default for what is caught
		}
	}
}

// TestScripts runs each case of testdata/script with the built dvm against the stand-in for limactl. Cases that need a
// guest begin with [!guest] skip; where CI is set a missing guest fails instead.
func TestScripts(t *testing.T) {
	heedSignals()
	var noGuest error
	if os.Getenv(realLimactl) == "" {
		noGuest = limatest.Supported()
	}
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
			case "fake":
				return os.Getenv(realLimactl) == "", nil
			case "hypervisor":
				support, err := exec.Command("sysctl", "-n", "kern.hv_support").Output()
				return runtime.GOOS != "darwin" || err == nil && strings.TrimSpace(string(support)) == "1", nil
			case "root":
				return os.Geteuid() == 0, nil
			case "race":
				info, _ := debug.ReadBuildInfo()
				return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}), nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"guest":     guest,
			"terminal":  terminal,
			"poll":      poll,
			"gone":      gone,
			"freeports": freePorts,
			"listens":   listens,
			"stubs":     stubs,
			"page":      page,
			"picture":   picture,
		},
	})
}

// shortTemp is where temporary directories have short names without links in them, which those of a Mac have not.
func shortTemp() string {
	if runtime.GOOS == "darwin" {
		return "/private/tmp"
	}
	return os.TempDir()
}

// setUp gives a case a Lima directory with a path short enough for sockets, and takes it away with all that runs there.
func setUp(t *testing.T, env *testscript.Env) error {
	home, err := os.MkdirTemp(shortTemp(), "lima")
	if err != nil {
		return err
	}
	scripts, err := filepath.Abs("scripts")
	if err != nil {
		return err
	}
	env.Setenv("SCRIPTS", scripts)
	env.Setenv("SEE", filepath.Join(filepath.Dir(scripts), "testdata", "see.sh"))
	if path := os.Getenv(realLimactl); path != "" {
		env.Setenv(realLimactl, path)
		env.Setenv("LIMA_TEMPLATES_PATH", os.Getenv("LIMA_TEMPLATES_PATH"))
		env.Setenv("HOME", os.Getenv("HOME")) // where the images are
		env.Setenv("USER", os.Getenv("USER"))
	}
	env.Defer(func() {
		stopAll(t, home)
		if wrong, err := os.ReadFile(filepath.Join(home, "_limatest", "forbidden")); err == nil {
			t.Errorf("%s: limactl was called as it must never be: %s", filepath.Base(env.WorkDir), wrong)
		}
		// A limactl that a case has killed dvm from under may still be writing.
		var err error
		if !eventually(func() bool {
			err = os.RemoveAll(home)
			return err == nil
		}) {
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

// stopAll deletes every instance below a Lima directory.
func stopAll(t *testing.T, home string) {
	path := os.Getenv(realLimactl)
	if path == "" {
		limatest.StopAll(home)
		return
	}
	instances, _ := filepath.Glob(filepath.Join(home, "[a-z]*"))
	for _, dir := range instances {
		cmd := exec.Command(path, "--tty=false", "delete", "--force", filepath.Base(dir))
		cmd.Env = append(os.Environ(), "LIMA_HOME="+home)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("delete %s: %v\n%s", dir, err, out)
		}
	}
}

// guest runs a shell command as root in a VM's guest, past dvm and the call log, with a file as its input. Its output is printed, and kept in the
// file guest.out.
func guest(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 && len(args) != 3 {
		ts.Fatalf("usage: guest VM command [stdin]")
	}
	var stdin io.Reader
	if len(args) == 3 {
		stdin = strings.NewReader(ts.ReadFile(args[2]))
	}
	out, err := inGuest(ts, args[0], args[1], stdin)
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
		"XDG_STATE_HOME", "DVM_NAME", "DVM_YES", "DVM_FORCE", "PAGER", realLimactl} {
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

func inGuest(ts *testscript.TestScript, vm, command string, stdin io.Reader) ([]byte, error) {
	cmd := exec.Command("limactl", "shell", "--workdir", "/", "dvm-"+vm, "sudo", "-n", "bash", "-c", command)
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"), "LIMA_HOME="+ts.Getenv("LIMA_HOME"), "LIMATEST_USER="+ts.Getenv("LIMATEST_USER"), "LIMATEST_LOG=")
	cmd.Stdin = stdin
	return cmd.CombinedOutput()
}

// placeStubs takes testdata/guest/stubs.sh from its stdin.
const placeStubs = `set -e
	install -m 0755 /dev/stdin /usr/local/bin/dnf5
	cd /usr/local/bin
	for name in rpm podman docker dockerd-rootless-setuptool.sh systemctl loginctl tailscale systemd-creds npm swapon \
		modprobe git ssh-keygen usermod; do
		ln -sf dnf5 $name
	done
	mkdir -p /etc/yum.repos.d /etc/systemd/system/multi-user.target.wants
	mkdir -m 0777 /var/lib/stub
	cd /var/lib/stub
	touch packages calls up hang hung refuse
	chmod 0666 *`

// stubs gives a VM's guest what stands in for Fedora's programs.
func stubs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stubs VM")
	}
	program, err := os.Open(filepath.Join("testdata", "guest", "stubs.sh"))
	ts.Check(err)
	defer program.Close()
	out, err := inGuest(ts, args[0], placeStubs, program)
	ts.Logf("%s", out)
	ts.Check(err)
}

// eventually waits for up to a minute until a condition holds, and tells whether it did. What passes does not wait for that long, and
// what fails on a busy machine says nothing.
func eventually(condition func() bool) bool {
	for range 1200 {
		if condition() {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

// poll waits until a file holds a text.
func poll(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: poll file text")
	}
	if !eventually(func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.Contains(string(text), args[1])
	}) {
		ts.Fatalf("%s never held %q", args[0], args[1])
	}
}

// gone waits until no process in a VM's guest has a command line that matches a pattern of grep's, which must not match itself.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: gone VM pattern")
	}
	var out []byte
	if !eventually(func() bool {
		var err error
		out, err = inGuest(ts, args[0], "all=$(ps -eo args) && ! grep '"+args[1]+"' <<<\"$all\"", nil)
		return err == nil
	}) {
		ts.Fatalf("in the guest: %s: still there: %s", args[1], out)
	}
}

// freePorts sets variables to ports of this host on which nothing listens.
func freePorts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: freeports VARIABLE...")
	}
	for _, name := range args {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer listener.Close() // once all are known, so that they differ
		ts.Setenv(name, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
}

// listens waits until something listens on a port of this host.
func listens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listens port")
	}
	if !eventually(func() bool {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", args[0]))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}) {
		ts.Fatalf("nothing listens on port %s", args[0])
	}
}
