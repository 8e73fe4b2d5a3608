package lima

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// readPID reads a pid file of Lima's.
func readPID(path string) (pid int, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
	return pid, err == nil && pid > 0
}

// Runs tells whether a process is one of an instance's: its host agent, or the ssh that keeps the connection.
func (c *Client) Runs(instance string, pid int) bool { return mentions(pid, instance) }

// mentions tells whether the command line of a process holds some text. Where nobody can tell, it is taken to.
func mentions(pid int, text string) bool {
	words, err := exec.Command("ps", "-ww", "-o", "args=", "-p", strconv.Itoa(pid)).Output() //nolint:noctx // it takes milliseconds
	return err != nil || strings.Contains(string(words), text)
}
