package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dvm/engine/lima/limatest"
)

// wantGuest skips a test where this host can't run guests.
func wantGuest(t *testing.T) {
	t.Helper()
	heedSignals()
	err := limatest.Supported()
	if err == nil {
		_, err = exec.LookPath("ssh")
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must run the cases with a guest: %v", err)
		}
		t.Skip(err)
	}
}

// crashVM is the VM of one case, with a Lima directory of its own.
type crashVM struct {
	t                   *testing.T
	scripts             string // the directory with the setup scripts
	home                string // LIMA_HOME
	dir                 string
	env                 []string
	gate                *os.File
	hostPort, guestPort string // that no other VM has
}

func newCrashVM(t *testing.T, scripts string) *crashVM {
	vm := &crashVM{t: t, scripts: scripts, dir: t.TempDir()}
	var err error
	if vm.home, err = os.MkdirTemp("", "lima"); err != nil { // short enough for sockets
		t.Fatal(err)
	}
	t.Cleanup(func() {
		limatest.StopAll(vm.home)
		if wrong, err := os.ReadFile(filepath.Join(vm.home, "_limatest", "forbidden")); err == nil {
			t.Errorf("limactl was called as it must never be: %s", wrong)
		}
		if err := os.RemoveAll(vm.home); err != nil {
			t.Error(err)
		}
	})
	vm.hostPort, vm.guestPort = freePair(t)
	gate := filepath.Join(vm.dir, "gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	if vm.gate, err = os.OpenFile(gate, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vm.gate.Close() })
	vm.env = append(os.Environ(), "LIMA_HOME="+vm.home, "XDG_STATE_HOME="+vm.state(), "LIMATEST_QUIET=1",
		"LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=10", "LIMATEST_LOG=")
	return vm
}

func (vm *crashVM) state() string { return filepath.Join(vm.dir, "state") }

func (vm *crashVM) instance(name string) string { return filepath.Join(vm.home, "dvm-app", name) }

// path is that of a script of this test.
func (vm *crashVM) path(name string) string {
	path, err := filepath.Abs(filepath.Join("testdata", "crash", name))
	if err != nil {
		vm.t.Fatal(err)
	}
	return path
}

// prepare brings the VM into a situation, from a copy of one that was synced and stopped.
func (vm *crashVM) prepare(s situation, synced *crashVM) {
	if s.before != unmade {
		if err := limatest.CopyInstance(synced.instance(""), vm.instance("")); err != nil {
			vm.t.Fatal(err)
		}
	}
	if s.before == running {
		vm.limactl("start", "dvm-app")
	}
	vm.env = slices.Clip(vm.env)
	for _, pair := range s.env {
		vm.env = append(vm.env, strings.NewReplacer("HOST", vm.hostPort, "GUEST", vm.guestPort).Replace(pair))
	}
}

// freePair gives two ports that no other test of this program has, and that are not given to who asks for any.
func freePair(t *testing.T) (host, guest string) {
	for {
		port := nextPort.Add(2)
		if port > 30000 {
			t.Fatal("no ports are left")
		}
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(int(port)))
		if err == nil {
			listener.Close()
			return strconv.Itoa(int(port)), strconv.Itoa(int(port) + 1)
		}
	}
}

// nextPort begins elsewhere in each run of this program, as another may run at the same time.
var nextPort = func() (port atomic.Int32) {
	port.Store(10000 + int32(os.Getpid())%8000*2)
	return
}()

// finish is the sync that is left alone.
func (vm *crashVM) finish() {
	if said := vm.sync(); !strings.Contains(said, "\napp ready: ") {
		vm.t.Errorf("the next sync did not say that the VM is ready:\n%s", said)
	} else if strings.Contains(said, "dvm: warning: ") {
		vm.t.Errorf("the next sync is not content:\n%s", said)
	}
}

// sync runs one that must succeed.
func (vm *crashVM) sync() (said string) {
	vm.t.Helper()
	dvm := vm.start("app")
	if err := vm.wait(dvm); err != nil {
		vm.t.Fatalf("dvm app: %v:\n%s", err, dvm.stderr.String())
	}
	return dvm.stderr.String()
}

// dvmRun is a dvm that runs.
type dvmRun struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	ended  chan struct{} // closed when it has ended
	err    error
}

func (vm *crashVM) start(args ...string) *dvmRun {
	dvm := &dvmRun{cmd: exec.Command("dvm", args...), ended: make(chan struct{})}
	dvm.cmd.Dir = vm.scripts
	dvm.cmd.Env = vm.env
	dvm.cmd.Stderr = &dvm.stderr
	// What outlives a dvm that is killed must not keep its end from being noticed.
	dvm.cmd.WaitDelay = time.Second
	if err := dvm.cmd.Start(); err != nil {
		vm.t.Fatal(err)
	}
	go func() {
		dvm.err = dvm.cmd.Wait()
		close(dvm.ended)
	}()
	return dvm
}

func (vm *crashVM) wait(dvm *dvmRun) error {
	vm.t.Helper()
	select {
	case <-dvm.ended:
	case <-time.After(crashWithin):
		vm.letGo()
		_ = dvm.cmd.Process.Signal(syscall.SIGQUIT) // for the stacks
		<-dvm.ended
		vm.t.Fatalf("dvm did not end:\n%s", dvm.stderr.String())
	}
	for _, wrong := range []string{"DATA RACE", "panic:", "goroutine "} {
		if strings.Contains(dvm.stderr.String(), wrong) {
			vm.t.Errorf("dvm: %s", dvm.stderr.String())
		}
	}
	return dvm.err
}

// letGo lets a call of limactl that is held go on.
func (vm *crashVM) letGo() {
	if _, err := vm.gate.WriteString("\n"); err != nil {
		vm.t.Error(err)
	}
}

// await waits until the disturbed sync has come so far.
func (vm *crashVM) await(dvm *dvmRun, what string, reached func() bool) {
	vm.t.Helper()
	deadline := time.After(crashWithin)
	for !reached() {
		select {
		case <-dvm.ended:
			vm.t.Fatalf("dvm ended before %s: %v:\n%s", what, dvm.err, dvm.stderr.String())
		case <-deadline:
			vm.letGo()
			_ = dvm.cmd.Process.Kill()
			<-dvm.ended
			vm.t.Fatalf("dvm never came to %s:\n%s", what, dvm.stderr.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// guestReached tells whether a command is held in the guest, whose first process leads to its files.
func (vm *crashVM) guestReached() bool {
	pid, err := os.ReadFile(vm.instance("qemu.pid"))
	return err == nil && exists(filepath.Join("/proc", strings.TrimSpace(string(pid)), "root/run/crash/reached"))
}

func (vm *crashVM) pid(path string) int {
	text, err := os.ReadFile(path)
	if err != nil {
		vm.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		vm.t.Fatal(err)
	}
	return pid
}

func (vm *crashVM) limactl(args ...string) string {
	vm.t.Helper()
	ctx, cancel := context.WithTimeout(vm.t.Context(), crashWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "limactl", args...)
	cmd.Env = vm.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		vm.t.Fatalf("limactl %q: %v:\n%s%s", args, err, out, stderr.String())
	}
	return string(out)
}

// guest runs a script of this test as root in the guest.
func (vm *crashVM) guest(script string, args ...string) string {
	vm.t.Helper()
	text, err := os.ReadFile(vm.path(script))
	if err != nil {
		vm.t.Fatal(err)
	}
	return vm.limactl(append([]string{"shell", "--workdir", "/", "dvm-app", "sudo", "-n", "bash", "-c", string(text), script}, args...)...)
}

// outcome is what syncs made of an instance and its guest, and what they left in it.
type outcome struct {
	config string // lima.yaml
	state  string
	left   string
	begun  map[string]int // how often each setup script began
	ended  map[string]int // and came to its end
}

var hash = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

func (vm *crashVM) outcome() outcome {
	config, err := os.ReadFile(vm.instance("lima.yaml"))
	if err != nil {
		vm.t.Fatal(err)
	}
	numbers := strings.NewReplacer(`"`+vm.hostPort+`"`, "HOST", `"`+vm.guestPort+`"`, "GUEST")
	words := strings.Split(vm.guest("state.sh"), "\n--\n")
	o := outcome{config: numbers.Replace(string(config)), state: words[0], left: words[2], begun: map[string]int{}, ended: map[string]int{}}
	if strings.Contains(o.config, "HOST") { // which is part of what a setup script's hash is made of
		o.state = hash.ReplaceAllString(o.state, "HASH")
	}
	for line := range strings.Lines(words[1]) {
		script, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if what == "begin" {
			o.begun[script]++
		} else {
			o.ended[script]++
		}
	}
	return o
}

// compare looks for what differs from an undisturbed sync's outcome, and for what was left behind.
func (vm *crashVM) compare(wanted outcome, repeats string) {
	got := vm.outcome()
	for deadline := time.Now().Add(crashWithin / 3); got.left != "" && time.Now().Before(deadline); got = vm.outcome() {
		time.Sleep(200 * time.Millisecond)
	}
	if got.left != "" {
		vm.t.Errorf("left in the guest:\n%s", got.left)
	}
	if got.state != wanted.state {
		vm.t.Errorf("the guest differs:\n%s", difference(wanted.state, got.state))
	}
	if got.config != wanted.config {
		vm.t.Errorf("lima.yaml differs:\n%s", difference(wanted.config, got.config))
	}
	again := 0
	for script := range wanted.begun {
		ends := got.ended[script] - wanted.ended[script]
		if ends != 0 && (ends != 1 || repeats != script && repeats != anyScript) {
			vm.t.Errorf("setup script %s ended %d times, want %d", script, got.ended[script], wanted.ended[script])
		}
		again += got.begun[script] - wanted.begun[script]
	}
	if again < 0 || again > 1 {
		vm.t.Errorf("setup scripts began %v, want %v and at most one once more", got.begun, wanted.begun)
	}
	if left := vm.leftOnHost(); left != "" {
		vm.t.Errorf("left on the host:\n%s", left)
	}
	vm.files()
}

// forwarded wants that something listens for the VM on its port of the host.
func (vm *crashVM) forwarded() {
	conn, err := net.Dial("tcp", "127.0.0.1:"+vm.hostPort)
	if err != nil {
		vm.t.Errorf("the pair is not forwarded: %v", err)
		return
	}
	conn.Close()
}

// leftOnHost lists processes that belong to this case, but for the VM itself.
func (vm *crashVM) leftOnHost() string {
	var left strings.Builder
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		vm.t.Fatal(err)
	}
	for _, path := range environments {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte("LIMA_HOME="+vm.home+"\x00")) {
			continue
		}
		words, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || len(words) == 0 || bytes.Contains(words, []byte("\x00__")) { // the stand-in's own
			continue
		}
		fmt.Fprintf(&left, "%s: %q\n", filepath.Dir(path), words)
	}
	return left.String()
}

// files checks dvm's files on the host: no lock is held, and nothing temporary is left.
func (vm *crashVM) files() {
	known := []string{"_dvm", "_dvm/dvm-app.start.lock", "_dvm/dvm-app.sync.lock", "_dvm/dvm-app.live.json", "_dvm/key.lock", "_dvm/scratch",
		"dvm", "dvm/app", "dvm/app/events.jsonl", "dvm/app/lima.log", "dvm/app/lima.failed.log", "dvm/app/setup.log", "dvm/app/setup.failed.log"}
	for root, top := range map[string]string{vm.home: "_dvm", vm.state(): "dvm"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if !slices.Contains(known, name) {
				vm.t.Errorf("%s is left", path)
			}
			if strings.HasSuffix(name, ".lock") {
				vm.free(path)
			}
			return nil
		})
		if err != nil {
			vm.t.Error(err)
		}
	}
}

// free wants that nobody holds a lock.
func (vm *crashVM) free(path string) {
	file, err := os.Open(path)
	if err != nil {
		vm.t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		vm.t.Errorf("%s is held: %v", path, err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// difference lists the lines that only one text has.
func difference(want, got string) string {
	var text strings.Builder
	for sign, pair := range map[string][2]string{"-": {want, got}, "+": {got, want}} {
		other := strings.Split(pair[1], "\n")
		for line := range strings.Lines(pair[0]) {
			if !slices.Contains(other, strings.TrimSuffix(line, "\n")) {
				text.WriteString(sign + line)
			}
		}
	}
	return text.String()
}
