// Package limatest is a stand-in for limactl 2.2, for tests and for people who have no Lima.
//
// It speaks as limactl does: the same words, messages and exit codes, and the same files in LIMA_HOME. On Linux its
// guests are real enough to run commands in: each is a tree of processes with a root filesystem of its own, an overlay
// over this machine's, that is kept from one start to the next and dies with the instance. A guest is not isolated: it
// shares this machine's network, kernel and devices. Its ssh.sock forwards ports as ssh's master does.
//
// The LIMATEST_* variables steer it:
//
//	LIMATEST_LOG=FILE           append the words of each call, quoted for a shell, one call a line
//	LIMATEST_DELAY=200ms        wait before each call does anything; shell=200ms,list=30ms by verb;
//	                            boot=2s until a guest answers, boot-done=1s from then until its boot is done;
//	                            download=2s while an image grows in Lima's cache
//	LIMATEST_FAULT=RULE;RULE    see below; more rules may stand in $LIMA_HOME/_limatest/faults, one a line
//	LIMATEST_USER=name[:uid]    Lima's account in the guest: else the host's user, or me (2201) where that is root
//	LIMATEST_SUBID=START:COUNT  its range in /etc/subuid and /etc/subgid, else 100000:65536
//	LIMATEST_NET=own            guests have a network of their own, with a loopback device only, and what listens on TCP
//	                            there is forwarded by Lima's rules; else they share this machine's, and nothing is
//	LIMATEST_QUIET=1            start does not say that this is a stand-in (nor does it with LIMATEST_LOG)
//	LIMATEST_REFUSE_ROOT=1      refuse to run as root, as the real one does
//
// A rule is VERB[#N] ACTION[=ARG]; VERB may be any. With #N it holds for the N-th call of that verb since the rule was
// first seen in this LIMA_HOME, else for each. The actions:
//
//	exit=CODE, exit-after=CODE  fail in place of the work, or after it
//	stderr=TEXT                 say so first
//	garbage, half, big          print nonsense, half a line of JSON, or 200 KiB in place of the work
//	hang, hang-after            never return
//	kill, kill-after=DURATION   die by SIGKILL at once, or in the midst of the work
//	drop=BYTES, drop=TEXT       shell: the connection breaks after so much of the command's output, or after this text
//	download-fails[=full]       create, start: the directory is left behind; full: since the disk is
//	agent-fails=TEXT            start: the host agent ends with this error
//	driver-fails=TEXT           start: so does QEMU, which says this
//	timeout, degraded           start: fails so, while the guest boots on
//	broken=N                    list: what runs is Broken, for N calls
//
// A call that would make real Lima create an instance of its own accord (start NAME without one of that name) fails
// with exit code 97 and leaves a line in $LIMA_HOME/_limatest/forbidden. $LIMA_HOME/NAME/sudo.log has one line, a JSON
// array of its words, for each sudo that ran in the guest.
package limatest

import (
	"fmt"
	"os"

	"dvm/engine/lima/limatest/internal/cli"
	"dvm/engine/lima/limatest/internal/store"
	"dvm/engine/lima/limatest/internal/sudo"
	"dvm/engine/lima/limatest/internal/vm"
)

// Main is the program limactl. It ends by os.Exit. Its name must be limactl, since it runs itself again by that name:
// in a test, testscript.Main sees to that.
func Main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) > 1 {
		switch verb, rest := args[0], args[1:]; verb {
		case vm.AgentVerb:
			return vm.Agent(rest[0])
		case vm.MappedVerb:
			return vm.Mapped(rest)
		case vm.GuestVerb:
			return vm.Guest(rest[0])
		case vm.ProbeVerb:
			return vm.Probe(rest[0])
		case vm.RemoveVerb:
			return vm.Remove(rest[0])
		case vm.CopyVerb:
			return vm.Copy(rest)
		}
	}
	if len(args) > 0 && args[0] == vm.SudoVerb {
		return sudo.Main(args[1:], vm.GuestSudoLog, os.Stderr)
	}
	app := cli.App{Args: args, Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	return app.Run()
}

// Supported says why this host cannot run guests, or nil if it can. It tries: as root, or in a user namespace with the
// subordinate ids that newuidmap and newgidmap hand out. The calling program must lead to Main when its name is
// limactl.
func Supported() error {
	return vm.Supported()
}

// CopyInstance copies the directory of a stopped instance to one that does not exist, the guest's disk with it. It may be
// that of another LIMA_HOME.
func CopyInstance(from, to string) error { return vm.CopyInstance(from, to) }

// StopAll kills every guest and host agent of a LIMA_HOME and removes the guests' disks, so that the caller can remove
// the directory. It is for the end of a test: nothing of the instances is of use afterwards.
func StopAll(limaHome string) {
	home, err := store.OpenHome(func(string) string { return limaHome })
	if err == nil {
		err = cli.StopAll(home)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "limatest:", err)
	}
}
