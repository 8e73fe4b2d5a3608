package steps

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const kvm = "/dev/kvm"

// hypervisor is QEMU with KVM. Without KVM a VM works, and is slow.
func hypervisor() []Diagnosis {
	const check = "hypervisor"
	program := map[string]string{"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}[runtime.GOARCH]
	var found []Diagnosis
	if _, err := exec.LookPath(program); err != nil && program != "" && os.Getenv(strings.ToUpper(strings.ReplaceAll(program, "-", "_"))) == "" {
		found = one(check, Odd, install("qemu-system qemu-utils", "qemu-kvm qemu-img", "qemu-full"), "%s is not found in $PATH, and Lima runs its VMs by it", program)
	}
	device, err := os.OpenFile(kvm, os.O_RDWR, 0)
	switch {
	case err == nil:
		_ = device.Close()
		return append(found, one(check, Fine, "", "%s is there and yours to use", kvm)...)
	case errors.Is(err, fs.ErrPermission):
		return append(found, one(check, Odd, "sudo usermod -aG kvm \"$USER\"", "%s is not yours to use, so a VM is emulated, and slow", kvm)...)
	case errors.Is(err, fs.ErrNotExist):
		return append(found, one(check, Odd, "sudo modprobe kvm_intel || sudo modprobe kvm_amd", "there is no %s, so a VM is emulated, and slow", kvm)...)
	}
	return append(found, one(check, Odd, "ls -l "+kvm, "%s", err)...)
}

// hostMemory is in bytes.
func hostMemory() (int64, error) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0, err
	}
	return int64(info.Totalram) * int64(info.Unit), nil
}

// holderOf finds the process that listens on a TCP port of 127.0.0.1, as far as /proc tells this user; 0 where it does not.
func holderOf(port int) (pid int) {
	socket := ""
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if inode := listening(table, port); inode != "" {
			socket = "socket:[" + inode + "]"
		}
	}
	if socket == "" {
		return 0 // nobody does, and no process need be looked at
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && target == socket {
			pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(file))))
			return pid
		}
	}
	return 0
}

// holderName names who holderOf found.
func holderName(pid int) string {
	if pid == 0 {
		return "another user's program"
	}
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return fmt.Sprintf("%s (pid %d)", strings.TrimSpace(string(name)), pid)
}

// listening finds the inode of the socket that listens on a port of 127.0.0.1, or of all addresses.
func listening(table string, port int) string {
	const listen, stateField, inodeField = "0A", 3, 9
	local := []string{ // as proc_pid_net(5) has addresses: words of four bytes, the last first
		"0100007F", "00000000", "0000000000000000FFFF00000100007F", "0000000000000000FFFF000000000000", strings.Repeat("0", 32),
	}
	file, err := os.Open(table)
	if err != nil {
		return ""
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) <= inodeField || fields[stateField] != listen {
			continue
		}
		address, hex, _ := strings.Cut(fields[1], ":")
		if number, err := strconv.ParseUint(hex, 16, 16); err == nil && int(number) == port && slices.Contains(local, address) {
			return fields[inodeField]
		}
	}
	return ""
}
