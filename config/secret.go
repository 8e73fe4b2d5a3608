package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Secret is a variable of the host that setup scripts get by DVM_PASS. However it is printed, its value is not.
type Secret struct {
	Name  string
	value string
}

// Value is for the guest alone.
func (s Secret) Value() string { return s.value }

func (s Secret) String() string { return s.Name + "=" + secretMask }

// GoString is what %#v prints.
func (s Secret) GoString() string { return s.String() }

func readSecrets(names []string) (secrets []Secret, err error) {
	var problems []error
	for i, name := range names {
		value := os.Getenv(name)
		switch {
		case reserved(name):
			problems = append(problems, wants("names of variables that mean nothing to dvm, the shell or the loader", name))
		case value == "":
			problems = append(problems, notSet(i, name))
		default:
			secrets = append(secrets, Secret{Name: name, value: value})
		}
	}
	return secrets, errors.Join(problems...)
}

// misplaced tells whether a name in DVM_PASS may be a secret itself, put where its variable's name should be.
func misplaced(name string) bool {
	return os.Getenv(name) == "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != ""
}

// notSet names the variable where that is no secret.
func notSet(i int, name string) error {
	if !misplaced(name) {
		return wants("names of variables that are set", name)
	}
	return fmt.Errorf("wants names of variables that are set; its item %d is not", i+1)
}

// withheld leaves out of the names what limactl can't do without, and what readSecrets refuses anyway.
func withheld(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), reserved)
}

// reserved tells whether a variable would change what a setup script finds by dvm's promise, or how its shell works.
func reserved(name string) bool {
	base, _, _ := strings.Cut(name, "__")
	if _, known := tags()[base]; known {
		return true
	}
	for _, prefix := range []string{"BASH", "LD_", "LC_", "LIMA_", "SUDO_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"DVM_VM", "DVM_LIMA_NAME", "DVM_CODE_DIR",
		"PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "SHLVL", "TERM", "LANG", "LANGUAGE", "TMPDIR", "_",
		"ENV", "IFS", "CDPATH", "GLOBIGNORE", "POSIXLY_CORRECT", "PROMPT_COMMAND", "PS4", "SHELLOPTS", "EXECIGNORE",
		"UID", "EUID", "PPID", "GROUPS", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "FUNCNAME", "PIPESTATUS", "DIRSTACK",
		"HISTCMD", "EPOCHSECONDS", "EPOCHREALTIME", "OPTARG", "OPTERR", "OPTIND", "REPLY",
	}, name)
}
