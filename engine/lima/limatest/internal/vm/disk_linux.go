package vm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// sudoProgram is where the guest keeps this program as setuid root; its base name must be limactl.
const sudoProgram = "/usr/libexec/limatest/limactl"

// disk is the guest's root filesystem: an overlay over this machine's, whose upper layer is kept in dir. The upper
// layer may well be below the lower one.
type disk struct {
	dir     string
	sudoLog string
}

// enter mounts the disk in this process's mount namespace and makes it the root.
func (d disk) enter() error {
	program, err := os.Open(selfPath())
	if err != nil {
		return err
	}
	defer program.Close()
	resolv, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := d.mountRoot(); err != nil {
		return err
	}
	root := filepath.Join(d.dir, "root")
	if err := mountSystem(root); err != nil {
		return err
	}
	if err := d.shareSudoLog(root); err != nil {
		return err
	}
	if err := pivot(root); err != nil {
		return err
	}
	if err := installSudo(program); err != nil {
		return err
	}
	return keepResolving(resolv)
}

// mountSystem mounts what no disk holds.
func mountSystem(root string) error {
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
		data                 string
	}{
		{"proc", "proc", "proc", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"/sys", "sys", "", unix.MS_BIND | unix.MS_REC, ""},
		{"/dev", "dev", "", unix.MS_BIND | unix.MS_REC, ""},
		{"devpts", "dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"},
		{"tmpfs", "dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		{"tmpfs", "run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
		{"tmpfs", "tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	} {
		target := filepath.Join(root, m.target)
		if err := unix.Mount(m.source, target, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	return nil
}

// shareSudoLog lets the guest's sudo write the host's file.
func (d disk) shareSudoLog(root string) error {
	log, err := os.OpenFile(d.sudoLog, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	log.Close()
	target := filepath.Join(root, GuestSudoLog)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(target, nil, 0o600); err != nil {
		return err
	}
	return unix.Mount(d.sudoLog, target, "", unix.MS_BIND, "")
}

// GuestSudoLog is where the guest sees the file of SudoLog.
const GuestSudoLog = "/run/limatest/sudo.log"

// pivot makes root the root filesystem and drops the old one.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("drop the old root: %w", err)
	}
	return os.Chdir("/")
}

// installSudo copies this program into the guest as setuid root, and puts a sudo before it. It is no link, because the
// program's name is what makes it limactl.
func installSudo(program *os.File) error {
	if err := os.MkdirAll(filepath.Dir(sudoProgram), 0o755); err != nil {
		return err
	}
	if err := os.Remove(sudoProgram); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(sudoProgram, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, program)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Chmod(sudoProgram, 0o755|fs.ModeSetuid); err != nil {
		return err
	}
	const sudo = "/usr/bin/sudo"
	if err := os.Remove(sudo); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\n%s exec %s %s \"$@\"\n", quickRace, sudoProgram, SudoVerb)
	return os.WriteFile(sudo, []byte(script), 0o755)
}

// keepResolving replaces a resolv.conf that points into the host's /run.
func keepResolving(content []byte) error {
	const path = "/etc/resolv.conf"
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
