package steps

import (
	"net"
	"strings"
	"testing"

	"github.com/sourcegraph/conc"
)

// TestLooksSideBySide: a look at a port, which has it for a moment, makes no other one think that it is taken.
func TestLooksSideBySide(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if text, _ := taken(port); text == "" {
		t.Error("a port that something listens on is free")
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		var looks conc.WaitGroup
		for range 3 {
			looks.Go(func() {
				if text, _ := taken(port); text != "" {
					t.Errorf("port %d %s", port, text)
				}
			})
		}
		looks.Wait()
	}
}

// TestContested: a port that is free on 127.0.0.1 leads elsewhere where something has ::1.
func TestContested(t *testing.T) {
	other, err := net.Listen("tcp", "[::1]:0")
	if err != nil { // a host without IPv6, where nothing else can be free on 127.0.0.1 and answer
		other, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		t.Fatal(err)
	}
	port := other.Addr().(*net.TCPAddr).Port
	if text, hint := contested(port); text == "" || !strings.HasPrefix(hint, "lsof ") {
		t.Errorf("of a port that something else has it says %q, %q", text, hint)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if text, _ := contested(port); text != "" {
		t.Errorf("of a free port it says %q", text)
	}
}
