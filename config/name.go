package config

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// InstancePrefix makes a Lima instance's name of a VM's.
const InstancePrefix = "dvm-"

const (
	maxName = 76 - len(InstancePrefix) // by Lima's own limit
	// longestSocket stands for the longest socket name that ssh makes in an instance's directory.
	longestSocket = "ssh.sock.1234567890123456"
)

// VMName is the name of a VM.
type VMName string

// UnmarshalText accepts what Lima accepts as the end of dvm-NAME, in lower case and of any length.
func (n *VMName) UnmarshalText(text []byte) error {
	*n = VMName(text)
	return n.check()
}

func (n VMName) check() error {
	name := string(n)
	badStart := name == "" || name[0] < 'a' || name[0] > 'z'
	if badStart || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return wants("a VM name of lowercase letters, digits and hyphens that starts with a letter", name)
	}
	if strings.HasSuffix(name, "-") || strings.Contains(name, "--") {
		return wants("a VM name without a hyphen at its end or two in a row, which Lima refuses", name)
	}
	return nil
}

// Instance is the name of the VM's Lima instance.
func (n VMName) Instance() string { return InstancePrefix + string(n) }

// fitsIn checks the length: Lima has a limit, and the sockets that it makes in the instance's directory need a path that the
// kernel takes. Where gave the name; it is not to blame where none would do.
func (n VMName) fitsIn(limaHome, where string) Problems {
	most := LongestName(limaHome)
	if len(n) <= most {
		return nil
	}
	if most < 1 {
		return inVariable("LIMA_HOME", wants("a shorter path, since no VM's name is short enough for the sockets below it", limaHome))
	}
	expected := fmt.Sprintf("a VM name of at most %d characters", most)
	if most < maxName {
		expected += fmt.Sprintf(", since a socket path under %s may have %d bytes", limaHome, maxSocketPath())
	}
	return inVariable(where, wants(expected, string(n)))
}

// LongestName is how many characters a VM's name may have.
func LongestName(limaHome string) int {
	room := maxSocketPath() - len(filepath.Join(limaHome, InstancePrefix, longestSocket))
	return min(room, maxName)
}

// maxSocketPath is without the final NUL of sockaddr_un.
func maxSocketPath() int {
	if runtime.GOOS == "darwin" {
		return 103
	}
	return 107
}
