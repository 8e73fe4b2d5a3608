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
