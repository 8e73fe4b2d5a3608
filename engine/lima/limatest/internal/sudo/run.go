package sudo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	sudoers    = "/etc/sudoers"
	securePath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// target is whom the command runs as.
type target struct {
	*user.User
	shell  string
	uid    uint32
	gid    uint32
	groups []uint32
}

// run checks the caller's right and runs the command; the exit code is the command's.
func (c call) run(stdout io.Writer) (int, error) {
	caller, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		return 0, fmt.Errorf("you do not exist in the passwd database")
	}
	to, err := c.target()
	if err != nil {
		return 0, err
	}
	if err := authorize(caller, to.Username); err != nil {
		return 0, err
	}
	if c.list {
		return 0, list(stdout, caller)
	}
	if c.validate || c.forget && len(c.argv) == 0 {
		return 0, nil
	}
	env := c.environ(caller, to)
	argv := c.command(to)
	path, err := lookPath(argv[0])
	if err != nil {
		return 0, err
	}
	if c.login {
		argv = append([]string{"-" + filepath.Base(to.shell)}, argv[1:]...)
	}
	cmd := &exec.Cmd{Path: path, Args: argv, Env: env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	if c.login {
		cmd.Dir = to.HomeDir
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: to.uid, Gid: to.gid, Groups: to.groups}}
	return runRelayed(cmd)
}

// authorize lets root and whom the sudoers let.
func authorize(caller *user.User, target string) error {
	if caller.Uid == "0" {
		return nil
	}
	rules, err := readRules(sudoers)
	if err != nil {
		return err
	}
	groups, err := groupNames()
	if err != nil {
		return err
	}
	if judge(rules, caller.Username, groups, target) != allowed {
		return errors.New("a password is required")
	}
	return nil
}

// groupNames are the groups that this process has, which is what counts: not what /etc/group says by now.
func groupNames() ([]string, error) {
	ids, err := os.Getgroups()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, id := range append(ids, os.Getgid()) {
		if g, err := user.LookupGroupId(strconv.Itoa(id)); err == nil {
			names = append(names, g.Name)
		}
	}
	return names, nil
}

func (c call) target() (target, error) {
	name := c.user
	if name == "" {
		name = "root"
	}
	lookup := user.Lookup
	if id, ok := strings.CutPrefix(name, "#"); ok {
		name, lookup = id, user.LookupId
	}
	u, err := lookup(name)
	if err != nil {
		return target{}, fmt.Errorf("unknown user %s", name)
	}
	t := target{User: u, shell: loginShell(u.Username)}
	ids, err := u.GroupIds()
	if err != nil {
		return t, err
	}
	if c.group != "" {
		g, err := user.LookupGroup(c.group)
		if err != nil {
			return t, fmt.Errorf("unknown group %s", c.group)
		}
		u.Gid = g.Gid
	}
	for _, id := range ids {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return t, err
		}
		t.groups = append(t.groups, uint32(n))
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	t.uid, t.gid = uint32(uid), uint32(gid)
	return t, errors.Join(err1, err2)
}

// loginShell is the last field of the user's line in /etc/passwd, which os/user does not tell.
func loginShell(name string) string {
	content, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return "/bin/sh"
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 7 && fields[0] == name && fields[6] != "" {
			return fields[6]
		}
	}
	return "/bin/sh"
}

// command is what to run: the words as they are, or a shell with them.
func (c call) command(to target) []string {
	shell := to.shell
	switch {
	case c.shell && os.Getenv("SHELL") != "":
		shell = os.Getenv("SHELL")
	case !c.login && !c.shell:
		return c.argv
	}
	if len(c.argv) == 0 {
		return []string{shell}
	}
	return []string{shell, "-c", escapeWords(c.argv)}
}

// escapeWords joins words for a shell as sudo -i and -s do: a backslash before all but letters, digits, _, - and $.
func escapeWords(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		for _, c := range []byte(w) {
			if c < 0x80 && !strings.ContainsRune("_-$", rune(c)) && !isAlphanumeric(c) {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// environ is the environment after env_reset.
func (c call) environ(caller *user.User, to target) []string {
	env := []string{
		"PATH=" + securePath,
		"HOME=" + to.HomeDir,
		"USER=" + to.Username,
		"LOGNAME=" + to.Username,
		"SHELL=" + to.shell,
		"MAIL=/var/mail/" + to.Username,
	}
	if !c.login {
		env = append(env,
			"SUDO_COMMAND="+strings.Join(c.argv, " "),
			"SUDO_USER="+caller.Username,
			"SUDO_UID="+caller.Uid,
			"SUDO_GID="+caller.Gid,
			"SUDO_HOME="+caller.HomeDir,
		)
	}
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "TERM", "LANG", "LANGUAGE", "COLORTERM", "DISPLAY", "PS1", "LS_COLORS":
			env = append(env, kv)
		default:
			if strings.HasPrefix(name, "LC_") {
				env = append(env, kv)
			}
		}
	}
	return append(env, c.env...)
}

// lookPath finds a command in sudo's own PATH.
func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		if _, err := os.Stat(name); err != nil {
			return "", fmt.Errorf("%s: command not found", name)
		}
		return name, nil
	}
	for dir := range strings.SplitSeq(securePath, ":") {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s: command not found", name)
}

// runRelayed runs the command in this process's group, passes signals on to it, and ends as it ends.
func runRelayed(cmd *exec.Cmd) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	go func() {
		for s := range signals {
			// The command may have ended already.
			_ = cmd.Process.Signal(s)
		}
	}()
	err := cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return dieBy(status.Signal()), nil
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}

// dieBy ends this process by the signal that ended its command, as sudo does.
func dieBy(s syscall.Signal) int {
	signal.Reset(s)
	// What follows is only reached by a signal that did not kill.
	_ = syscall.Kill(os.Getpid(), s)
	return 128 + int(s)
}

func list(w io.Writer, caller *user.User) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `Matching Defaults entries for %[1]s on %[2]s:
    env_reset, mail_badpass, secure_path=%[3]s, use_pty

User %[1]s may run the following commands on %[2]s:
    (ALL) NOPASSWD: ALL
`, caller.Username, host, strings.ReplaceAll(securePath, ":", `\:`))
	return err
}
