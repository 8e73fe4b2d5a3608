//go:build !linux

package vm

import (
	"errors"
	"os"
)

// ErrUnsupported says that guests run on Linux only.
var ErrUnsupported = errors.New("the stand-in runs guests on Linux only")

const (
	reportSSH  = "ssh"
	reportDone = "done"
)

func selfPath() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func keepFilesBack() error { return nil }

type guest struct{}

func bootGuest(Spec) (*guest, error)    { return nil, ErrUnsupported }
func (g *guest) pid() int               { return 0 }
func (g *guest) reports() <-chan string { return nil }
func (g *guest) ended() <-chan error    { return nil }
func (g *guest) kill() error            { return nil }

// Session is a command to run in a guest, and the streams to run it on.
type Session struct {
	Dir    string // the instance's
	Script string
	Stdin  *os.File
	Stdout *os.File
	Stderr *os.File
	Cut    Cut
}

// Shell fails.
func Shell(Session) (int, error) { return 0, ErrUnsupported }

// RemoveDisk removes the guest's disk from an instance's directory.
func RemoveDisk(instanceDir string) error { return os.RemoveAll(guestDir(instanceDir)) }

// CopyInstance fails.
func CopyInstance(string, string) error { return ErrUnsupported }

// Supported fails.
func Supported() error { return ErrUnsupported }

// Guest, Probe, Remove, Copy and Mapped are programs of the Linux guest.
func Guest(string) int    { return 1 }
func Probe(string) int    { return 1 }
func Remove(string) int   { return 1 }
func Copy([]string) int   { return 1 }
func Mapped([]string) int { return 1 }

// GuestSudoLog is where a guest sees the file of SudoLog.
const GuestSudoLog = "/run/limatest/sudo.log"

// Processes finds none: there are no guests.
func Processes(string) ([]int, error) { return nil, nil }
