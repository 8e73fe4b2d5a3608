package lima

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// CloseFilesOnExec has the files that this process was started with, but for the standard ones, closed in every program that it
// runs. Lima's host agent and ssh's master would hold a script's lock or the end of a pipe for as long as the VM runs.
func CloseFilesOnExec() {
	const first = 3
	if closeOnExec(first) {
		return
	}
	dir, err := os.Open("/dev/fd") // on a Mac, too, which can't look at every kind of file there
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd >= first {
			syscall.CloseOnExec(fd)
		}
	}
}

// readPID reads a pid file of Lima's.
func readPID(path string) (pid int, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return pid, err == nil && pid > 0
}

// Runs tells whether a process is one of an instance's: its host agent, its driver, or the ssh that keeps the connection. Where
// nobody can tell, it is taken to be.
func (c *Client) Runs(instance string, pid int) bool {
	words, known := commandLine(pid)
	return !known || names(words, instance)
}

// names tells whether a command line has the instance's name, by itself or as its host's, and not as a part of another name.
func names(words, instance string) bool {
	return regexp.MustCompile(`(^|[^a-z0-9-])(lima-)?` + regexp.QuoteMeta(instance) + `($|[^a-z0-9-])`).MatchString(words)
}

// commandLine is what a process was started with, in one line.
func commandLine(pid int) (words string, known bool) {
	out, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx // it takes milliseconds
	return string(out), err == nil
}
