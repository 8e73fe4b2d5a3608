package lima

import (
	"slices"
	"strconv"

	"al.essio.dev/pkg/shellescape"

	"dvm/scripts"
)

// All of limactl's argument lists are built here.

// Template is what new instances are made from.
const Template = "template:fedora"

// Machine is what a new instance is to be.
type Machine struct {
	Instance   string
	CPUs       int
	MemoryGiB  string // decimal numbers, as --memory and --disk take them
	DiskGiB    string
	Containerd string // empty leaves it to Lima
	Forwards   Forwards
}

// CreateArgs is the command that makes and starts a new instance. It is the only way in which dvm makes one.
func (c *Client) CreateArgs(m Machine) []string {
	args := c.global("start", "--yes", "--name", m.Instance,
		"--cpus", strconv.Itoa(m.CPUs), "--memory", m.MemoryGiB, "--disk", m.DiskGiB, "--mount-none")
	if m.Forwards.Only {
		// All rules in one: --port-forward would put its own behind the one that ends the list.
		args = append(args, "--set", m.Forwards.Expression())
	} else {
		for _, pair := range m.Forwards.Pairs {
			args = append(args, "--port-forward", pair.String())
		}
	}
	if m.Containerd != "" {
		args = append(args, "--containerd", m.Containerd)
	}
	return append(args, Template)
}

// startArgs must only be used for an instance that was just seen: of a name that is gone, limactl would make another
// kind of instance, with the home directory mounted.
func (c *Client) startArgs(instance string) []string { return c.global("start", "--yes", instance) }

// amendArgs is startArgs with a change, which limactl writes down also where the instance runs, as edit does not.
func (c *Client) amendArgs(instance string, forwards Forwards) []string {
	return c.global("start", "--yes", "--set", forwards.Expression(), instance)
}

func (c *Client) editArgs(instance string, edit Edit) []string {
	args := c.global("--tty=false", "edit")
	if edit.CPUs > 0 {
		args = append(args, "--cpus", strconv.Itoa(edit.CPUs))
	}
	if edit.MemoryGiB != "" {
		args = append(args, "--memory", edit.MemoryGiB)
	}
	if edit.DiskGiB != "" {
		args = append(args, "--disk", edit.DiskGiB)
	}
	if edit.Forwards != nil {
		args = append(args, "--set", edit.Forwards.Expression())
	}
	return append(args, instance)
}

func (c *Client) stopArgs(instance string) []string {
	return c.global("--tty=false", "stop", instance)
}

func (c *Client) deleteArgs(instance string) []string {
	return c.global("--tty=false", "delete", "--force", instance)
}

func (c *Client) stopForceArgs(instance string) []string {
	return c.global("--tty=false", "stop", "--force", instance)
}

func (c *Client) listArgs(instances ...string) []string {
	return c.global(append([]string{"list", "--json"}, instances...)...)
}

// listFormatArgs asks for the same objects by another path, which has no limit on the size of one.
func (c *Client) listFormatArgs(instances ...string) []string {
	return append(c.global("list", "--format", "{{json .}}"), instances...)
}

func (c *Client) namesArgs() []string { return c.global("list", "--quiet") }

func (c *Client) versionArgs() []string { return []string{"--version"} }

// bootstrap reads the program's length in bytes, then the program. All of it is on stdin, since argv is for all to see; what
// comes after it on stdin is left for the program. Where stdin ends before that, nothing runs.
const bootstrap = `IFS= read -r n && LC_ALL=C IFS= read -rN "$n" program && eval "$program"`

// sessionArgs has --norc for a bash that finds signs of sshd, which reads ~/.bashrc once more.
func (c *Client) sessionArgs(instance string) []string {
	return c.shellArgs(instance, "bash", "--norc", "-c", bootstrap)
}

// streamArgs runs the program as a user of the guest from the start.
func (c *Client) streamArgs(instance, user string) []string {
	return c.shellArgs(instance, "sudo", "-n", "-H", "-u", user, "bash", "-c", bootstrap)
}

// userArgs runs a script's text as a user of the guest other than Lima's account, with arguments as veil writes them.
func (c *Client) userArgs(instance, user, script string, veiled ...string) []string {
	words := []string{"sudo", "-n", "-H", "-u", user, "--", "bash", "-c", unveil, "bash", veilScript(scripts.Bare(script))}
	return c.shellArgs(instance, append(words, veiled...)...)
}

// rootArgs runs a bash with these arguments as root of the guest.
func (c *Client) rootArgs(instance string, words ...string) []string {
	return c.shellArgs(instance, append([]string{"sudo", "-n", "bash"}, words...)...)
}

// shellArgs wants a first word without =, which Lima would take for an assignment.
func (c *Client) shellArgs(instance string, command ...string) []string {
	return c.global(append([]string{"--tty=false", "shell", "--workdir", "/", instance}, command...)...)
}

func (c *Client) global(args ...string) []string {
	return append([]string{"--log-level", c.LogLevel}, args...)
}

// verb is the subcommand of an argument list, for messages.
func verb(args []string) string {
	known := []string{"--version", "start", "stop", "list", "shell", "delete", "edit"}
	if i := slices.IndexFunc(args, func(arg string) bool { return slices.Contains(known, arg) }); i >= 0 {
		return args[i]
	}
	return ""
}

// Quote joins words so that a POSIX shell splits them again.
func Quote(words []string) string { return shellescape.QuoteCommand(words) }
