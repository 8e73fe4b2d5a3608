package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// limaHome finds Lima's directory as limactl does: where it exists, without symlinks. It is absolute because limactl runs elsewhere.
func limaHome() (string, error) {
	dir := os.Getenv("LIMA_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", errors.New("wants a directory, since $HOME is not set")
		}
		dir = filepath.Join(home, ".lima")
	}
	dir, err := absolute(dir)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		return resolved, nil
	}
	return dir, nil
}

func absolute(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", wants("a path that can be made absolute ("+err.Error()+")", path)
	}
	return abs, nil
}

// fromHome is a path in which a ~ before the first slash is the home directory, as a shell has it that meets no quotes.
func fromHome(path string) (string, error) {
	rest, found := strings.CutPrefix(path, "~")
	switch {
	case !found:
		return path, nil
	case rest != "" && rest[0] != '/':
		return "", wants("a path without ~user, which a shell alone knows", path)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", wants("a path without ~, since $HOME is not set", path)
	}
	return filepath.Join(home, rest), nil
}

func stateDir(given string) (string, error) {
	if given != "" {
		if strings.ContainsFunc(given, unicode.IsControl) {
			return "", wants("a path without control characters", given)
		}
		dir, err := fromHome(given)
		if err != nil {
			return "", err
		}
		return absolute(dir)
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
	path, err := fromHome(command[0])
	if err == nil {
		path, err = absolute(path)
	}
	return append([]string{path}, command[1:]...), err
}
