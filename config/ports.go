package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const noPorts = "none"

// PortForward makes a TCP or UDP port of the guest reachable on the host's loopback address.
type PortForward struct{ Host, Guest int }

// String is the pair as limactl's --port-forward takes it.
func (p PortForward) String() string { return strconv.Itoa(p.Host) + ":" + strconv.Itoa(p.Guest) }

// Ports is the list of port forwards of a VM, in the order given. Nil leaves what there is; empty but not nil removes all.
type Ports []PortForward

// String is the list of pairs; empty where there is none.
func (p Ports) String() string {
	pairs := make([]string, len(p))
	for i, pair := range p {
		pairs[i] = pair.String()
	}
	return strings.Join(pairs, ",")
}

// MarshalText is the list in the form that UnmarshalText accepts.
func (p Ports) MarshalText() ([]byte, error) {
	if p != nil && len(p) == 0 {
		return []byte(noPorts), nil
	}
	return []byte(p.String()), nil
}

// UnmarshalText accepts pairs separated by commas, spaces or newlines, or the word none.
func (p *Ports) UnmarshalText(text []byte) error {
	items := words(text)
	if slices.Equal(items, []string{noPorts}) {
		*p = Ports{}
		return nil
	}
	if len(items) == 0 {
		return wants("host:guest pairs or none", string(text))
	}
	var problems []error
	taken := map[int]bool{}
	for _, item := range items {
		pair, err := parsePortForward(item)
		if err == nil && taken[pair.Host] {
			err = wants("every host port once", item)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		taken[pair.Host] = true
		*p = append(*p, pair)
	}
	return errors.Join(problems...)
}

func parsePortForward(item string) (PortForward, error) {
	host, guest, found := strings.Cut(item, ":")
	if !found {
		return PortForward{}, wants("host:guest pairs, such as 3000:3000", item)
	}
	pair := PortForward{Host: parsePort(host), Guest: parsePort(guest)}
	switch {
	case pair.Host == 0 || pair.Guest == 0:
		return PortForward{}, wants(fmt.Sprintf("host:guest pairs with ports from 1 to %d", maxPort), item)
	case pair.Host == sshPort || pair.Guest == sshPort:
		return PortForward{}, wants("ports other than 22, which Lima keeps for ssh", item)
	}
	return pair, nil
}

// parsePort gives 0 for what is no port.
func parsePort(text string) int {
	n, err := wholeNumber(text)
	if err != nil || n > maxPort {
		return 0
	}
	return n
}
