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
	got := holderOf(listener.Addr().(*net.TCPAddr).Port)
	if want := fmt.Sprintf("(pid %d)", os.Getpid()); !strings.HasSuffix(got, want) {
		t.Errorf("a port that this test holds is held by %q, want %s", got, want)
	}
}
