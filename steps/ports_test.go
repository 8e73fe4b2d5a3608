package steps

import (
	"net"
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
