package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// firstBootMark says that cloud-init has set up this disk.
const firstBootMark = "/var/lib/cloud/limatest-first-boot"

// cloudInit does what Lima's cloud-init does: at the first boot Lima's account, at each boot what lives in /run.
func cloudInit(spec Spec) error {
	if err := perBoot(spec); err != nil {
		return err
	}
	if _, err := os.Stat(firstBootMark); err == nil {
		return nil
	}
	for _, step := range []func(Spec) error{cleanHost, writeAccount, writeSudoers, writeProfile} {
		if err := step(spec); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(firstBootMark), 0o755); err != nil {
		return err
	}
	return os.WriteFile(firstBootMark, nil, 0o644)
}

func perBoot(spec Spec) error {
	runtimeDir := filepath.Join("/run/user", strconv.Itoa(spec.Account.UID))
	for _, dir := range []string{"/run/lock", runtimeDir} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(runtimeDir, 0o700); err != nil {
		return err
	}
	if err := os.Chown(runtimeDir, spec.Account.UID, spec.Account.UID); err != nil {
		return err
	}
	return os.WriteFile("/run/lima-ssh-ready", nil, 0o644)
}

// cleanHost removes what this machine has and a new guest has not: its people, their subordinate ids and rights, and
// what dvm would have left.
func cleanHost(Spec) error {
	if err := os.RemoveAll("/var/lib/dvm"); err != nil {
		return err
	}
	for file, field := range map[string]int{"/etc/passwd": 2, "/etc/group": 2} {
		if err := filterLines(file, func(fields []string) bool { return !isPerson(fields, field) }); err != nil {
			return err
		}
	}
	people, err := names("/etc/passwd")
	if err != nil {
		return err
	}
	groups, err := names("/etc/group")
	if err != nil {
		return err
	}
	for file, known := range map[string][]string{"/etc/shadow": people, "/etc/gshadow": groups} {
		if err := filterLines(file, func(fields []string) bool { return slices.Contains(known, fields[0]) }); err != nil {
			return err
		}
	}
	return nil
}

// isPerson says whether an entry's id is one that useradd gives out.
func isPerson(fields []string, idField int) bool {
	if len(fields) <= idField {
		return false
	}
	id, err := strconv.Atoi(fields[idField])
	return err == nil && id >= 1000 && id < 65000
}

func writeAccount(spec Spec) error {
	a := spec.Account
	id := strconv.Itoa(a.UID)
	for _, e := range []struct{ file, line string }{
		{"/etc/passwd", strings.Join([]string{a.Name, "x", id, id, "", spec.Home, spec.Shell}, ":")},
		{"/etc/group", strings.Join([]string{a.Name, "x", id, ""}, ":")},
		{"/etc/shadow", a.Name + ":!:20000:0:99999:7:::"},
		{"/etc/gshadow", a.Name + ":!::"},
	} {
		if err := setEntry(e.file, a.Name, e.line); err != nil {
			return err
		}
	}
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		if err := os.WriteFile(file, []byte(a.Name+":"+a.SubID+"\n"), 0o644); err != nil {
			return err
		}
	}
	return makeHome(spec)
}

// makeHome makes the account's home as useradd does, from /etc/skel.
func makeHome(spec Spec) error {
	uid := spec.Account.UID
	if err := os.MkdirAll(filepath.Dir(spec.Home), 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(spec.Home, os.DirFS("/etc/skel")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(spec.Home, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(spec.Home, 0o700); err != nil {
		return err
	}
	err := filepath.WalkDir(spec.Home, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, uid))
	})
	if err != nil {
		return err
	}
	if old, ok := strings.CutSuffix(spec.Home, ".guest"); ok {
		return os.Symlink(filepath.Base(spec.Home), old+".linux")
	}
	return nil
}

func writeSudoers(spec Spec) error {
	const dir = "/etc/sudoers.d"
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	if err := os.RemoveAll("/etc/sudoers"); err != nil {
		return err
	}
	main := "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n%wheel ALL=(ALL) ALL\n@includedir " + dir + "\n"
	if err := os.WriteFile("/etc/sudoers", []byte(main), 0o440); err != nil {
		return err
	}
	user := spec.Account.Name
	text := fmt.Sprintf("# Created by %[1]s-cloud-init\n\n# User rules for %[1]s\n%[1]s ALL=(ALL) NOPASSWD:ALL\n", user)
	return os.WriteFile(filepath.Join(dir, "90-cloud-init-users"), []byte(text), 0o440)
}

// writeProfile gives login shells the system directories, as Lima does.
func writeProfile(Spec) error {
	const text = "case \":$PATH:\" in *:/usr/sbin:*) ;; *) PATH=\"$PATH:/usr/sbin:/sbin\" ;; esac\n"
	if err := os.MkdirAll("/etc/profile.d", 0o755); err != nil {
		return err
	}
	return os.WriteFile("/etc/profile.d/zz-lima.sh", []byte(text), 0o644)
}

// setEntry puts a line into a file like /etc/passwd, in place of the one of that name.
func setEntry(file, name, line string) error {
	if err := filterLines(file, func(fields []string) bool { return fields[0] != name }); err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return rewrite(file, string(content)+line+"\n")
}

// filterLines keeps the lines of a file like /etc/passwd whose fields please keep. A missing file stays empty.
func filterLines(file string, keep func(fields []string) bool) error {
	content, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(string(content)) {
		if keep(strings.Split(strings.TrimSuffix(line, "\n"), ":")) {
			kept.WriteString(line)
		}
	}
	return rewrite(file, kept.String())
}

// rewrite replaces a file's content and keeps its mode; a new one is readable where its name is no shadow's.
func rewrite(file, content string) error {
	mode := fs.FileMode(0o644)
	if strings.HasSuffix(file, "shadow") {
		mode = 0o600
	}
	return os.WriteFile(file, []byte(content), mode)
}

// names are the first fields of a file like /etc/passwd.
func names(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	var all []string
	for line := range strings.Lines(string(content)) {
		name, _, _ := strings.Cut(line, ":")
		all = append(all, name)
	}
	return all, err
}
