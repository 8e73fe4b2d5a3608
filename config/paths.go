package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// limaHome finds Lima's directory as limactl does, made absolute because limactl runs elsewhere.
func limaHome() (string, error) {
	if dir := os.Getenv("LIMA_HOME"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("wants a directory, since $HOME is not set")
	}
	return filepath.Join(home, ".lima"), nil
}

func stateDir(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) { // the XDG specification ignores relative ones
		return filepath.Join(dir, "dvm"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("wants a directory, since neither $XDG_STATE_HOME nor $HOME is set")
	}
	return filepath.Join(home, ".local", "state", "dvm"), nil
}

// program makes the path of a command's program absolute, because it is run in another directory.
func program(command Words) ([]string, error) {
	if len(command) == 0 || !strings.Contains(command[0], "/") {
		return command, nil
	}
	path, err := filepath.Abs(command[0])
	return append([]string{path}, command[1:]...), err
}
