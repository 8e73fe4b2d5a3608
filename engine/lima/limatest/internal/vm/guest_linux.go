package vm

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the guest's PID 1 reports to the host agent, one a line; any other line is an error that ended it.
const (
	reportSSH  = "ssh"
	reportDone = "done"
)

// The files that the guest's PID 1 is started with.
const (
	reportFD = 3 + iota
	listenerFD
)

func selfPath() string { return "/proc/self/exe" }

// keepFilesBack keeps what this process has open from its children: a pipe that a test reads must not stay open for
// as long as a guest runs.
func keepFilesBack() error {
	return unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
}

// guest is a booting or running guest, seen from the host agent.
type guest struct {
	cmd  *exec.Cmd
	pipe *os.File
	done chan error
}

// bootGuest starts the guest's PID 1 in namespaces of its own. It is in a session of its own too, so that it outlives
// a host agent that is killed.
func bootGuest(spec Spec) (*guest, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	listener, err := listen(socket(spec.Dir))
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	console, err := os.OpenFile(spec.path("serial.log"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer console.Close()
	reports, reportW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reportW.Close()

	files := []*os.File{reportW, listener}
	if spec.OwnNet {
		netListener, err := listen(netSocket(spec.Dir))
		if err != nil {
			reports.Close()
			return nil, err
		}
		defer netListener.Close()
		files = append(files, netListener)
	}
	ns := namespaces{pid: true, mount: true, uts: true, ipc: true, net: spec.OwnNet}
	cmd, err := ns.start([]string{GuestVerb, string(text)}, nil, console, files)
	if err != nil {
		reports.Close()
		return nil, err
	}
	g := &guest{cmd: cmd, pipe: reports, done: make(chan error, 1)}
	go func() { g.done <- g.cmd.Wait() }()
	return g, nil
}

// listen opens the socket for sessions. Callers may connect at once; they wait until the guest accepts them.
func listen(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	return l.File()
}

func (g *guest) pid() int { return g.cmd.Process.Pid }

// reports are the lines of the guest's PID 1; the channel closes when it says no more.
func (g *guest) reports() <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(g.pipe); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// ended yields once, when the guest is gone: an error if it ended by itself in trouble.
func (g *guest) ended() <-chan error { return g.done }

// kill ends the guest: the kernel kills every process of its PID namespace before the wait returns.
func (g *guest) kill() error {
	if err := g.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-g.done
	return nil
}

// namespaces are the ones a child is started in. Without root they come with a user namespace.
type namespaces struct {
	pid, mount, uts, ipc, net bool
}

// start runs this program with args in the namespaces, with env added to its environment. Its standard output and error go to console; extra files
// begin at descriptor 3.
func (ns namespaces) start(args, env []string, console *os.File, extra []*os.File) (*exec.Cmd, error) {
	rootless := os.Geteuid() != 0
	var mapped *os.File
	if rootless {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		mapped = w
		defer mapped.Close()
		args = append([]string{MappedVerb, fmt.Sprint(3 + len(extra))}, args...)
		extra = append(extra, r)
	}
	cmd := selfCommand(args...)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.Stdout, cmd.Stderr = console, console
	cmd.ExtraFiles = extra
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: ns.flags(rootless)}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("new namespaces: %w", err)
	}
	if rootless {
		err := mapIDs(cmd.Process.Pid)
		if err == nil {
			_, err = mapped.Write([]byte{1})
		}
		if err != nil {
			// How it ends does not matter any more.
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return nil, err
		}
	}
	return cmd, nil
}

func (ns namespaces) flags(rootless bool) uintptr {
	var flags uintptr
	for _, f := range []struct {
		wanted bool
		flag   uintptr
	}{
		{rootless, syscall.CLONE_NEWUSER},
		{ns.pid, syscall.CLONE_NEWPID},
		{ns.mount, syscall.CLONE_NEWNS},
		{ns.uts, syscall.CLONE_NEWUTS},
		{ns.ipc, syscall.CLONE_NEWIPC},
		{ns.net, syscall.CLONE_NEWNET},
	} {
		if f.wanted {
			flags |= f.flag
		}
	}
	return flags
}
