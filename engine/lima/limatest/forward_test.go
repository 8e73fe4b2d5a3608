package limatest_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// freePort is a port of this host on which nothing listens.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// answers tells what a port of this host says, and "" of one where nobody listens.
func answers(port int) string {
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return ""
	}
	defer conn.Close()
	said := make([]byte, 100)
	n, _ := conn.Read(said)
	return string(said[:n])
}

// greet has something in the guest answer on a port with its number.
func greet(t *testing.T, l *lima, name, address string, port int) {
	t.Helper()
	if _, err := exec.LookPath("perl"); err != nil {
		t.Skip("no perl on this host")
	}
	l.sh(name, fmt.Sprintf(`perl -MIO::Socket::INET -e '
		my $server = IO::Socket::INET->new(LocalAddr => %q, LocalPort => %d, Listen => 5, ReuseAddr => 1) or die $!;
		exit if fork;
		close $_ for *STDIN, *STDOUT, *STDERR;
		while (my $client = $server->accept) { print $client %[2]d; close $client }'`, address, port))
}

// TestMaster drives ssh.sock with ssh itself.
func TestMaster(t *testing.T) {
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("no ssh on this host")
	}
	l := newGuestLima(t)
	l.boot("a")
	host, guest := freePort(t), freePort(t)
	greet(t, l, "a", "127.0.0.1", guest)
	ssh := func(operation string, port int) (string, error) {
		args := []string{"-F", filepath.Join(l.home, "a", "ssh.config"), "-O", operation}
		if port > 0 {
			args = append(args, "-L", fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", port, guest))
		}
		cmd := exec.CommandContext(t.Context(), "ssh", append(args, "lima-a")...)
		cmd.Env = l.env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if said, err := ssh("check", 0); err != nil || !strings.Contains(said, "Master running") {
		t.Errorf("check: %v: %s", err, said)
	}
	for range 2 { // what is forwarded already is no error
		if said, err := ssh("forward", host); err != nil {
			t.Fatalf("forward: %v: %s", err, said)
		}
	}
	if got := answers(host); got != strconv.Itoa(guest) {
		t.Errorf("the host's port answers %q", got)
	}
	if said, err := ssh("forward", guest); err == nil || !strings.Contains(said, "Port forwarding failed") {
		t.Errorf("forward a taken port: %v: %s", err, said)
	}
	if said, err := ssh("cancel", host); err != nil || answers(host) != "" {
		t.Errorf("cancel: %v: %s", err, said)
	}
	l.must("stop", "a")
	if _, err := os.Stat(filepath.Join(l.home, "a", "ssh.sock")); err == nil {
		t.Error("ssh.sock outlives the instance")
	}
}

// TestOwnNetwork wants of a guest with a network of its own what Lima makes of one.
func TestOwnNetwork(t *testing.T) {
	l := newGuestLima(t).with("LIMATEST_NET=own")
	host, guest, same, taken := freePort(t), freePort(t), freePort(t), freePort(t)
	l.must("--log-level", "warn", "start", "--yes", "--name", "a", "--mount-none", "--port-forward", fmt.Sprintf("%d:%d", host, guest), "template:fedora")
	busy, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(taken)))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, port := range []int{guest, same, taken} {
		greet(t, l, "a", "127.0.0.1", port)
	}
	eventually(t, "the pair is forwarded", func() bool { return answers(host) == strconv.Itoa(guest) })
	eventually(t, "a listener is forwarded to the same port", func() bool { return answers(same) == strconv.Itoa(same) })
	eventually(t, "a taken port is logged", func() bool {
		log, err := os.ReadFile(filepath.Join(l.home, "a", "ha.stderr.log"))
		return err == nil && strings.Contains(string(log), fmt.Sprintf("failed to listen tcp: 127.0.0.1:%d", taken))
	})
	l.sh("a", "pkill perl")
	eventually(t, "a forward ends with the listener", func() bool { return answers(host) == "" && answers(same) == "" })
}
