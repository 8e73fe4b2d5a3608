package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"dvm/engine/lima/limatest/internal/limayaml"
)

// forwarder forwards what listens in a guest with a network of its own, by Lima's rules: those of the configuration, in
// their order, and then its own, which lets everything else through to the same port of the host's loopback address.
type forwarder struct {
	agent *agent
	open  map[address]net.Listener // nil where this host would not
}

// address is where something listens.
type address struct {
	ip   string
	port int
}

// forwardInterval is how often the guest is asked. Lima's guest agent asks every 3 s where the kernel does not tell it.
const forwardInterval = 20 * time.Millisecond

// lastRules let through what no other rule is for.
func lastRules() []limayaml.PortForward {
	return []limayaml.PortForward{{GuestIP: "127.0.0.1", GuestPortRange: [2]int{1, 65535}, HostIP: "127.0.0.1", HostPortRange: [2]int{1, 65535}}}
}

// forwarded says where on the host Lima listens for a listener of the guest: nowhere, where an ignoring rule comes first.
func forwarded(rules []limayaml.PortForward, guest address, sshPort int) (host address, ok bool) {
	if guest.port == 22 || guest.port == sshPort {
		return address{}, false
	}
	ip := net.ParseIP(guest.ip)
	for _, rule := range append(rules[:len(rules):len(rules)], lastRules()...) {
		ruleIP := net.ParseIP(rule.GuestIP)
		mustBeZero := rule.GuestIPMustBeZero != nil && *rule.GuestIPMustBeZero
		fits := ip.IsUnspecified() || ip.Equal(ruleIP) || ip.Equal(net.IPv6loopback) && rule.GuestIP == "127.0.0.1" ||
			ruleIP.IsUnspecified() && !mustBeZero
		switch {
		case rule.Proto == "udp" || rule.GuestSocket != "" || guest.port < rule.GuestPortRange[0] || guest.port > rule.GuestPortRange[1]:
		case !fits, rule.Ignore && ip.IsUnspecified() && !ruleIP.IsUnspecified():
		case rule.Ignore:
			return address{}, false
		default:
			return address{rule.HostIP, guest.port + rule.HostPortRange[0] - rule.GuestPortRange[0]}, true
		}
	}
	return address{}, false
}

// run follows the guest's listeners until it is told to stop.
func (f *forwarder) run(stop <-chan struct{}) {
	tick := time.NewTicker(forwardInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if listeners, err := f.agent.listeners(); err == nil {
				f.follow(listeners)
			}
		case <-stop:
			f.follow(nil)
			return
		}
	}
}

func (f *forwarder) follow(listeners map[address]bool) {
	for guest, l := range f.open {
		if listeners[guest] {
			continue
		}
		if l != nil {
			l.Close()
		}
		delete(f.open, guest)
	}
	for guest := range listeners {
		if _, known := f.open[guest]; known {
			continue
		}
		f.open[guest] = nil
		host, ok := forwarded(f.agent.spec.Rules, guest, f.agent.port)
		if !ok {
			continue
		}
		where := net.JoinHostPort(host.ip, strconv.Itoa(host.port))
		l, err := net.Listen("tcp", where)
		if err != nil {
			f.agent.record("warning", "failed to listen tcp: "+where)
			continue
		}
		f.open[guest] = l
		go relayPort(l, func() (net.Conn, error) { return f.agent.dialGuest(guest.port) })
	}
}

// netSocket is where a guest with a network of its own is asked for its listeners, and for connections to them.
func netSocket(instanceDir string) string { return filepath.Join(instanceDir, "net.sock") }

// dialGuest connects to a port of the guest.
func (a *agent) dialGuest(port int) (net.Conn, error) {
	if !a.spec.OwnNet {
		return net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	conn, err := net.Dial("unix", netSocket(a.spec.Dir))
	if err != nil {
		return nil, err
	}
	// Port 0 asks for the listeners.
	if _, err := conn.Write(binary.BigEndian.AppendUint16(nil, uint16(port))); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// listeners asks the guest what listens on its TCP ports.
func (a *agent) listeners() (map[address]bool, error) {
	conn, err := a.dialGuest(0)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	found := map[address]bool{}
	for {
		var at address
		_, err := fmt.Fscanln(conn, &at.ip, &at.port)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found[at] = true
	}
}
