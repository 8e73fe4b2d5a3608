package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"dvm/scripts"
)

const maxScript = 1 << 20 // bytes: a script of a mebibyte is a mistake, and would be slow on the wire

// Script is a setup script as it was when the command began.
type Script struct {
	Name    string // as DVM_SETUP gives it
	ID      string // what the guest remembers it under: the absolute path, symlinks not followed, or the built-in one's name
	Body    string
	BuiltIn *scripts.BuiltIn // nil for a file of the host
}

// readScripts reads the scripts that DVM_SETUP lists. The error joins one for each that can't be used.
func readScripts(items []string) ([]Script, error) {
	var list []Script
	var problems []error
	seen := map[string]bool{}
	for _, item := range items {
		script, err := readScript(item)
		if err == nil && seen[script.ID] {
			err = wants("every script once", item)
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		seen[script.ID] = true
		list = append(list, script)
	}
	return list, errors.Join(problems...)
}

// readScript opens the file once and looks at what it opened, so that nothing can be put in its place between the check
// and the use.
func readScript(item string) (Script, error) {
	if !strings.Contains(item, "/") {
		return builtInScript(item)
	}
	if strings.ContainsFunc(item, unicode.IsControl) { // it is a step's name on the terminal and in logs
		return Script{}, wants("paths without control characters", item)
	}
	name, err := fromHome(item)
	if err != nil {
		return Script{}, err
	}
	id, err := absolute(name)
	if err != nil {
		return Script{}, err
	}
	// O_NONBLOCK: opening a named pipe must not wait for its writer.
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) && strings.ContainsFunc(item, unicode.IsSpace) {
		return Script{}, itemsTogether(item)
	}
	if err != nil {
		return Script{}, wants("files that can be read ("+reason(err)+")", item)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Script{}, wants("files that can be read ("+reason(err)+")", item)
	}
	if err := trusted(info); err != nil {
		return Script{}, wants("files "+err.Error(), item)
	}
	body, err := io.ReadAll(io.LimitReader(file, maxScript+1))
	switch {
	case err != nil:
		return Script{}, wants("files that can be read ("+reason(err)+")", item)
	case len(body) > maxScript:
		return Script{}, wants("scripts of at most 1 MiB", item)
	case bytes.IndexByte(body, 0) >= 0:
		return Script{}, wants("shell scripts, which hold no NUL byte", item)
	}
	if err := forBash(string(body)); err != nil {
		return Script{}, wants("scripts "+err.Error(), item)
	}
	return Script{Name: item, ID: id, Body: string(body)}, nil
}

// forBash refuses what bash, which runs every script, would take for something else: it does not read the first line.
func forBash(body string) error {
	first, _, _ := strings.Cut(body, "\n")
	if strings.HasPrefix(first, "\uFEFF") {
		return errors.New("without a byte order mark")
	}
	if strings.HasSuffix(first, "\r") {
		return errors.New("whose lines end in LF (they end in CRLF; tr -d '\\r' mends it)")
	}
	interpreter, found := strings.CutPrefix(first, "#!")
	if !found {
		return nil
	}
	words := strings.Fields(interpreter)
	if len(words) > 0 && path.Base(words[0]) == "env" {
		words = slices.DeleteFunc(words[1:], func(word string) bool { return strings.HasPrefix(word, "-") || strings.Contains(word, "=") })
	}
	if len(words) > 0 && !slices.Contains([]string{"bash", "sh", "dash"}, path.Base(words[0])) {
		return fmt.Errorf("for bash, which may run others (its first line is %q)", first)
	}
	return nil
}

// reason drops the operation and the path, which the message says already.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

// trusted refuses what somebody else could have written: setup scripts run with root's rights in the guest.
func trusted(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		kind := "not a regular file"
		if info.IsDir() {
			kind = "a directory"
		}
		return fmt.Errorf("that are regular files (it is %s)", kind)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return errors.New("whose owner can be told")
	}
	if uid := int(stat.Uid); uid != os.Geteuid() && uid != 0 {
		return fmt.Errorf("owned by you or root (its owner has uid %d)", uid)
	}
	mode := info.Mode().Perm()
	if mode&0o002 != 0 {
		return fmt.Errorf("that only their owner can write (its mode is %#o; chmod go-w mends it)", mode)
	}
	if mode&0o020 != 0 && !privateGroup(stat.Uid, stat.Gid) {
		return fmt.Errorf("that only their owner can write (its mode is %#o; chmod g-w mends it)", mode)
	}
	return nil
}

// privateGroup tells whether the group is the owner's own, of the same name, as many Linux systems give one to each user.
func privateGroup(uid, gid uint32) bool {
	owner, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return false
	}
	group, err := user.LookupGroupId(strconv.FormatUint(uint64(gid), 10))
	return err == nil && group.Name == owner.Username
}
