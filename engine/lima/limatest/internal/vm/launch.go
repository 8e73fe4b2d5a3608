package vm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

// Launch starts the host agent of an instance in a session of its own, with new event and error logs, and returns it
// as a child of this process.
func Launch(spec Spec) (*exec.Cmd, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	events, err := recreate(spec.path("ha.stdout.log"))
	if err != nil {
		return nil, err
	}
	defer events.Close()
	log, err := recreate(spec.path("ha.stderr.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if err := keepFilesBack(); err != nil {
		return nil, err
	}
	cmd := selfCommand(AgentVerb, string(text))
	cmd.Dir = spec.Dir
	cmd.Stdout, cmd.Stderr = events, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

func recreate(path string) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o644)
}
