package steps

import (
	"testing"

	"dvm/config"
	"dvm/engine/lima"
)

func TestDrift(t *testing.T) {
	a, b, c := lima.Pair{Host: 3000, Guest: 3000}, lima.Pair{Host: 8080, Guest: 80}, lima.Pair{Host: 9090, Guest: 80}
	ports := func(pairs ...lima.Pair) config.Ports {
		list := config.Ports{}
		for _, pair := range pairs {
			list = append(list, config.PortForward{Host: pair.Host, Guest: pair.Guest})
		}
		return list
	}
	given := config.Given{CPUs: "DVM_CPUS", Memory: "DVM_MEMORY", Disk: "DVM_DISK"}
	found := &lima.Instance{CPUs: 2, Memory: gib / 2, Disk: 10 * gib}
	for _, test := range []struct {
		name     string
		vm       config.VM
		have     lima.Forwards
		resize   bool
		from, to string
	}{
		{"nothing is said", config.VM{CPUs: 4, Memory: 8, Disk: 30}, lima.Forwards{Pairs: []lima.Pair{a}, Only: true}, true, "", ""},
		{"all is so", config.VM{CPUs: 2, Memory: 0.5, Disk: 10, Given: given, Ports: ports(a)}, lima.Forwards{Pairs: []lima.Pair{a}}, true, "", ""},
		{"another order", config.VM{Ports: ports(b, a)}, lima.Forwards{Pairs: []lima.Pair{a, b}}, false, "", ""},
		{"a pair more", config.VM{Ports: ports(a, b)}, lima.Forwards{Pairs: []lima.Pair{a}}, false, "ports 3000:3000", "ports 3000:3000 8080:80"},
		{"another host port", config.VM{Ports: ports(c)}, lima.Forwards{Pairs: []lima.Pair{b}}, false, "ports 8080:80", "ports 9090:80"},
		{"none", config.VM{Ports: ports()}, lima.Forwards{Pairs: []lima.Pair{a}}, false, "ports 3000:3000", "ports none"},
		{"closed", config.VM{PortsOnly: new(true)}, lima.Forwards{Pairs: []lima.Pair{a}}, false, "ports 3000:3000", "ports 3000:3000 and no others"},
		{"opened", config.VM{PortsOnly: new(false)}, lima.Forwards{Only: true}, false, "ports none and no others", "ports none"},
		{"sizes that may not change", config.VM{CPUs: 4, Memory: 8, Disk: 30, Given: given}, lima.Forwards{}, false, "", ""},
		{"sizes that may", config.VM{CPUs: 4, Memory: 8, Disk: 30, Given: given}, lima.Forwards{}, true,
			"CPUs 2, memory 0.5 GiB, disk 10 GiB", "CPUs 4, memory 8 GiB, disk 30 GiB"},
		{"a disk that shrinks", config.VM{CPUs: 2, Memory: 0.5, Disk: 5, Given: given}, lima.Forwards{}, true, "", ""},
	} {
		d := compare(test.vm, found, test.have)
		if from, to := d.from(test.resize), d.to(test.resize); from != test.from || to != test.to {
			t.Errorf("%s: %q -> %q, want %q -> %q", test.name, from, to, test.from, test.to)
		}
		if edit, changes := d.edit(test.resize); changes != (test.to != "") || !changes && edit != (lima.Edit{}) {
			t.Errorf("%s: changes %v by %+v", test.name, changes, edit)
		}
	}
}
