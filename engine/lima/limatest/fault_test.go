package limatest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFaults(t *testing.T) {
	l := newLima(t)
	l.must("create", "--name", "a", "--mount-none", "template:fedora")
	for _, c := range []struct {
		fault  string
		code   int
		stdout string // a part of it
		stderr string // a part of it
	}{
		{"list exit=3", 3, "", "level=fatal"},
		{"list exit-after=4", 4, "a Stopped", "level=fatal"},
		{"list stderr=noise on the line", 0, "a Stopped", "noise on the line\n"},
		{"list garbage", 0, "not what you asked for", ""},
		{"list half", 0, `{"name":"half-a-line"`, ""},
		{"list big", 0, strings.Repeat("a line of much output that means nothing to anybody\n", 2048), ""},
		{"list kill", -1, "", ""},
		{"any exit=5", 5, "", ""},
		{"shell exit=6; list stderr=only this", 0, "a Stopped", "only this"},
		{"# a comment", 0, "a Stopped", ""},
		{"list", 1, "", "LIMATEST_FAULT"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			a := l.with("LIMATEST_FAULT="+c.fault).call("list", "--format", "{{.Name}} {{.Status}}")
			if a.code != c.code || !strings.Contains(a.stdout, c.stdout) || !strings.Contains(a.stderr, c.stderr) {
				t.Errorf("exit %d, stdout %.200q, stderr %q", a.code, a.stdout, a.stderr)
			}
		})
	}
}

func TestFaultCountsFromWhenItIsSeen(t *testing.T) {
	l := newLima(t)
	l.call("list")
	faulty := l.with("LIMATEST_FAULT=list#2 exit=9")
	var codes []int
	for range 3 {
		codes = append(codes, faulty.call("list").code)
		faulty.call("info")
	}
	if codes[0] != 0 || codes[1] != 9 || codes[2] != 0 {
		t.Errorf("exit codes %v", codes)
	}
}

func TestFaultsInAFile(t *testing.T) {
	l := newLima(t)
	if err := os.Mkdir(filepath.Join(l.home, "_limatest"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.home, "_limatest", "faults"), []byte("# two\nlist exit=2\ninfo exit=3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if list, info := l.call("list").code, l.call("info").code; list != 2 || info != 3 {
		t.Errorf("exit codes %d, %d", list, info)
	}
}

func TestHangs(t *testing.T) {
	l := newLima(t)
	for _, fault := range []string{"list hang", "list hang-after"} {
		cmd := l.with("LIMATEST_FAULT="+fault, "LIMATEST_LOG="+filepath.Join(l.dir, "log")).command("list", "-q")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the call is logged", func() bool {
			content, err := os.ReadFile(filepath.Join(l.dir, "log"))
			return err == nil && string(content) == "list -q\n"
		})
		if err := os.Remove(filepath.Join(l.dir, "log")); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("%s: it did not hang: %v", fault, err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: it ended by itself", fault)
		}
	}
}

func TestFaultsOfStart(t *testing.T) {
	l := newGuestLima(t)
	create := func(name string) []string {
		return []string{"--log-level", "warn", "start", "--yes", "--name", name, "--mount-none", "template:fedora"}
	}
	status := func(name string) string { return l.must("list", "--format", "{{.Status}}", name) }
	for _, c := range []struct{ name, fault, stderr, status string }{
		{"a", "start download-fails", "failed to download", "Stopped\n"},
		{"d", "start download-fails=full", "/data.tmp.", "Stopped\n"},
		{"e", "start agent-fails=no such machine", "exiting, status={Running:false Degraded:false Exiting:true Errors:[] ", "Stopped\n"},
		{"f", "start driver-fails=no such disk", "exiting, status={Running:false Degraded:false Exiting:true Errors:[] ", "Stopped\n"},
		{"b", "start degraded", "degraded, status=", "Running\n"},
		{"c", "start timeout", "did not receive an event with the `running` status", "Running\n"},
	} {
		a := l.with("LIMATEST_FAULT=" + c.fault).call(create(c.name)...)
		if a.code != 1 || !strings.Contains(a.stderr, c.stderr) || status(c.name) != c.status {
			t.Errorf("%s: %+v, then %q", c.fault, a, status(c.name))
		}
	}
	for name, record := range map[string]string{
		"e": `"level":"fatal","msg":"no such machine"`,
		"f": `"level":"debug","msg":"qemu[stderr]: no such disk"`,
	} {
		eventually(t, "the agent of "+name+" has said why", func() bool {
			log, err := os.ReadFile(filepath.Join(l.home, name, "ha.stderr.log"))
			return err == nil && strings.Contains(string(log), record)
		})
	}
	l.must("--log-level", "warn", "start", "--yes", "a")
	if got := l.sh("c", "cat /run/lima-boot-done"); !strings.HasPrefix(got, "iid-") {
		t.Errorf("after the timeout: %q", got)
	}
	broken := l.with("LIMATEST_FAULT=list broken=2")
	for i, want := range []string{"Broken\n", "Broken\n", "Running\n"} {
		if got := broken.must("list", "--format", "{{.Status}}", "a"); got != want {
			t.Errorf("call %d: %q, want %q", i, got, want)
		}
	}
}

func TestDroppedConnection(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	for _, c := range []struct{ fault, want string }{
		{"shell drop=7", "one\ntwo"},
		{"shell drop=two", "one\ntwo"},
		{"shell drop=0", ""},
	} {
		a := l.with("LIMATEST_FAULT="+c.fault).call("shell", "--workdir", "/", "a", "sh", "-c",
			"echo one; echo two; echo three; cat; touch /run/user/2201/went-on")
		if a.code != 255 || a.stdout != c.want || !strings.Contains(a.stderr, "Broken pipe") {
			t.Errorf("%s: %+v", c.fault, a)
		}
		eventually(t, "the command goes on", func() bool { return l.call("shell", "a", "rm", "/run/user/2201/went-on").code == 0 })
	}
}

func TestKillAfter(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	// Without pipes: the guest would hold that of stderr for as long as the command runs.
	cmd := l.with("LIMATEST_FAULT=shell kill-after=500ms").command("shell", "a", "sleep", "600")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != -1 {
		t.Errorf("limactl outlived its kill: %v", err)
	}
	eventually(t, "the command goes on", func() bool { return l.call("shell", "a", "pkill", "-x", "sleep").code == 0 })
}

func TestGuestWithoutAgentNeverBoots(t *testing.T) {
	l := newGuestLima(t)
	slow := l.with("LIMATEST_DELAY=boot=1h", "LIMATEST_FAULT=start timeout")
	if a := slow.call("start", "--yes", "--name", recordedName, "--mount-none", "template:fedora"); a.code != 1 {
		t.Fatalf("start: %+v", a)
	}
	killAgent(l)
	if a := l.call("shell", recordedName, "true"); a.code != 255 || !strings.Contains(a.stderr, "kex_exchange_identification: read: Connection reset by peer\n") {
		t.Errorf("shell: %+v", a)
	}
}

func TestWrongTurn(t *testing.T) {
	l := newLima(t)
	forbidden := filepath.Join(l.home, "_limatest", "forbidden")
	for _, args := range [][]string{{"start", "dvm-app"}, {"start", "--yes", "--name", "dvm-app"}, {"create", "dvm-app"}, {"start"}} {
		if a := l.call(args...); a.code != 97 || !strings.Contains(a.stderr, "level=fatal") {
			t.Errorf("%q: %+v", args, a)
		}
	}
	content, err := os.ReadFile(forbidden)
	if want := "start dvm-app\nstart --yes --name dvm-app\ncreate dvm-app\nstart\n"; err != nil || string(content) != want {
		t.Errorf("forbidden: %q, %v", content, err)
	}
	if left := l.must("list", "-q"); left != "" {
		t.Errorf("it created %q", left)
	}
}

func TestSaysThatItIsAStandIn(t *testing.T) {
	l := newLima(t)
	for env, want := range map[string]bool{"LIMATEST_QUIET=": true, "LIMATEST_QUIET=1": false, "LIMATEST_LOG=/dev/null": false} {
		a := l.with("LIMATEST_QUIET=", env).call("start", "nosuch")
		if got := strings.Contains(a.stderr, "stand-in for limactl"); got != want {
			t.Errorf("with %s: %q", env, a.stderr)
		}
	}
	if help := l.must("--help"); !strings.Contains(help, "without isolation") {
		t.Errorf("help: %q", help)
	}
}

func TestRefusesRootWhenTold(t *testing.T) {
	want := answer{0, "limactl version 2.2.0\n", ""}
	if os.Geteuid() == 0 {
		want = answer{1, "", "limactl: must not run as the root user\n"}
	}
	if a := newLima(t).with("LIMATEST_REFUSE_ROOT=1").call("--version"); a != want {
		t.Errorf("%+v", a)
	}
}

func TestCallLog(t *testing.T) {
	l := newLima(t)
	log := filepath.Join(l.dir, "log")
	logged := l.with("LIMATEST_LOG=" + log)
	logged.call("--log-level", "warn", "list", "--json", "dvm-app")
	logged.call("shell", "a", "echo", "two words", "it's", "")
	content, err := os.ReadFile(log)
	if want := "--log-level warn list --json dvm-app\nshell a echo 'two words' it\\'s ''\n"; err != nil || string(content) != want {
		t.Errorf("log %q, %v", content, err)
	}
}
