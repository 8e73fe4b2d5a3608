// Package store is LIMA_HOME: which instances it holds, and what their files and processes say of them.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// Home is a LIMA_HOME, an absolute path.
type Home string

// OpenHome resolves LIMA_HOME, or ~/.lima, as Lima does: symbolic links are followed where it exists.
func OpenHome(getenv func(string) string) (Home, error) {
	dir := getenv("LIMA_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".lima")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return Home(abs), nil
	}
	return Home(real), err
}

// Dir is an instance's directory, whether it exists or not.
func (h Home) Dir(name string) string { return filepath.Join(string(h), name) }

// ConfigDir is where Lima keeps its key pair and the files that are mixed into every instance.
func (h Home) ConfigDir() string { return filepath.Join(string(h), "_config") }

// Names are the instances: every directory but those that begin with a dot or an underscore.
func (h Home) Names() ([]string, error) {
	entries, err := os.ReadDir(string(h))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !strings.HasPrefix(e.Name(), "_") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

const (
	namePattern = `^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$`
	nameMax     = 76
)

// ValidateName refuses what cannot name an instance.
func ValidateName(name string) error {
	if err := validateIdentifier(name); err != nil {
		return fmt.Errorf("instance name %#q is not a valid identifier: %w", name, err)
	}
	if strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".yaml") {
		return fmt.Errorf("instance name %#q must not end with .yml or .yaml suffix", name)
	}
	return nil
}

func validateIdentifier(name string) error {
	if name == "" {
		return errors.New("identifier must not be empty")
	}
	if len(name) > nameMax {
		return fmt.Errorf("identifier %#q greater than maximum length (%d characters)", name, nameMax)
	}
	if !regexp.MustCompile(namePattern).MatchString(name) {
		return fmt.Errorf("identifier %#q must match %s", name, namePattern)
	}
	return nil
}

// ValidateNewName refuses, besides, a name that makes the path of the instance's sockets too long.
func (h Home) ValidateNewName(name string) error {
	unixPathMax := 108
	if runtime.GOOS == "darwin" {
		unixPathMax = 104
	}
	longest := filepath.Join(h.Dir(name), "ssh.sock.1234567890123456")
	if len(longest) >= unixPathMax {
		return fmt.Errorf("instance name %#q too long: %#q must be less than UNIX_PATH_MAX=%d characters, but is %d", name, longest, unixPathMax, len(longest))
	}
	return nil
}

// Hostname is the guest's name for an instance.
func Hostname(instance string) string {
	return "lima-" + strings.NewReplacer(".", "-", "_", "-").Replace(instance)
}
