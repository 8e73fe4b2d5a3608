package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sys/unix"
)

const (
	crashJobs    = 6                // cases at once; most of their time they wait
	crashWithin  = 90 * time.Second // that anything may take before the case fails
	crashTimeout = "3s"             // the DVM_TIMEOUT of a sync that hangs
	crashSetup   = "DVM_SETUP=./one.sh,./two.sh"

	timeout   = "timeout" // the act that waits for DVM_TIMEOUT
	anyScript = "any"
)

// A crash is one case: a sync of a VM in some situation that is disturbed at some point in some way.
type crash struct {
	situation situation
	point     string // where: a call of limactl (list#1:before), or a command in the guest (useradd#1:after)
	inGuest   bool
	fault     string // a call of limactl, and what the stand-in does in it
	act       string // what is done once the point, or the call with the fault, is reached; see disturb
	repeats   string // the setup script that may end twice, since it had not succeeded as far as anyone can know
}

func (c crash) name() string {
	words := strings.Join(slices.DeleteFunc([]string{c.point, c.fault, c.act}, func(s string) bool { return s == "" }), ",")
	return c.situation.name + "/" + strings.ReplaceAll(words, " ", "_")
}

// A situation is what a sync finds, and what is asked of it.
type situation struct {
	name   string
	before before
	env    []string // of the sync that is disturbed; HOST and GUEST are ports of that VM
	calls  []string // of limactl, in that sync; the last shell is that of the guest's steps
	live   bool     // HOST leads into the VM from then on
}

// session is the call that the guest's steps go by.
func (s situation) session() string {
	last := ""
	for _, call := range s.calls {
		if strings.HasPrefix(call, "shell#") {
			last = call
		}
	}
	return last
}

// unused is the session that is opened beside the first list, and ended where the instance has to be changed first.
func (s situation) unused(call string) bool { return call == "shell#1" && s.session() != call }

// before is how a sync finds the VM.
type before int

const (
	unmade before = iota
	stopped
	running
)

func situations() []situation {
	first := []string{crashSetup}
	changed := []string{"DVM_SETUP=./one.sh,./two.sh,./three.sh", "DVM_USER=other", "DVM_SUDO=1", "DVM_PACKAGES=alpha beta"}
	restart := []string{crashSetup, "DVM_RESTART=1", "DVM_RESIZE=1", "DVM_MEMORY=6", "DVM_PORTS=HOST:GUEST"}
	ports := []string{crashSetup, "DVM_PORTS=HOST:GUEST"}
	return []situation{
		{"new", unmade, first, []string{"start#1", "list#1", "shell#1"}, false},
		{"stopped", stopped, first, []string{"list#1", "list#2", "start#1", "list#3", "shell#1"}, false},
		{"change", running, changed, []string{"list#1", "shell#1"}, false},
		{"nothing", running, first, []string{"list#1", "shell#1"}, false},
		{"restart", running, restart, []string{
			"list#1", "shell#1", "list#2", "shell#2", "stop#1", "edit#1", "start#1", "shell#3", "list#3",
		}, false},
		{"ports", running, ports, []string{"list#1", "shell#1", "list#2", "start#1", "shell#2", "list#3"}, true},
	}
}

// crashes is the whole matrix.
func crashes() []crash {
	var all []crash
	for _, s := range situations() {
		for _, call := range s.calls {
			faults := []string{"exit=1", "exit=255", "exit-after=1", "garbage", "half", "big", "kill"}
			if strings.HasPrefix(call, "start#") {
				faults = append(faults, "download-fails", "timeout", "degraded")
			}
			for _, fault := range faults {
				all = append(all, crash{situation: s, fault: call + " " + fault})
			}
			hangs := crash{situation: s, fault: call + " hang", act: timeout}
			if s.unused(call) { // which is ended, and the sync goes on to where nobody can know
				hangs.repeats = anyScript
			}
			all = append(all, hangs)
			for _, act := range []string{"INT", "TERM", "HUP", "KILL", "limactl"} {
				all = append(all, crash{situation: s, point: call + ":before", act: act})
				if !strings.HasPrefix(call, "list#") && !s.unused(call) { // whose end changes no more than its beginning
					all = append(all, crash{situation: s, point: call + ":after", act: act})
				}
			}
		}
	}
	return append(all, guestCrashes()...)
}

// guestCrashes stop the guest's work before, inside and after the apply of each step, and at what surrounds it.
func guestCrashes() []crash {
	acts := []string{"INT", "TERM", timeout, "HUP", "KILL", "limactl", "drop", "vm"}
	type points struct {
		marker string // the session's last one before these points
		at     []string
	}
	matrix := map[string][]points{
		"new": {
			{"begin 0", []string{"flock#1:before", "flock#1:after"}},
			{"apply 0", []string{
				"useradd#1:before", "useradd#1:inside=/etc/passwd-", "useradd#1:inside=/etc/shadow-", "useradd#1:inside=/etc/group-",
				"useradd#1:inside=/etc/gshadow-", "useradd#1:inside=home", "useradd#1:after", "useradd#1:stubborn",
				"chown#1:before", "chmod#1:before", "chmod#1:after", "stat#1:after",
			}},
			{"apply 1", []string{
				"mkdir#1:before", "mkdir#1:after", "chown#2:after", "chmod#2:before", "mkdir#2:after", "chmod#3:after", "stat#2:before",
			}},
			{"apply 2", []string{
				"usermod#1:before", "usermod#1:inside=/etc/subuid-", "usermod#1:after", "usermod#2:inside=/etc/subgid-", "usermod#2:after",
			}},
			{"apply 3", []string{"install#1:before", "install#1:after", "rm#1:before", "midway#1:before", "mv#1:before", "mv#1:after"}},
			{"apply 4", []string{"rm#2:after", "midway#2:before", "midway#2:stubborn", "mv#2:before", "mv#2:after"}},
		},
		"stopped": {{"begin 0", []string{"stat#1:before", "stat#1:after"}}},
		"nothing": {{"begin 0", []string{"stat#1:before", "stat#1:after"}}},
		"change": {
			{"begin 0", []string{"flock#1:after"}},
			{"apply 0", []string{
				"useradd#1:inside=/etc/group-", "useradd#1:after", "groupadd#1:before", "groupadd#1:inside=/etc/gshadow-", "groupadd#1:after",
				"mv#1:before", "mv#1:after", "gpasswd#1:before", "gpasswd#1:inside=/etc/gshadow-", "gpasswd#1:after",
			}},
			{"apply 1", []string{"mkdir#1:after"}},
			{"apply 2", []string{"usermod#1:after"}},
			{"apply 3", []string{"dnf5#1:before", "touch#1:after", "dnf5#1:after"}},
			{"apply 4", []string{"rm#1:before", "rm#1:after", "midway#1:before", "mv#2:before", "mv#2:after"}},
			{"apply 6", []string{"midway#3:before", "mv#4:after"}},
		},
	}
	// Between its end and its stamp a script has not succeeded as far as anyone can know.
	unknown := map[string]string{
		"new mv#1:before": "one", "new mv#2:before": "two", "change mv#2:before": "one", "new mv#1:fails": "one",
	}
	// A program that fails once is no act of this test's: it ends the sync by itself, but where its exit code has a meaning.
	failing := map[string][]string{
		"new": {
			"flock#1:fails", "stat#1:fails", "useradd#1:fails", "useradd#1:fails-after", "chown#1:fails", "chmod#1:fails-after", "mkdir#1:fails",
			"usermod#1:fails", "usermod#2:fails-after", "install#1:fails", "midway#1:fails", "mv#1:fails", "mv#1:fails-after",
		},
		"nothing": {"stat#1:fails"},
		"change":  {"groupadd#1:fails", "groupadd#1:fails-after", "mv#1:fails", "gpasswd#1:fails-after", "dnf5#1:fails", "dnf5#1:fails-after"},
	}
	var all []crash
	turn := 0
	for _, s := range situations() {
		for _, step := range matrix[s.name] {
			for _, point := range step.at {
				turn++
				for i, act := range acts {
					// One way each, in turn; all of them in the midst of a script.
					if i != turn%len(acts) && point != "midway#2:before" {
						continue
					}
					c := crash{situation: s, point: point, inGuest: true, act: act, repeats: unknown[s.name+" "+point]}
					if act == "drop" {
						c.fault = "shell#1 drop=" + step.marker
					}
					if act == "drop" || act == timeout { // where these strike nobody can know
						c.repeats = anyScript
					}
					all = append(all, c)
				}
			}
		}
		for _, point := range failing[s.name] {
			all = append(all, crash{situation: s, point: point, inGuest: true, repeats: unknown[s.name+" "+point]})
		}
	}
	return all
}

// TestCrashMatrix disturbs a sync at every call of limactl and at every step in the guest, in every way, and each time
// runs one more that is left alone: it must make of the VM what a sync makes that never was disturbed, and leave nothing.
func TestCrashMatrix(t *testing.T) {
	wantGuest(t)
	scripts := crashScripts(t)
	synced := newCrashVM(t, scripts)
	synced.env = append(synced.env, crashSetup)
	synced.sync()
	synced.guest("packages.sh")
	synced.limactl("stop", "dvm-app")
	wanted := map[string]outcome{} // of each situation
	for _, s := range situations() {
		vm := newCrashVM(t, scripts)
		vm.prepare(s, synced)
		vm.finish()
		wanted[s.name] = vm.outcome()
	}
	var done atomic.Int64
	jobs := pool.New().WithMaxGoroutines(crashJobs)
	for i, c := range crashes() {
		if underRace && i%11 != 0 { // the detector makes a process several times as slow; a prime meets every fault and act
			continue
		}
		jobs.Go(func() {
			t.Run(c.name(), func(t *testing.T) {
				vm := newCrashVM(t, scripts)
				vm.prepare(c.situation, synced)
				c.run(vm, wanted[c.situation.name])
				if !t.Failed() {
					done.Add(1)
				}
			})
		})
	}
	jobs.Wait()
	t.Logf("%d cases ended right", done.Load())
}

// crashScripts are the setup scripts of all cases, in one directory: their paths are part of what the guest remembers.
func crashScripts(t *testing.T) string {
	dir := t.TempDir()
	for name, body := range map[string]string{
		"one.sh":   "midway",
		"two.sh":   "sleep 4243 & job=$!\nsudo -n sleep 4244 & root=$!\nmidway\nkill $job\nsudo -n kill $root",
		"three.sh": "midway",
	} {
		runs := strings.TrimSuffix(name, ".sh") + ".runs"
		text := fmt.Sprintf("midway() { [[ -z $(type -P midway) ]] || command midway; }\necho begin >>%[1]s\n%[2]s\necho end >>%[1]s\n", runs, body)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run is one case, in a VM that is prepared for it.
func (c crash) run(vm *crashVM, wanted outcome) {
	hooks, gate, beside := "", "", ""
	if c.situation.before == running {
		beside = "1"
	}
	switch {
	case !c.inGuest:
		gate = c.point
	case c.situation.before == running:
		vm.guest("hooks.sh", c.point)
	default:
		hooks = c.point
	}
	env := vm.env
	vm.env = slices.Concat(env, []string{
		"DVM_LIMACTL=bash " + vm.path("gate.sh"),
		"CRASH_FAULT=" + c.fault,
		"CRASH_DIR=" + vm.dir,
		"CRASH_GATE=" + gate,
		"CRASH_HOOKS=" + hooks,
		"CRASH_BESIDE=" + beside,
	})
	if c.act == timeout {
		vm.env = append(vm.env, "DVM_TIMEOUT="+crashTimeout)
	}
	dvm := vm.start("app")
	vm.env = env
	c.disturb(vm, dvm)
	vm.letGo()
	err := vm.wait(dvm)
	if c.fails() && !vm.guestReached() {
		vm.t.Fatalf("dvm never came to %s:\n%s", c.point, dvm.stderr.String())
	}
	c.checkEnd(vm, dvm, err)
	if c.inGuest && (c.act == "drop" || c.act == timeout) && exists(vm.instance("ha.pid")) {
		vm.guest("unhook.sh") // it may have ended before the point, and the next sync is not to be held there
	}
	vm.finish()
	vm.compare(wanted, c.repeats)
	if c.situation.live {
		vm.forwarded()
	}
}

// fails tells whether a program of the guest fails, which is all that happens.
func (c crash) fails() bool { return c.inGuest && c.act == "" }

// disturb waits until the sync has come to the point and acts there.
func (c crash) disturb(vm *crashVM, dvm *dvmRun) {
	switch {
	case c.act == "drop", c.act == timeout, c.fails(): // the stand-in, dvm or the guest does it
		return
	case c.inGuest:
		vm.await(dvm, c.point, vm.guestReached)
	case c.point != "":
		vm.await(dvm, c.point, func() bool { return exists(filepath.Join(vm.dir, "reached")) })
	}
	var err error
	switch c.act {
	case "":
	case "limactl":
		call := "shell#1"
		if !c.inGuest {
			call, _, _ = strings.Cut(c.point, ":")
		}
		err = syscall.Kill(vm.pid(filepath.Join(vm.dir, call, "pid")), syscall.SIGKILL)
		if c.situation.unused(call) && errors.Is(err, syscall.ESRCH) {
			err = nil // dvm has ended it already
		}
	case "vm":
		err = errors.Join(syscall.Kill(vm.pid(vm.instance("ha.pid")), syscall.SIGKILL),
			syscall.Kill(vm.pid(vm.instance("qemu.pid")), syscall.SIGKILL))
	default:
		err = dvm.cmd.Process.Signal(unix.SignalNum("SIG" + c.act))
	}
	if err != nil {
		vm.t.Fatal(c.act, err)
	}
}

// checkEnd looks at how the disturbed sync ended, as far as that is certain.
func (c crash) checkEnd(vm *crashVM, dvm *dvmRun, err error) {
	code := dvm.cmd.ProcessState.ExitCode()
	said := dvm.stderr.String()
	if call, _, _ := strings.Cut(c.fault, " "); c.act != timeout && !exists(filepath.Join(vm.dir, call)) {
		vm.t.Errorf("there was no call %s to disturb:\n%s", call, said)
	}
	switch c.act {
	case "INT", "TERM", "HUP":
		if code == 0 && c.point == c.situation.session()+":after" {
			return // all was done by then
		}
		if want := 128 + int(unix.SignalNum("SIG"+c.act)); code != want {
			vm.t.Errorf("exit code %d after SIG%s, want %d", code, c.act, want)
		}
		if !strings.Contains(said, "dvm: hint: run the same command again: it goes on from there\n") {
			vm.t.Errorf("no word on how to go on:\n%s", said)
		}
	case "KILL":
	case timeout:
		if call, _, _ := strings.Cut(c.fault, " "); code == 0 && c.situation.unused(call) {
			return // it was done within the time
		}
		if code != 1 || !strings.Contains(said, "dvm: app: DVM_TIMEOUT ran out after "+crashTimeout) {
			vm.t.Errorf("exit code %d after DVM_TIMEOUT:\n%s", code, said)
		}
	default:
		if code != 0 && code != 1 || code == 1 && !strings.Contains(said, "\ndvm: ") {
			vm.t.Errorf("the disturbed sync: %v:\n%s", err, said)
		}
		means := strings.HasPrefix(c.point, "flock#") || strings.HasPrefix(c.point, "stat#") // another answer, not an error
		if c.inGuest && code == 0 && !(c.fails() && means) {
			vm.t.Errorf("the disturbed sync did not notice:\n%s", said)
		}
	}
}
