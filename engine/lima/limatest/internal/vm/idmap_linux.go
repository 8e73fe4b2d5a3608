package vm

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// mapIDs gives the process's user namespace its ids: root is the host's user, and ids from 1 on are the user's
// subordinate ones.
func mapIDs(pid int) error {
	u, err := user.Current()
	if err != nil {
		return err
	}
	for _, m := range []struct {
		tool, file string
		own        int
	}{
		{"newuidmap", "/etc/subuid", os.Getuid()},
		{"newgidmap", "/etc/subgid", os.Getgid()},
	} {
		start, count, err := subordinate(m.file, u)
		if err != nil {
			return err
		}
		args := []string{strconv.Itoa(pid), "0", strconv.Itoa(m.own), "1", "1", strconv.Itoa(start), strconv.Itoa(count)}
		if out, err := exec.Command(m.tool, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", m.tool, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// subordinate is the user's first range in /etc/subuid or /etc/subgid.
func subordinate(file string, u *user.User) (start, count int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		fields := strings.Split(s.Text(), ":")
		if len(fields) != 3 || (fields[0] != u.Username && fields[0] != u.Uid) {
			continue
		}
		start, err1 := strconv.Atoi(fields[1])
		count, err2 := strconv.Atoi(fields[2])
		return start, count, errors.Join(err1, err2)
	}
	return 0, 0, fmt.Errorf("%s has no range for %s", file, u.Username)
}

// Mapped waits until the parent has mapped this process's ids, and then runs the program again: only a program that
// starts as a mapped root has root's capabilities. It returns only when that fails.
func Mapped(args []string) int {
	fd, err := strconv.Atoi(args[0])
	if err != nil {
		return 1
	}
	if n, err := syscall.Read(fd, make([]byte, 1)); n != 1 || err != nil {
		return 1
	}
	syscall.Close(fd)
	err = syscall.Exec(selfPath(), append([]string{"limactl"}, args[1:]...), os.Environ())
	fmt.Fprintln(os.Stderr, err)
	return 1
}
