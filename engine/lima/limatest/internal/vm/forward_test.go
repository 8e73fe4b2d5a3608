package vm

import (
	"testing"

	"dvm/engine/lima/limatest/internal/limayaml"
)

// TestForwarded holds the rules against what Lima 2.2 does with them.
func TestForwarded(t *testing.T) {
	pair := limayaml.PortForward{GuestIP: "127.0.0.1", GuestPortRange: [2]int{3000, 3000}, HostIP: "127.0.0.1", HostPortRange: [2]int{8000, 8000}}
	all := limayaml.PortForward{GuestIP: "127.0.0.1", GuestPortRange: [2]int{1, 65535}, HostPortRange: [2]int{1, 65535}, Ignore: true}
	everywhere := all
	everywhere.GuestIP = "0.0.0.0"
	zero := everywhere
	zero.GuestIPMustBeZero = new(true)
	type rules = []limayaml.PortForward
	for _, c := range []struct {
		name  string
		rules rules
		guest address
		want  string // empty: nowhere
		port  int
	}{
		{"Lima's own rule", nil, address{"127.0.0.1", 5000}, "127.0.0.1", 5000},
		{"a listener on every address", nil, address{"0.0.0.0", 5000}, "127.0.0.1", 5000},
		{"one on every address of IPv6", nil, address{"::", 5000}, "127.0.0.1", 5000},
		{"one on IPv6's loopback", nil, address{"::1", 5000}, "127.0.0.1", 5000},
		{"one on another address", nil, address{"192.168.5.15", 5000}, "", 0},
		{"ssh", nil, address{"0.0.0.0", 22}, "", 0},
		{"the port of ssh on the host", nil, address{"127.0.0.1", 60022}, "", 0},
		{"a pair", rules{pair}, address{"127.0.0.1", 3000}, "127.0.0.1", 8000},
		{"not of a pair", rules{pair}, address{"127.0.0.1", 3001}, "127.0.0.1", 3001},
		{"the first of two", rules{pair, {GuestIP: "127.0.0.1", GuestPortRange: [2]int{3000, 3000}, HostPortRange: [2]int{9000, 9000}}}, address{"127.0.0.1", 3000}, "127.0.0.1", 8000},
		{"ignored", rules{all}, address{"127.0.0.1", 5000}, "", 0},
		{"ignored on loopback alone", rules{all}, address{"0.0.0.0", 5000}, "127.0.0.1", 5000},
		{"ignored on every address", rules{everywhere}, address{"0.0.0.0", 5000}, "", 0},
		{"ignored on every address, on loopback", rules{everywhere}, address{"127.0.0.1", 5000}, "", 0},
		{"ignored where it listens on every address, on loopback", rules{zero}, address{"127.0.0.1", 5000}, "127.0.0.1", 5000},
		{"a pair before what is ignored", rules{pair, everywhere}, address{"0.0.0.0", 3000}, "127.0.0.1", 8000},
		{"a pair behind what is ignored", rules{everywhere, pair}, address{"0.0.0.0", 3000}, "", 0},
	} {
		got, ok := forwarded(c.rules, c.guest, 60022)
		if ok != (c.want != "") || got != (address{c.want, c.port}) {
			t.Errorf("%s: %+v %v, want %q %d", c.name, got, ok, c.want, c.port)
		}
	}
}
