package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dvm/engine/lima/limatest"
)

var (
	planSeed   = flag.Uint64("plan.seed", 1, "first seed of TestPlanIsTheRun")
	planRounds = flag.Int("plan.rounds", 10, "starting states that TestPlanIsTheRun makes")
)

// mischief are shell commands that spoil something in a guest, as root; $u is a user whom dvm may have made.
var mischief = []string{
	`userdel -f $u`,
	`userdel -f -r $u`,
	`chmod 0700 /home/$u`,
	`chown daemon /home/$u`,
	`usermod --home /srv/$u $u`,
	`usermod --shell /usr/sbin/nologin $u`,
	`rm -rf /home/$u`,
	`rm -rf /home/$u/code`,
	`chmod 0700 /home/$u/code`,
	`chmod 0777 /home/$u/code/app`,
	`chown daemon: /home/$u/code/app`,
	`mkdir -p /home/$u/code/app && chown -R "$(($(getent passwd | awk -F: '$3 >= 1000 && $3 < 60000 {n = $3 > n ? $3 : n} END {print n}') + 1))" /home/$u/code`,
	`groupadd -f -r dvm-sudo && gpasswd -a $u dvm-sudo`,
	`gpasswd -d $u dvm-sudo`,
	`usermod --add-subuids 700000-765535 $u`,
	`sed -i "/^$u:/d" /etc/subuid`,
	`sed -i "/^$u:/d" /etc/subgid`,
	`rm -f /etc/subgid`,
	`echo "$(id -u $u || echo 2202):800000:65536" >>/etc/subuid`,
	`echo games:524288:65536 >>/etc/subuid`,
	`rm -rf /var/lib/dvm/setup`,
	`for stamp in /var/lib/dvm/setup/*; do echo other >"$stamp"; break; done`,
	`git config --system --remove-section user`,
	`rm -f /home/$u/.ssh/id_ed25519*`,
}

// choices are the values that each variable may have.
var choices = []struct {
	name   string
	values []string
}{
	{"DVM_USER", []string{"", "ann"}},
	{"DVM_SUDO", []string{"", "1"}},
	{"DVM_SUBUID_COUNT", []string{"", "0", "100000"}},
	{"DVM_SUBGID_COUNT", []string{"", "0"}},
	{"DVM_PACKAGES", []string{"", "ripgrep", "ripgrep git"}},
	{"DVM_SETUP", []string{"", "./a.sh", "./a.sh,./b.sh", "git,./b.sh", "ssh-key,git"}},
	{"DVM_GIT_NAME", []string{"", "Ann", "Bob"}},
	{"DVM_PORTS", []string{"", "none", "43117:43117", "43117:43117 43118:43119", "43120:43121"}},
	{"DVM_PORTS_ONLY", []string{"", "", "0", "1"}},
	{"DVM_CPUS", []string{"", "2", "3"}},
	{"DVM_DISK", []string{"", "", "30", "31"}},
	{"DVM_RESTART", []string{"", "1"}},
	{"DVM_RESIZE", []string{"", "1"}},
	{"DVM_FORCE", []string{"", "", "", "1"}},
}

// TestPlanIsTheRun makes random starting states, and holds what the plan says of each against what the sync then does.
func TestPlanIsTheRun(t *testing.T) {
	if err := limatest.Supported(); err != nil || os.Getenv(realLimactl) != "" {
		t.Skipf("the stand-in's guest is needed: %v", err)
	}
	w := newWorld(t)
	stubs, err := os.ReadFile(filepath.Join("testdata", "guest", "stubs.sh"))
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	w.vars = []string{"DVM_SETUP=./a.sh", "DVM_SUBGID_COUNT=0"}
	w.compare("a new VM", w.sync("DVM_DRY_RUN=1"), w.sync(), told)
	w.guest(placeStubs, stubs)
	for round := range *planRounds {
		seed := *planSeed + uint64(round)
		story := fmt.Sprintf("seed %d: %s", seed, w.disturb(rand.New(rand.NewPCG(seed, 0))))
		before := w.state()
		plan := w.sync("DVM_DRY_RUN=1")
		if after := w.state(); after != before {
			t.Fatalf("%s\nthe plan changed something", story)
		}
		w.compare(story, plan, w.sync(), told)
	}
	if told["ok"] < *planRounds || told["change"] < *planRounds {
		t.Errorf("the plans said too little to be of use: %v", told)
	}
	t.Logf("the plans said %v", told)
}

// compare holds a plan against the run that followed it, up to the first step that failed.
func (w *world) compare(story string, plan, run []told, count map[string]int) {
	w.t.Helper()
	if len(plan) != len(run) {
		w.t.Fatalf("%s\n%d steps are planned, and %d were run", story, len(plan), len(run))
	}
	certain := true
	for i, step := range plan {
		did := run[i]
		count[step.State]++
		kept := map[string]bool{
			"ok":      did.State == "ok",
			"change":  did.State == "changed" || did.State == "failed",
			"unknown": !certain && did.State != "not_run",
			"failed":  did.State == "failed",
			"not_run": did.State == "not_run",
		}[step.State]
		if !kept || step.Step != did.Step {
			w.t.Errorf("%s\nplanned %+v\nrun %+v", story, step, did)
		}
		certain = certain && step.State == "ok"
		if did.State == "failed" {
			return
		}
	}
}

// world is a host with one VM.
type world struct {
	t    *testing.T
	dir  string
	env  []string
	vars []string
}

func newWorld(t *testing.T) *world {
	home, err := os.MkdirTemp("", "lima")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: t.TempDir()}
	t.Cleanup(func() {
		limatest.StopAll(home)
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	for _, name := range []string{"a.sh", "b.sh"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte("echo "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(os.Environ(), "LIMA_HOME="+home, "LIMATEST_QUIET=1", "XDG_STATE_HOME="+filepath.Join(w.dir, "state"),
		"DVM_OUTPUT=json", "GORACE=atexit_sleep_ms=10")
	return w
}

// told is one object of dvm's.
type told struct{ Step, State, Reason, From, To, Error string }

// sync runs dvm app, and gives the last that it said of each step, in order.
func (w *world) sync(vars ...string) (steps []told) {
	w.t.Helper()
	cmd := exec.Command("dvm", "app")
	cmd.Dir = w.dir
	cmd.Env = append(append(append([]string{}, w.env...), w.vars...), vars...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		w.t.Fatalf("dvm app: %v\n%s", err, &stderr)
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	for decoder.More() {
		var event told
		if err := decoder.Decode(&event); err != nil {
			w.t.Fatal(err)
		}
		switch event.State {
		case "ok", "changed", "change", "unknown", "failed", "not_run":
			steps = append(steps, event)
		}
	}
	if len(steps) == 0 {
		w.t.Fatalf("dvm app said nothing of steps\n%s%s", out, &stderr)
	}
	return steps
}

// guest runs a script as root in the VM.
func (w *world) guest(script string, stdin []byte) string {
	w.t.Helper()
	cmd := exec.Command("limactl", "shell", "--workdir", "/", "dvm-app", "sudo", "-n", "bash", "-c", script)
	cmd.Env, cmd.Stdin = w.env, bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("in the guest: %s: %v\n%s", script, err, out)
	}
	return string(out)
}

// disturb brings the VM into a random state, and chooses what is asked for next.
func (w *world) disturb(random *rand.Rand) (story string) {
	var did []string
	for range random.IntN(4) {
		user := []string{"developer", "ann"}[random.IntN(2)]
		command := "u=" + user + "; " + mischief[random.IntN(len(mischief))]
		w.guest("("+command+") >/dev/null 2>&1 || true", nil)
		did = append(did, command)
	}
	w.vars = nil
	for _, choice := range choices {
		w.vars = append(w.vars, choice.name+"="+choice.values[random.IntN(len(choice.values))])
	}
	for _, words := range [][]string{{"stop", "dvm-app"}, {"start", "--yes", "--cpus", "4", "dvm-app"}} {
		if random.IntN(6) == 0 {
			cmd := exec.Command("limactl", words...)
			cmd.Env = w.env
			if out, err := cmd.CombinedOutput(); err != nil {
				w.t.Fatalf("%s: %v\n%s", words, err, out)
			}
			did = append(did, strings.Join(words, " "))
		}
	}
	return fmt.Sprintf("after %q with %s", did, strings.Join(w.vars, " "))
}

// state is what there is in the guest, where it runs, and on the host.
func (w *world) state() string {
	w.t.Helper()
	const look = `find "$@" -xdev -printf "%p %m %u %T@ %C@\n" 2>/dev/null | sort | sha256sum`
	host, err := exec.Command("sh", "-c", look, "sh", filepath.Join(w.dir, "state")).Output()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command("limactl", "list", "--format", "{{.Status}}", "dvm-app")
	cmd.Env = w.env
	status, err := cmd.Output()
	if err != nil {
		w.t.Fatal(err)
	}
	if strings.TrimSpace(string(status)) != "Running" {
		return string(host) + string(status)
	}
	return string(host) + w.guest(strings.ReplaceAll(look, `"$@"`, "/etc /home /var/lib/dvm /srv"), nil)
}
