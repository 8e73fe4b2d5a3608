package limatest_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"dvm/engine/lima/limatest"
)

func TestSupportedSaysTheSameAtOnce(t *testing.T) {
	const probes = 8
	answers := make(chan error, probes)
	for range probes {
		go func() { answers <- limatest.Supported() }()
	}
	first := <-answers
	for range probes - 1 {
		if again := <-answers; fmt.Sprint(again) != fmt.Sprint(first) {
			t.Errorf("first %v, then %v", first, again)
		}
	}
}

func TestDiskIsKeptOverStopAndDiesWithDelete(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	l.sh("a", "sudo useradd -m dev; sudo mkdir /var/lib/dvm; sudo sh -c 'echo kept > /var/lib/dvm/x'; test ! -e /tmp/x; touch /tmp/x")
	for _, path := range []string{"/var/lib/dvm/x", "/home/dev"} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s appeared on the host", path)
		}
	}
	l.must("stop", "a")
	l.must("start", "--yes", "a")
	if got := l.sh("a", "id -un dev; cat /var/lib/dvm/x; ls /tmp; cat /etc/subuid"); got != "dev\nkept\nme:100000:65536\ndev:165536:65536\n" {
		t.Errorf("after the second boot: %q", got)
	}
	l.must("delete", "--force", "a")
	l.boot("a")
	if a := l.call("shell", "a", "sh", "-c", "id dev || ls /var/lib/dvm"); a.code == 0 {
		t.Errorf("a new instance has the old one's disk: %+v", a)
	}
}

func TestSessionsShareOneMount(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	l.sh("a", "sudo mount -t tmpfs none /mnt; sudo touch /mnt/seen; sudo touch /run/seen-too")
	if got := l.sh("a", "ls /mnt; ls /run/seen-too"); got != "seen\n/run/seen-too\n" {
		t.Errorf("another session sees %q", got)
	}
}

func TestInstancesAreSeparate(t *testing.T) {
	l := newGuestLima(t)
	l.must("create", "--name", "first", "--mount-none", "template:fedora") // makes the key: two at once can't
	names := []string{"a", "b", "c"}
	done := make(chan answer)
	for _, name := range names {
		go func() {
			done <- l.call("--log-level", "warn", "start", "--yes", "--name", name, "--mount-none", "template:fedora")
		}()
	}
	for range names {
		if a := <-done; a != (answer{}) {
			t.Errorf("start: %+v", a)
		}
	}
	l.sh("a", "sudo useradd -m dev")
	for _, name := range names[1:] {
		if a := l.call("shell", name, "id", "dev"); a.code == 0 {
			t.Errorf("%s has a's user", name)
		}
	}
	if got := l.sh("b", "hostname; ls /proc | grep -c '^[0-9]'"); !strings.HasPrefix(got, "lima-b\n") {
		t.Errorf("in b: %q", got)
	}
}

func TestAccount(t *testing.T) {
	l := newGuestLima(t).with("LIMATEST_USER=ann:1234", "LIMATEST_SUBID=524288:1073741824")
	l.boot("a")
	const want = `uid=1234(ann) gid=1234(ann) groups=1234(ann)
ann:x:1234:1234::/home/ann.guest:/bin/bash
700 ann /home/ann.guest
ann:524288:1073741824
ann:524288:1073741824
700 ann /run/user/1234
`
	script := `id; grep ^ann: /etc/passwd; stat -c '%a %U %n' $HOME; cat /etc/subuid /etc/subgid
stat -c '%a %U %n' $XDG_RUNTIME_DIR; test -e /run/lima-boot-done; test ! -e /var/lib/dvm`
	if got := l.sh("a", script); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := l.sh("a", "sudo cat /etc/sudoers.d/90-cloud-init-users | tail -1"); got != "ann ALL=(ALL) NOPASSWD:ALL\n" {
		t.Errorf("sudoers: %q", got)
	}
}

func TestStreams(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	data := strings.Repeat("\x00\xff\r\n binary \x1b[", 1<<18)
	a := l.feed(data, "shell", "--workdir", "/", "a", "sh", "-c", "cat; echo told >&2; exit 3")
	if a.code != 3 || a.stdout != data || a.stderr != "told\n" {
		t.Errorf("exit %d, %d of %d bytes, stderr %q", a.code, len(a.stdout), len(data), a.stderr)
	}
	sum := l.feed(data, "shell", "a", "sha256sum")
	if want := fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(data))); sum.stdout != want {
		t.Errorf("sha256sum: %q, want %q", sum.stdout, want)
	}
}

func TestArgumentsReachTheGuestAsTheyAre(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	words := []string{"two words", "single'quote", "$HOME", "`id`", "$(id)", "new\nline", "", "*", "~", "a;b", "ünïcödé", "a=b", `\`}
	got := l.must(append([]string{"shell", "a", "printf", `%s\0`}, words...)...)
	if want := strings.Join(words, "\x00") + "\x00"; got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got := l.must("shell", "a", "FOO=b a r", "printenv", "FOO"); got != "b a r\n" {
		t.Errorf("an assignment: %q", got)
	}
	l.call("shell", "a", "A$(touch /tmp/ran)=1", "env")
	if a := l.call("shell", "a", "test", "-e", "/tmp/ran"); a.code != 0 {
		t.Error("the left side of an assignment was not left to the shell")
	}
}

// TestKilledLimactl wants the command to run on with its input at its end and its output dropped.
func TestKilledLimactl(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	cmd := l.command("shell", "--workdir", "/", "a", "sh", "-c",
		"echo begun; cat >/dev/null; echo lost; echo lost >&2; touch /run/user/2201/went-on; exec sleep 600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	held, stderr, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.Close()
	if _, err := io.ReadFull(stdout, make([]byte, len("begun\n"))); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("limactl outlived its kill")
	}
	eventually(t, "the command goes on", func() bool {
		return l.call("shell", "a", "test", "-e", "/run/user/2201/went-on").code == 0
	})
	closed := make(chan []byte)
	go func() {
		said, _ := io.ReadAll(held)
		closed <- said
	}()
	select {
	case said := <-closed:
		t.Errorf("stderr was let go before the command ended: %q", said)
	default:
	}
	l.sh("a", "pkill -x sleep")
	if said := <-closed; len(said) > 0 {
		t.Errorf("after limactl was gone stderr got %q", said)
	}
}

func TestClosedStdoutEndsTheCommand(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	cmd := l.command("shell", "--workdir", "/", "a", "yes")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 255 {
		t.Errorf("a command killed by its pipe: %v", err)
	}
	if a := l.call("shell", "a", "pgrep", "-x", "yes"); a.code == 0 {
		t.Errorf("yes runs on: %+v", a)
	}
}

func TestShellWaitsForTheBoot(t *testing.T) {
	l := newGuestLima(t)
	slow := l.with("LIMATEST_DELAY=boot=300ms,boot-done=3s")
	if a := slow.call("start", "--yes", "--name", "a", "--timeout", "1ms", "--mount-none", "template:fedora"); a.code != 1 ||
		!strings.Contains(a.stderr, "did not receive an event with the `running` status") {
		t.Fatalf("start that times out: %+v", a)
	}
	if a := l.call("--log-level", "warn", "start", "--yes", "a"); a != (answer{}) {
		t.Errorf("start of one that boots: %+v", a)
	}
	if a := l.call("shell", "a", "test", "!", "-e", "/run/lima-boot-done"); a.code != 0 {
		t.Errorf("a guest that has just answered has booted: %+v", a)
	}
	eventually(t, "the boot is done", func() bool { return l.call("shell", "a", "test", "-e", "/run/lima-boot-done").code == 0 })
}

func TestSudo(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	l.sh("a", "sudo useradd -m dev; sudo groupadd wheelie; sudo useradd -m -G wheelie boss")
	sudoers := func(name, mode, text string) string {
		return fmt.Sprintf("sudo sh -c 'echo \"%s\" > /etc/sudoers.d/%s; chmod %s /etc/sudoers.d/%s'; ", text, name, mode, name)
	}
	for _, c := range []struct {
		name, script, want string
		code               int
	}{
		{"root", "sudo -n id -un", "root\n", 0},
		{"home", "sudo -n -Hu dev sh -c 'echo $HOME $USER $SUDO_USER $SUDO_UID $PATH'", "/home/dev dev me 2201 /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n", 0},
		{"login", "sudo -iu dev pwd", "/home/dev\n", 0},
		{"words", "sudo -- A='b c' sh -c 'echo \"$A\"'", "b c\n", 0},
		{"quoted login words", "sudo -iu dev printf '%s|' 'a b' '$HOME;id'", "a b|/home/dev;id|", 0},
		{"environment is reset", "X=1 sudo sh -c 'echo \"[$X]\"'", "[]\n", 0},
		{"no -E", "sudo -E true", "", 1},
		{"exit code", "sudo sh -c 'exit 42'", "", 42},
		{"not allowed", "sudo -u dev sudo -n true", "", 1},
		{"group rule", sudoers("wheelie", "440", "%wheelie ALL=(ALL:ALL) NOPASSWD: ALL") + "sudo -u boss sudo -n id -un", "root\n", 0},
		{"file that others may write", sudoers("dev", "666", "dev ALL=(ALL) NOPASSWD:ALL") + "sudo -u dev sudo -n true", "", 1},
		{"file with a dot", sudoers("dev.off", "440", "dev ALL=(ALL) NOPASSWD:ALL") + "sudo -u dev sudo -n true", "", 1},
		{"user rule", sudoers("dev", "440", "dev ALL=(ALL) NOPASSWD:ALL") + "sudo -u dev sudo -n id -un", "root\n", 0},
		{"same process group", "ps -o pgid= $$; sudo ps -o pgid= $$ >/dev/null; sudo sh -c 'ps -o pgid= $$'", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := l.call("shell", "--workdir", "/", "a", "bash", "-c", c.script)
			if a.code != c.code {
				t.Errorf("exit %d, want %d: %s", a.code, c.code, a.stderr)
			}
			if lines := strings.Fields(a.stdout); c.name == "same process group" && lines[0] != lines[1] {
				t.Errorf("groups %q", lines)
			} else if c.name != "same process group" && a.stdout != c.want {
				t.Errorf("stdout %q, want %q", a.stdout, c.want)
			}
		})
	}
}

func TestSudoIsCounted(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	l.sh("a", "sudo -n true; sudo -u me sh -c 'a b'' c' || true")
	content, err := os.ReadFile(filepath.Join(l.home, "a", "sudo.log"))
	if err != nil {
		t.Fatal(err)
	}
	var calls [][]string
	for line := range strings.Lines(string(content)) {
		var words []string
		if err := json.Unmarshal([]byte(line), &words); err != nil {
			t.Fatal(err)
		}
		calls = append(calls, words)
	}
	if got := fmt.Sprintf("%q", calls); got != `[["-n" "true"] ["-u" "me" "sh" "-c" "a b c"]]` {
		t.Errorf("calls %s", got)
	}
}

func TestKilledProcesses(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	pidOf := func(file string) int {
		content, err := os.ReadFile(filepath.Join(l.home, "a", file))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	status := func() string { return l.must("list", "--format", "{{.Status}}", "a") }
	kill := func(file, want string) {
		if err := syscall.Kill(pidOf(file), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, file+" killed: "+want, func() bool { return status() == want+"\n" })
	}
	kill("ha.pid", "Broken")
	if got := l.call("shell", "a", "echo", "alive"); got.code != 0 || got.stdout != "alive\n" {
		t.Errorf("shell in a guest without its host agent: %+v", got)
	}
	l.must("stop", "--force", "a")
	l.must("start", "--yes", "a")
	kill("qemu.pid", "Stopped")
	l.must("start", "--yes", "a")
	l.must("delete", "--force", "a")
	left, err := os.ReadDir(l.home)
	if err != nil || len(left) != 1 || left[0].Name() != "_config" {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestClone(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	l.sh("a", "sudo useradd -m dev")
	l.must("stop", "a")
	l.must("protect", "a")
	l.must("--log-level", "warn", "clone", "a", "b", "--tty=false", "--cpus", "1", "--start")
	if got := l.sh("b", "hostname; sudo -u dev id -un"); got != "lima-b\ndev\n" {
		t.Errorf("in the clone: %q", got)
	}
	if got := l.must("list", "--format", "{{.Name}} {{.Status}} {{.CPUs}} {{.Protected}}"); got != "a Stopped 2 true\nb Running 1 false\n" {
		t.Errorf("list: %q", got)
	}
}
