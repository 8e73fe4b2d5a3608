package sudo

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// rule is one line of sudoers: who may run everything as whom, and whether that takes a password.
type rule struct {
	who      string // a user, or %group
	runas    string
	password bool
}

// readRules reads the sudoers file and the directories it includes, as far as sudo would trust them.
func readRules(path string) ([]rule, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !trusted(info) {
		return nil, err
	}
	var rules []rule
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		dir, isInclude := strings.CutPrefix(line, "@includedir ")
		if !isInclude {
			dir, isInclude = strings.CutPrefix(line, "#includedir ")
		}
		if isInclude {
			more, err := readDir(strings.TrimSpace(dir))
			if err != nil {
				return nil, err
			}
			rules = append(rules, more...)
			continue
		}
		if r, ok := parseRule(line); ok {
			rules = append(rules, r)
		}
	}
	return rules, nil
}

// readDir reads the files of a sudoers.d in order; like sudo it passes over names with a dot or a final tilde.
func readDir(dir string) ([]rule, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var rules []rule
	for _, e := range entries {
		if strings.Contains(e.Name(), ".") || strings.HasSuffix(e.Name(), "~") {
			continue
		}
		more, err := readRules(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		rules = append(rules, more...)
	}
	return rules, nil
}

// trusted says whether sudo would read a file: it is root's, and nobody else may write it.
func trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && info.Mode().IsRegular() && info.Mode().Perm()&0o022 == 0
}

// parseRule reads `WHO ALL=(RUNAS) [NOPASSWD:] ALL`, with or without blanks; it knows no other form.
func parseRule(line string) (rule, bool) {
	line, _, _ = strings.Cut(line, "#")
	who, rest, ok := strings.Cut(strings.TrimSpace(line), " ")
	if !ok || who == "Defaults" {
		return rule{}, false
	}
	r := rule{who: who, runas: "root", password: true}
	rest = strings.NewReplacer(" ", "", "\t", "").Replace(rest)
	if rest, ok = strings.CutPrefix(rest, "ALL="); !ok {
		return rule{}, false
	}
	if strings.HasPrefix(rest, "(") {
		r.runas, rest, ok = strings.Cut(rest[1:], ")")
		if !ok {
			return rule{}, false
		}
		r.runas, _, _ = strings.Cut(r.runas, ":")
	}
	if after, free := strings.CutPrefix(rest, "NOPASSWD:"); free {
		r.password, rest = false, after
	}
	return r, rest == "ALL"
}

// verdict is what the rules say of a caller.
type verdict int

const (
	unknown verdict = iota
	needsPassword
	allowed
)

// judge lets the last rule that matches decide, as sudo does.
func judge(rules []rule, caller string, groups []string, target string) verdict {
	v := unknown
	for _, r := range rules {
		group, isGroup := strings.CutPrefix(r.who, "%")
		matches := r.who == "ALL" || r.who == caller || isGroup && slices.Contains(groups, group)
		if !matches || r.runas != "ALL" && r.runas != target {
			continue
		}
		v = needsPassword
		if !r.password {
			v = allowed
		}
	}
	return v
}
