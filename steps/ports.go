package steps

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"dvm/config"
	"dvm/engine/lima"
)

// privilegedPorts are below this one.
const privilegedPorts = 1024

// conflicts warns of pairs that will not lead where they should. Lima itself starts all the same, and whoever connects then
// reaches what has the port. own tells a pair whose port this VM itself may have by now: there, only a holder that is known to be
// another program counts.
func (s *instance) conflicts(pairs []lima.Pair, own func(lima.Pair) bool) {
	if len(pairs) == 0 {
		return // and no other VM's configuration need be read
	}
	claimed := s.claims()
	for _, pair := range pairs {
		text, hint := "", ""
		if !own(pair) || isForeign(s.lima, s.vm.Instance, pair.Host) {
			text, hint = contested(pair.Host)
		}
		other := claimed[pair.Host]
		running := other != "" && s.lima.Alive(config.InstancePrefix+other)
		switch port := fmt.Sprintf("port %d of this host ", pair.Host); {
		case running:
			s.warn(port+"is forwarded to the running VM "+other, "dvm stop "+other)
		case text != "":
			s.warn(port+text, hint)
		case other != "":
			s.warn(port+"is claimed by the stopped VM "+other+" too", "")
		}
	}
}

// shadowed warns of pairs that have no effect, since Lima takes the first rule that matches a listener.
func (s *instance) shadowed(pairs []lima.Pair) {
	first := firsts(pairs)
	for _, pair := range pairs {
		if before := first[pair.Guest]; before != pair {
			s.warn(fmt.Sprintf("%s has no effect: Lima forwards a guest's port once, and %s comes first", pair, before), "")
		}
	}
}

// noPair is for a VM that does not run, and so has taken no port.
func noPair(lima.Pair) bool { return false }

// claims names the other VM that has each host port in its configuration, the running ones before the stopped.
func (s *instance) claims() map[int]string {
	claimed := map[int]string{}
	instances, _ := fs.Glob(os.DirFS(s.lima.Home), config.InstancePrefix+"*")
	for _, instance := range instances {
		forwards, err := s.lima.Forwards(instance)
		if instance == s.vm.Instance || err != nil {
			continue
		}
		for _, pair := range forwards.Pairs {
			if claimed[pair.Host] == "" || s.lima.Alive(instance) {
				claimed[pair.Host] = vmName(instance)
			}
		}
	}
	return claimed
}

// SharedPorts says which host ports several of the VMs want, a line each, where one of them is new. What the others have, limactl
// has written down, and each VM's own step for the instance says so.
func SharedPorts(client *lima.Client, vms []config.VM) (lines []string) {
	first := map[int]config.VM{}
	isNew := func(vm config.VM) bool {
		exists, err := client.Exists(vm.Instance)
		return err == nil && !exists
	}
	for _, vm := range vms {
		for _, pair := range machine(vm).Forwards.Pairs {
			other, wanted := first[pair.Host]
			if !wanted {
				first[pair.Host] = vm
			} else if other.Name != vm.Name && (isNew(vm) || isNew(other)) {
				lines = append(lines, fmt.Sprintf("port %d of this host is wanted by %s and %s; the first to run gets it", pair.Host, other.Name, vm.Name))
			}
		}
	}
	return lines
}

// isForeign tells whether something else than this VM's Lima is known to have a port of this host.
func isForeign(client *lima.Client, instance string, port int) bool {
	pid := holderOf(port)
	return pid != 0 && !client.Runs(instance, pid)
}

// freePort tells whether this host's loopback address has the port to give.
func freePort(port int) bool {
	text, _ := taken(port)
	return text == ""
}

// taken says what keeps Lima from listening on a port of this host, with a command to try, or nothing.
func taken(port int) (text, hint string) {
	address := "127.0.0.1"
	if runtime.GOOS == "darwin" && port < privilegedPorts {
		address = "" // where everybody may listen on all addresses together, and Lima does
	}
	address = net.JoinHostPort(address, strconv.Itoa(port))
	err, holder := listen(address), 0
	for tries := 0; tries < lookTries && errors.Is(err, syscall.EADDRINUSE); tries++ {
		if holder = holderOf(port); holder != 0 && holder != os.Getpid() {
			break
		}
		time.Sleep(lookTime)
		err = listen(address)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "is taken by " + holderName(holder), whoListens(port)
	case errors.Is(err, fs.ErrPermission):
		return "is for root alone, so nothing is forwarded", "sudo sysctl net.ipv4.ip_unprivileged_port_start=" + strconv.Itoa(port)
	case err != nil:
		return "can't be listened on: " + oneLine(err), ""
	}
	return "", ""
}

// contested is taken, and where that is nothing, says whether something answers all the same: what listens on all addresses, beside
// which a Mac lets others have a single one, or what has ::1, where localhost may lead.
func contested(port int) (text, hint string) {
	if text, hint = taken(port); text != "" {
		return text, hint
	}
	switch {
	case answers("127.0.0.1", port):
		return "is answered by another program already", whoListens(port)
	case answers("::1", port):
		return "is answered by another program on ::1, where localhost may lead", whoListens(port)
	}
	return "", ""
}

// whoListens is the command that shows what has a port of this host.
func whoListens(port int) string { return fmt.Sprintf("lsof -nP -iTCP:%d -sTCP:LISTEN", port) }

// answers tells whether an address of this host takes connections, for longer than another look at the port lasts.
func answers(address string, port int) bool {
	dialer := net.Dialer{Timeout: answerTime}
	for try := range lookTries {
		if try > 0 {
			time.Sleep(lookTime)
		}
		connection, err := dialer.DialContext(context.Background(), "tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = connection.Close()
	}
	return true
}

// A look at a port has it for a moment, and another one meanwhile finds it taken, by nobody or by this process.
const (
	lookTries  = 3
	lookTime   = 10 * time.Millisecond // far more than a look takes
	answerTime = 200 * time.Millisecond
)

// listen tells whether an address can be listened on.
func listen(address string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	return listener.Close()
}
