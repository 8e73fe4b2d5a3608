package limatest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOverrideMountsDespiteMountNone(t *testing.T) {
	l := newLima(t)
	l.must("create", "--name", "a", "--mount-none", "template:fedora")
	l.must("create", "--name", "b", "template:fedora")
	config := filepath.Join(l.home, "_config")
	if err := os.WriteFile(filepath.Join(config, "override.yaml"), []byte("mounts:\n- location: /srv\n  writable: true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mounts := func(name string) string {
		var shown struct {
			Config struct{ Mounts json.RawMessage }
		}
		if err := json.Unmarshal([]byte(l.must("list", "--json", name)), &shown); err != nil {
			t.Fatal(err)
		}
		return string(shown.Config.Mounts)
	}
	if got, want := mounts("a"), `[{"location":"/srv","mountPoint":"/srv","writable":true}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := mounts("b"); !strings.Contains(got, filepath.Dir(l.home)) {
		t.Errorf("without --mount-none: %s", got)
	}
}

func TestSetIsEvaluatedBeforePortForward(t *testing.T) {
	l := newLima(t)
	l.must("create", "--name", "a", "--port-forward", "3000:3000", "--set", `.portForwards += [{"guestIP":"0.0.0.0","guestIPMustBeZero":false,"ignore":true}]`, "template:fedora")
	got := l.must("list", "--yq", ".config.portForwards | map(.guestPortRange[1])", "a")
	if got != "[65535,3000]\n" {
		t.Errorf("rules in the order %s", got)
	}
	for _, expr := range []string{`.message = env(HOME)`, `.message = load("/etc/passwd")`} {
		if a := l.call("create", "--name", "b", "--set", expr, "template:fedora"); a.code != 1 {
			t.Errorf("%s was let pass: %+v", expr, a)
		}
	}
}

func TestRejectedYAML(t *testing.T) {
	l := newLima(t)
	l.must("create", "--name", "a", "--disk", "10", "template:fedora")
	a := l.call("edit", "--tty=false", "--disk", "5", "a")
	if a.code != 1 || !strings.Contains(a.stderr, "shrinking the disk (10GiB --> 5GiB)") {
		t.Errorf("%+v", a)
	}
	content, err := os.ReadFile(filepath.Join(l.dir, "lima.REJECTED.yaml"))
	if err != nil || !strings.Contains(string(content), "disk: 5GiB") {
		t.Errorf("%q, %v", content, err)
	}
	l.must("edit", "--disk", "12", "--set", `.portForwards = [{"guestPort": 80, "hostPort": 8080}]`, "a")
	if got := l.must("list", "--yq", `.config.disk + " " + (.config.portForwards[0].hostPort | tostring)`, "a"); got != "12GiB 8080\n" {
		t.Errorf("after the edit: %q", got)
	}
}

// TestLongJSONEndsTheList wants Lima's own limit of 64 KiB a line.
func TestLongJSONEndsTheList(t *testing.T) {
	l := newLima(t)
	l.must("create", "--name", "a", "template:fedora")
	l.must("create", "--name", "z", "template:fedora")
	f, err := os.OpenFile(filepath.Join(l.home, "a", "lima.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("message: " + strings.Repeat("x", 64<<10) + "\n"); err != nil {
		t.Fatal(err)
	}
	if a := l.call("list", "--json"); a.code != 1 || a.stdout != "" || !strings.Contains(a.stderr, "bufio.Scanner: token too long") {
		t.Errorf("exit %d, %d bytes, %q", a.code, len(a.stdout), a.stderr)
	}
	l.must("list", "--json", "z")
}

func TestNames(t *testing.T) {
	l := newLima(t)
	for name, want := range map[string]string{
		"a..b":                  "must match ^[A-Za-z0-9]+",
		"-a":                    "must match ^[A-Za-z0-9]+",
		"x.yaml":                "must not end with .yml or .yaml suffix",
		strings.Repeat("x", 77): "greater than maximum length (76 characters)",
	} {
		if a := l.call("create", "--name="+name, "template:fedora"); a.code != 1 || !strings.Contains(a.stderr, want) {
			t.Errorf("%q: %+v", name, a)
		}
	}
	deep := l.with("LIMA_HOME=" + filepath.Join(l.home, strings.Repeat("d", 60)))
	if a := deep.call("create", "--name", strings.Repeat("x", 40), "template:fedora"); a.code != 1 || !strings.Contains(a.stderr, "must be less than UNIX_PATH_MAX=10") {
		t.Errorf("a long path: %+v", a)
	}
}

func TestProtected(t *testing.T) {
	l := newLima(t)
	l.must("create", "--name", "a", "template:fedora")
	l.must("protect", "a")
	if a := l.call("delete", "--force", "a"); a.code != 1 || !strings.Contains(a.stderr, "instance is protected") {
		t.Errorf("%+v", a)
	}
	l.must("unprotect", "a")
	l.must("delete", "a")
}

func TestGlobalFlagsStandAnywhereButInShell(t *testing.T) {
	l := newLima(t)
	for _, args := range [][]string{{"--log-level", "error", "list"}, {"list", "--log-level", "error"}, {"--log-level=error", "--yes", "ls", "-q"}} {
		if a := l.call(args...); a != (answer{}) {
			t.Errorf("%q: %+v", args, a)
		}
	}
	a := l.call("list", "--log-format", "json")
	var record map[string]string
	if err := json.Unmarshal([]byte(a.stderr), &record); err != nil || record["level"] != "warning" || record["msg"] == "" {
		t.Errorf("a JSON record: %q, %v", a.stderr, err)
	}
	for args, want := range map[string]string{
		"--log-level bogus list":  `not a valid logrus Level: \"bogus\"`,
		"--log-format xml list":   "unsupported log-format: `xml`",
		"--tty=false --yes list":  "cannot use both --tty and --yes flags at the same time",
		"nosuch":                  `unknown command \"nosuch\" for \"limactl\"`,
		"list --json --format x":  "option --json conflicts with option --format",
		"shell --log-level x a b": "not a valid logrus Level",
		"shell a --log-level x":   "instance `a` does not exist",
	} {
		if a := l.call(strings.Fields(args)...); a.code != 1 || !strings.Contains(a.stderr, want) {
			t.Errorf("%s: %+v, want %s", args, a, want)
		}
	}
}
