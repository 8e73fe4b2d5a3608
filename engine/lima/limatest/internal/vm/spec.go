// Package vm is the stand-in's virtual machine: a host agent process beside Lima's, and a guest that is a process
// tree of its own over an overlay of this machine's root filesystem.
//
// Three processes make an instance run, all of them this program called with a hidden first argument: the host agent
// (Agent), the guest's PID 1 (Guest) and, in the guest, sudo.
package vm

import (
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"dvm/engine/lima/limatest/internal/knob"
	"dvm/engine/lima/limatest/internal/limayaml"
)

// The hidden first arguments by which the program runs itself.
const (
	AgentVerb  = "__agent"
	GuestVerb  = "__guest"
	MappedVerb = "__mapped"
	RemoveVerb = "__remove"
	CopyVerb   = "__copy"
	ProbeVerb  = "__probe"
	SudoVerb   = "__sudo"
)

// Spec is what an instance is booted with.
type Spec struct {
	Dir       string
	Hostname  string
	Driver    string // the name of the driver's PID file
	Account   knob.Account
	Home      string        // of the account
	Shell     string        // of the account
	BootDelay time.Duration // until it answers
	DoneDelay time.Duration // from then until its boot is done
	Degraded  bool          // the boot ends with a requirement that failed
	Fatal     string        // the agent ends with this error, if there is one
	LastWords string        // the driver says this and ends, if there is anything
	OwnNet    bool          // it has a network of its own, with a loopback device only
	Rules     []limayaml.PortForward
}

func (s Spec) path(name string) string { return filepath.Join(s.Dir, name) }

// guestDir holds the guest's disk and mount point.
func guestDir(instanceDir string) string { return filepath.Join(instanceDir, "guest") }

// SudoLog is the file on the host with one JSON array for each sudo that ran in the guest: its words.
func SudoLog(instanceDir string) string { return filepath.Join(instanceDir, "sudo.log") }

// socket is where sessions are asked for.
func socket(instanceDir string) string { return filepath.Join(instanceDir, "guest.sock") }

// quickRace keeps a program that was built with -race from sleeping for a second before it exits.
const quickRace = "GORACE=atexit_sleep_ms=0"

// selfCommand runs this program again. Its name must stay limactl: under testscript the name chooses the program.
func selfCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(selfPath())
	cmd.Args = append([]string{"limactl"}, args...)
	cmd.Env = append(os.Environ(), quickRace)
	return cmd
}
