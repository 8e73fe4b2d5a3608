//go:build linux

package limatest_test

import (
	"io"
	"strings"
	"testing"

	"github.com/creack/pty"
)

func TestTerminal(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	cmd := l.with("TERM=xterm").command("shell", "--workdir", "/", "a", "sh", "-c",
		`tty; stty size; echo "$TERM"; echo err >&2; read -r line; echo "<$line>"; stty size; exit 6`)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	const before = "/dev/pts/0\r\n30 100\r\nxterm\r\nerr\r\n"
	got := make([]byte, len(before))
	if _, err := io.ReadFull(terminal, got); err != nil || string(got) != before {
		t.Fatalf("%q, %v", got, err)
	}
	if err := pty.Setsize(terminal, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the guest's terminal has the new size", func() bool {
		return strings.Contains(l.sh("a", "stty size </dev/pts/0 2>/dev/null || sudo stty -F /dev/pts/0 size"), "40 120")
	})
	if _, err := io.WriteString(terminal, "typed\r"); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(terminal) // it ends in an error, as terminals do
	if want := "typed\r\n<typed>\r\n40 120\r\n"; string(rest) != want {
		t.Errorf("%q, want %q", rest, want)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 6 {
		t.Errorf("%v", err)
	}
}

// TestTerminalHangsUp wants a command that has a terminal to end with limactl.
func TestTerminalHangsUp(t *testing.T) {
	l := newGuestLima(t)
	l.boot("a")
	cmd := l.command("shell", "--workdir", "/", "a", "sh", "-c", "echo begun; sleep 600")
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	if _, err := io.ReadFull(terminal, make([]byte, len("begun"))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("limactl outlived its kill")
	}
	eventually(t, "the command ends", func() bool { return l.call("shell", "a", "pgrep", "-x", "sleep").code == 1 })
}
