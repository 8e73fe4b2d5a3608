package store

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"dvm/engine/lima/limatest/internal/vm"
)

// ReadPID is the PID in a file, 0 where there is no such file or the process is gone; the file is then removed,
// as Lima does.
func ReadPID(path string) (int, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, err
	}
	if !Alive(pid) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		return 0, nil
	}
	return pid, nil
}

// Alive says whether a process runs. One that has ended but was not waited for, as happens to orphans in a
// container without an init, does not.
func Alive(pid int) bool {
	if pid <= 0 || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return runtime.GOOS != "linux"
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// agentPort asks the host agent for its ssh port.
func agentPort(sock string) (int, error) {
	resp, err := vm.AskAgent(sock, http.MethodGet, "/v1/info")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var info struct {
		SSHLocalPort int `json:"sshLocalPort"`
	}
	err = json.NewDecoder(resp.Body).Decode(&info)
	return info.SSHLocalPort, err
}
