package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
