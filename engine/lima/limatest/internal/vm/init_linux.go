package vm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Guest is the guest's PID 1: it mounts the guest's disk, sets up what cloud-init would, and then serves sessions for
// as long as the guest lives. It returns only when the boot fails.
func Guest(specJSON string) int {
	syscall.CloseOnExec(reportFD)
	syscall.CloseOnExec(listenerFD)
	absorbSignals()
	reports := os.NewFile(reportFD, "reports")
	err := boot(specJSON, reports)
	fmt.Fprintln(reports, err)
	return 1
}

func boot(specJSON string, reports *os.File) error {
	var spec Spec
	if err := json.Unmarshal([]byte(specJSON), &spec); err != nil {
		return err
	}
	listener, err := inheritedListener()
	if err != nil {
		return err
	}
	if spec.OwnNet {
		if err := openNet(); err != nil {
			return fmt.Errorf("network: %w", err)
		}
	}
	syscall.Umask(0o022)
	d := disk{dir: guestDir(spec.Dir), sudoLog: SudoLog(spec.Dir)}
	if err := d.enter(); err != nil {
		return fmt.Errorf("guest disk: %w", err)
	}
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("hostname: %w", err)
	}
	// Without a host agent the boot never comes to its end: what connects is dropped.
	if waitUnlessClosed(reports, spec.BootDelay) {
		return dropAll(listener)
	}
	if err := cloudInit(spec); err != nil {
		return fmt.Errorf("cloud-init: %w", err)
	}
	s, err := newServer(spec)
	if err != nil {
		return err
	}
	go s.serve(listener)
	if _, err := fmt.Fprintln(reports, reportSSH); err != nil {
		return dropAll(listener)
	}
	time.Sleep(spec.DoneDelay)
	if err := os.WriteFile("/run/lima-boot-done", fmt.Appendf(nil, "iid-%d\n", time.Now().Unix()), 0o644); err != nil {
		return err
	}
	// From here on the guest does without the host agent.
	_, _ = fmt.Fprintln(reports, reportDone)
	select {}
}

func inheritedListener() (*net.UnixListener, error) {
	f := os.NewFile(listenerFD, "sessions")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return l.(*net.UnixListener), nil
}

// waitUnlessClosed waits for d, and says whether the pipe's reader went away meanwhile.
func waitUnlessClosed(pipe *os.File, d time.Duration) bool {
	deadline := time.Now().Add(d)
	for {
		left := max(time.Until(deadline), 0)
		fds := []unix.PollFd{{Fd: int32(pipe.Fd())}}
		n, err := unix.Poll(fds, int(left.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && n > 0 && fds[0].Revents&unix.POLLERR != 0
	}
}

// dropAll closes every connection, as the sshd of a guest does that is not up.
func dropAll(l *net.UnixListener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		conn.Close()
	}
}
