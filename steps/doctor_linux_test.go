package steps

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

func TestHolderOf(t *testing.T) {
	listener, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skip("no IPv6 on this host")
	}
	defer listener.Close()
	pid := holderOf(listener.Addr().(*net.TCPAddr).Port)
	if pid != os.Getpid() {
		t.Errorf("a port that this test holds is held by %d, want %d", pid, os.Getpid())
	}
	if got, want := holderName(pid), fmt.Sprintf("(pid %d)", pid); !strings.HasSuffix(got, want) {
		t.Errorf("its name is %q, want %s", got, want)
	}
}

// TestHolderOfAnotherAddress: who listens on another address does not stand in the way.
func TestHolderOfAnotherAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 on this host")
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	if pid := holderOf(port); pid != 0 {
		t.Errorf("a port of ::1 alone is held by %d, want nobody", pid)
	}
	ours, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if pid := holderOf(port); pid != os.Getpid() {
		t.Errorf("a port that this test holds is held by %d, want %d", pid, os.Getpid())
	}
}
