package limatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// replay is a group of recordings that need the same state, in an order in which they can follow each other.
type replay struct {
	state string
	set   func(*lima)
	cases []string
	// guests: the state needs a host that can run them
	guests bool
}

func replays() []replay {
	return []replay{
		{state: "empty", set: func(*lima) {}, cases: []string{
			"00-version",
			"01-list-empty", "01-list-format-empty", "01-list-json-empty", "01-list-json-missing-empty",
			"01-list-loglevelerror-empty", "01-list-loglevelwarn-json-empty", "01-list-q-empty",
			"13-create-bad-cpus", "13-create-bad-flag", "13-create-bad-name", "13-create-bad-template",
			"13-create-long-name", "13-start-bad-flag",
			"22-shell-missing-instance",
			"40-edit-missing",
			"41-delete-force-missing", "41-delete-missing", "41-delete-noargs", "41-shell-noargs", "41-stop-missing", "41-stop-noargs",
			"13-create-cpus-0",
			"50-pf-01", "50-pf-02", "50-pf-03", "50-pf-04", "50-pf-05", "50-pf-06", "50-pf-07", "50-pf-08", "50-pf-09",
			"50-pf-10", "50-pf-11", "50-pf-12", "50-pf-13", "50-pf-14", "50-pf-15", "50-pf-16", "50-pf-17", "50-pf-18",
			"50-pf-19", "50-pf-20", "50-pf-21", "50-pf-22", "50-pf-23",
			"51-pf-dup-host", "51-pf-dup-same", "51-pf-dup-static", "52-create-failed-leaves",
		}},
		{state: "new", set: func(*lima) {}, guests: true, cases: []string{
			"10-start-create", "11-start-already-running", "43-stop-running", "14-start-stopped", "41-delete-force-running",
			"10-start-create-cloudinit", "61-sigkill-stop-later", "14-start-stopped-cloudinit",
		}},
		{state: "running", set: setRunning, guests: true, cases: []string{
			"02-list-format-running", "02-list-json-missing", "02-list-json-name-and-missing", "02-list-json-name",
			"02-list-json-running", "02-list-json-yq", "02-list-q-missing", "02-list-q-running", "02-list-running", "02-list-yaml-running",
			"11-start-already-running-info", "11-start-already-running",
			"12-create-name-existing-with-template-running", "12-start-name-existing-with-template-running",
			"20-list-json-1", "20-shell-bash-lc", "20-shell-sudo", "20-shell-true-1",
			"21-shell-exit255", "21-shell-exit7-plain", "21-shell-exit7", "21-shell-killed", "21-shell-notfound", "21-shell-term",
			"23-shell-bad-workdir", "23-shell-no-workdir-loglevel-warn", "23-shell-no-workdir", "23-shell-workdir-home",
			"24-account", "24-env", "24-subuid",
			"25-shell-stdin-bash-s", "25-shell-stdin-cat", "25-shell-stdin-noargs", "25-shell-stdin-tool-eof",
			"26-args-100k", "26-args-130k", "26-args-2x100k", "26-args-bashlc", "26-args-builtin", "26-args-cd",
			"26-args-dashdash-before", "26-args-dashdash", "26-args-env-assign", "26-args-flaglike", "26-args-single-string", "26-args-various",
			"40-edit-running-flag", "40-edit-running-set",
			"41-delete-running",
			"53-start-pf-conflicts-list", "60-sigint-list-after-start", "60-sigint-shell", "60-sigint-start-again",
			"61-sigkill-list-later", "61-sigkill-start-again-while-booting", "65-list", "81-time-bash-ls",
			"40-start-running-with-cpus", "40-start-running-with-cpus-info", "46-start-running-port-forward-flag", "46-start-running-set",
			"43-stop-running-info",
		}},
		{state: "stopped", set: setStopped, guests: true, cases: []string{
			"61-sigkill-list-stopped", "62-sigint-group-list",
			"03-list-format-stopped", "03-list-json-stopped", "03-list-q-stopped", "03-list-stopped",
			"12-create-name-existing-with-template-stopped", "12-start-name-existing-with-template-stopped",
			"43-stop-force-stopped", "43-stop-stopped", "44-shell-stopped-yes", "44-shell-stopped",
			"45-edit-stopped-noop", "45-edit-stopped-set", "45-edit-stopped-bad-value", "45-edit-stopped-bad-yq",
			"45-edit-stopped-pf", "45-edit-stopped-unknown-field", "45-edit-stopped-bad-pf", "45-edit-stopped-disk-shrink",
			"45-edit-stopped-port-forward-flag",
		}},
		{state: "stopped with the ports of 53", set: setStopped, guests: true, cases: []string{"53-edit-pf", "14-start-stopped-info"}},
		{state: "unreadable lima.yaml", set: setUnreadable, guests: true, cases: []string{
			"71-broken-yaml-list", "71-broken-yaml-list-format", "71-broken-yaml-list-json", "71-broken-yaml-shell",
			"71-broken-yaml-start", "71-broken-yaml-delete", "71-broken-yaml-delete-force",
		}},
		{state: "directory without lima.yaml", set: setEmptyDir, guests: true, cases: []string{
			"72-emptydir-list", "72-emptydir-list-json", "72-emptydir-start", "72-emptydir-delete",
		}},
		{state: "host agent killed", set: setAgentKilled, guests: true, cases: []string{
			"63-hostagent-killed-start", "63-hostagent-killed-stop", "63-hostagent-killed-delete", "63-hostagent-killed-stop-force",
			"65-after-crash-start",
		}},
		{state: "a key that comes when none was found", set: setKeyRace, guests: true, cases: []string{"83-create-key-race"}},
	}
}

// notReplayed says why the rest of the recordings is left out.
func notReplayed() map[string][]string {
	return map[string][]string{
		"the same call and answer as the -1 of its group": {
			"20-list-json-2", "20-list-json-3", "20-list-json-4", "20-list-json-5",
			"20-shell-true-2", "20-shell-true-3", "20-shell-true-4", "20-shell-true-5", "20-shell-true-6",
		},
		"its input was not recorded":                                   {"25-shell-binary-roundtrip", "25-shell-stdin-binary"},
		"the stand-in has another help, and fewer templates":           {"26-shell-help", "20-info"},
		"the stand-in refuses what real Lima does here, with a reason": {"42-start-nonexistent-no-template", "47-cp-from", "47-cp-missing", "47-cp-to"},
		"three minutes of a guest that ignores the power button":       {"43x-stop-guest-ignores-powerdown", "62-sigint-group-stop-while-booting"},
		"a signal at a moment of a real boot": {
			"60-sigint-midboot", "61-sigkill-midboot", "61-sigkill-shell-later", "62-sigint-group-midboot",
			"66-sigkill-create-0.12", "66-sigkill-create-0.12-delete", "66-sigkill-create-0.12-list", "66-sigkill-create-0.12-start",
			"66-sigkill-create-0.2", "66-sigkill-create-0.2-delete", "66-sigkill-create-0.2-list", "66-sigkill-create-0.2-start",
			"66-sigkill-create-0.3", "66-sigkill-create-0.3-delete", "66-sigkill-create-0.3-list", "66-sigkill-create-0.3-start",
		},
		"the host agent was a zombie, which the stand-in does not take for alive": {
			"63-hostagent-killed-list", "63-hostagent-killed-list-json", "63-hostagent-killed-shell",
			"65-both-killed-list", "65-both-killed-start", "65-both-killed-stop",
		},
		"an sshd that is half up":                      {"61-sigkill-shell-while-booting", "61-sigkill-shell-while-booting-2"},
		"host ports are not forwarded":                 {"53-start-pf-conflicts"},
		"what the guest's distribution has and says":   {"65-after-crash-shell", "80-guest-dnf", "80-guest-net"},
		"two starts at one instant, won by either one": {"82-concurrent-start-a", "82-concurrent-start-b"},
	}
}

func TestContract(t *testing.T) {
	for _, r := range replays() {
		t.Run(r.state, func(t *testing.T) {
			t.Parallel()
			l := newLima(t)
			if r.guests {
				l = newGuestLima(t)
			}
			r.set(l)
			for _, name := range r.cases {
				t.Run(name, func(t *testing.T) { readRecording(t, name).replay(t, l) })
			}
		})
	}
}

// TestContractIsComplete wants each recording replayed, or left out for a reason.
func TestContractIsComplete(t *testing.T) {
	var covered []string
	for _, r := range replays() {
		covered = append(covered, r.cases...)
	}
	replayed := len(covered)
	for _, names := range notReplayed() {
		covered = append(covered, names...)
	}
	files, err := filepath.Glob("testdata/recorded/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !slices.Contains(covered, name) {
			t.Errorf("%s is neither replayed nor left out", name)
		}
	}
	t.Logf("%d of %d recordings are replayed", replayed, len(files))
}

const recordedName = "dvm-app"

func setRunning(l *lima) { l.boot(recordedName) }

func setStopped(l *lima) {
	l.boot(recordedName)
	l.must("stop", recordedName)
}

// setUnreadable leaves the running instance as the recordings before have made it, and another beside it.
func setUnreadable(l *lima) {
	l.boot(recordedName)
	l.must("start", recordedName, "--port-forward", "9000:9000", "--port-forward", "9001:9001")
	l.must("create", "--name", "brk", "--mount-none", "template:fedora")
	f, err := os.OpenFile(filepath.Join(l.home, "brk", "lima.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("cpus: [\n"); err != nil {
		l.t.Fatal(err)
	}
}

func setEmptyDir(l *lima) {
	l.boot(recordedName)
	l.must("start", recordedName, "--port-forward", "9000:9000", "--port-forward", "9001:9001")
	if err := os.Mkdir(filepath.Join(l.home, "emptydir"), 0o700); err != nil {
		l.t.Fatal(err)
	}
}

func setAgentKilled(l *lima) {
	l.boot(recordedName)
	killAgent(l)
}

// setKeyRace has a key made while a creation that has found none waits for the lock under which it makes one.
func setKeyRace(l *lima) {
	config := filepath.Join(l.home, "_config")
	if err := os.Mkdir(config, 0o700); err != nil {
		l.t.Fatal(err)
	}
	dir, err := os.Open(config)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX); err != nil {
		l.t.Fatal(err)
	}
	info, err := dir.Stat()
	if err != nil {
		l.t.Fatal(err)
	}
	waiter := regexp.MustCompile(fmt.Sprintf(`-> FLOCK .*:%d 0 EOF`, info.Sys().(*syscall.Stat_t).Ino))
	go func() {
		defer dir.Close()
		ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
		defer cancel()
		for ctx.Err() == nil {
			if locks, _ := os.ReadFile("/proc/locks"); waiter.Match(locks) {
				_ = os.WriteFile(filepath.Join(config, "user"), nil, 0o600) // where it fails, so does the replay
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
}

func killAgent(l *lima) {
	var shown struct{ HostAgentPID int }
	if err := json.Unmarshal([]byte(l.must("list", "--json", recordedName)), &shown); err != nil || shown.HostAgentPID == 0 {
		l.t.Fatalf("no host agent: %v", err)
	}
	if err := syscall.Kill(shown.HostAgentPID, syscall.SIGKILL); err != nil {
		l.t.Fatal(err)
	}
	eventually(l.t, "the host agent is dead", func() bool {
		return strings.Contains(l.must("list", recordedName), "Broken")
	})
}

// replay makes the recorded call and compares what it came to.
func (r recording) replay(t *testing.T, l *lima) {
	t.Helper()
	got := l.feed(recordedInputs()[r.name], r.argv...)
	if got.code != r.code {
		t.Errorf("exit %d, want %d\n%s", got.code, r.code, got.stderr)
	}
	r.compareStdout(t, normalise(l, got.stdout), normalise(l, r.stdout))
	compareRecords(t, normalise(l, got.stderr), normalise(l, r.stderr))
}

// recordedInputs are the inputs that the answers show.
func recordedInputs() map[string]string {
	return map[string]string{
		"25-shell-stdin-cat":    "hello\nworld",
		"25-shell-stdin-bash-s": "echo one\nread -r line\nfor read\necho \"got line $line\"\necho \"args: $*\"\nexit 5\n",
		"25-shell-stdin-noargs": "echo \"tty? $(tty)\"\necho err >&2\n",
	}
}

// compareStdout compares JSON by its shape, an environment without its order, and all else word for word.
func (r recording) compareStdout(t *testing.T, got, want string) {
	t.Helper()
	switch {
	case strings.HasPrefix(want, "{"):
		compareJSON(t, got, want)
		return
	case strings.HasSuffix(r.name, "-env") || strings.HasSuffix(r.name, "-env-assign"):
		got, want = sortLines(got), sortLines(want)
	}
	if got != want {
		t.Errorf("stdout\n%q\nwant\n%q", got, want)
	}
}

func sortLines(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// compareJSON wants the same keys in the same order with values of the same kind, line by line, and the same values
// where they do not depend on the machine.
func compareJSON(t *testing.T, got, want string) {
	t.Helper()
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d lines, want %d:\n%s", len(gotLines), len(wantLines), got)
	}
	for i, line := range wantLines {
		if gotShape, wantShape := shapeOf(t, gotLines[i]), shapeOf(t, line); gotShape != wantShape {
			t.Errorf("line %d\n%s\nwant\n%s", i, gotShape, wantShape)
		}
	}
}

// variable are the parts of list --json that depend on the machine and the moment, or that the templates differ in.
func variable() []string {
	return []string{".hostAgentPID", ".driverPID", ".sshLocalPort", ".config.images", ".config.timezone"}
}

// shapeOf writes an object's keys in their order, with the values that are comparable.
func shapeOf(t *testing.T, line string) string {
	t.Helper()
	if line == "" {
		return ""
	}
	d := json.NewDecoder(strings.NewReader(line))
	var b strings.Builder
	if err := writeShape(&b, d, ""); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	return b.String()
}

func writeShape(b *strings.Builder, d *json.Decoder, path string) error {
	if slices.Contains(variable(), path) {
		var ignored any
		fmt.Fprintf(b, "%s\n", path)
		return d.Decode(&ignored)
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') && token != json.Delim('[') {
		fmt.Fprintf(b, "%s = %T %v\n", path, token, token)
		return nil
	}
	fmt.Fprintf(b, "%s %v\n", path, token)
	for n := 0; d.More(); n++ {
		key := fmt.Sprintf("%s[%d]", path, n)
		if token == json.Delim('{') {
			name, err := d.Token()
			if err != nil {
				return err
			}
			key = fmt.Sprintf("%s.%s", path, name)
		}
		if err := writeShape(b, d, key); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}
