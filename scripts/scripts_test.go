package scripts_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"

	"dvm/config"
	"dvm/scripts"
)

// TestShell parses each file as bash, and wants of it what all have: strict mode and a header that says what it is.
func TestShell(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".sh" {
			t.Run(path, func(t *testing.T) { checkFile(t, path) })
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// kind is what a file is for, and what it must have for that.
type kind struct {
	strict    string   // a line of it
	functions []string // that others call
	program   bool     // it is run, not evaluated
}

var (
	step       = kind{strict: "set -Eeuo pipefail", functions: []string{"check", "apply"}}
	stepLooked = kind{strict: "set -Eeuo pipefail", functions: []string{"look", "apply"}} // see session.sh
)

// kinds holds what is not a step.
var kinds = map[string]kind{
	"user.sh":        stepLooked,
	"code.sh":        stepLooked,
	"subids.sh":      stepLooked,
	"setup.sh":       stepLooked,
	"files.sh":       {strict: "set -uo pipefail", functions: []string{"begin_files", "ask_files", "forget_files"}}, // comes before session.sh
	"session.sh":     {strict: "set -uo pipefail", functions: []string{"session"}},                                  // outlives its steps' failures
	"work.sh":        {strict: "set -uo pipefail", functions: []string{"begin_watch", "begin_work"}},                // follows session.sh
	"ahead.sh":       {strict: "set -uo pipefail", functions: []string{"read_words"}},                               // comes before command.sh
	"terminal.sh":    {strict: "set -uo pipefail", functions: []string{"settle_terminal"}},                          // comes before a program
	"transaction.sh": {strict: "set -uo pipefail", functions: []string{"find_transaction", "busy"}},                 // follows session.sh
	"copy.sh":        {strict: "set -uo pipefail", functions: []string{"begin", "fail", "finish"}},                  // reports what fails
	"copy-in.sh":     {functions: []string{"copy_in"}},                                                              // follows copy.sh
	"copy-out.sh":    {functions: []string{"copy_out"}},
	"authorize.sh":   {strict: "set -Eeuo pipefail", program: true},
	"command.sh":     {strict: "set -uo pipefail", program: true}, // reports what fails
	"endcommand.sh":  {strict: "set -uo pipefail", program: true}, // what it looks at comes and goes
	"endsessions.sh": {strict: "set -uo pipefail", functions: []string{"end_sessions", "find_members"}},
	"inuse.sh":       {strict: "set -uo pipefail", program: true}, // what it looks at comes and goes
	"login.sh":       {strict: "set -uo pipefail", program: true},
	"unsaved.sh":     {strict: "set -uo pipefail", program: true}, // looks on after a failure
}

func checkFile(t *testing.T, path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file := parse(t, path, string(text))
	lines := strings.Split(string(text), "\n")
	if lines[0] != "#!/usr/bin/env bash" || !strings.HasPrefix(lines[1], "# ") || lines[2] != "#" && !strings.HasPrefix(lines[2], "# ") {
		t.Errorf("it does not begin with #!/usr/bin/env bash and a line that says what it is")
	}
	kind, known := kinds[path]
	if !known {
		kind = step
	}
	if !slices.Contains(lines, kind.strict) {
		t.Errorf("it lacks a line %q", kind.strict)
	}
	functions := declared(file)
	for _, name := range kind.functions {
		if !slices.Contains(functions, name) {
			t.Errorf("it does not define %s", name)
		}
	}
	if kind.program {
		return
	}
	// A file is evaluated where it is used, and must do nothing by that.
	for _, statement := range file.Stmts {
		switch command := statement.Cmd.(type) {
		case *syntax.FuncDecl, *syntax.DeclClause:
		case *syntax.CallExpr:
			if len(command.Args) > 0 && command.Args[0].Lit() != "set" { // or an assignment
				t.Errorf("line %d runs something", statement.Pos().Line())
			}
		default:
			t.Errorf("line %d runs something", statement.Pos().Line())
		}
	}
}

func parse(t *testing.T, name, text string) *syntax.File {
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func declared(file *syntax.File) (names []string) {
	for _, statement := range file.Stmts {
		if function, ok := statement.Cmd.(*syntax.FuncDecl); ok {
			names = append(names, function.Name.Value)
		}
	}
	return names
}

// TestLooksSpareTheSession: a look runs in the session's own shell, so that its script must not define again what that one
// lives by, nor end it.
func TestLooksSpareTheSession(t *testing.T) {
	session := declared(parse(t, "session.sh", scripts.Files+scripts.Session+scripts.Transaction+scripts.EndSessions+scripts.Work))
	for name, text := range map[string]string{"user.sh": scripts.User, "code.sh": scripts.Code, "subids.sh": scripts.SubIDs, "setup.sh": scripts.Setup} {
		whole, file := parse(t, name, text), parse(t, name, scripts.Look(text))
		for _, function := range declared(whole) {
			if slices.Contains(session, function) {
				t.Errorf("%s defines %s, and so does the session", name, function)
			}
		}
		later := slices.DeleteFunc(declared(whole), func(name string) bool { return slices.Contains(declared(file), name) })
		syntax.Walk(file, func(node syntax.Node) bool {
			switch node := node.(type) {
			case *syntax.Subshell, *syntax.CmdSubst:
				return false
			case *syntax.DeclClause:
				if node.Variant.Value == "readonly" {
					t.Errorf("%s, line %d: readonly, which a second look would meet", name, node.Pos().Line())
				}
			case *syntax.CallExpr:
				if len(node.Args) > 0 && (node.Args[0].Lit() == "exit" || node.Args[0].Lit() == "trap") {
					t.Errorf("%s, line %d: %s would be the session's", name, node.Pos().Line(), node.Args[0].Lit())
				}
				if len(node.Args) > 0 && slices.Contains(later, node.Args[0].Lit()) {
					t.Errorf("%s, line %d: %s comes after apply, where a look does not find it", name, node.Pos().Line(), node.Args[0].Lit())
				}
			case *syntax.Assign:
				if node.Name != nil && (strings.HasPrefix(node.Name.Value, "session_") || strings.HasPrefix(node.Name.Value, "step_")) {
					t.Errorf("%s, line %d: sets %s", name, node.Pos().Line(), node.Name.Value)
				}
			}
			return true
		})
	}
}

// TestBuiltIns holds each built-in setup script's header against what the script reads, and against the rules.
func TestBuiltIns(t *testing.T) {
	always := []string{"DVM_USER", "DVM_VM", "DVM_LIMA_NAME", "DVM_SUBUID_COUNT", "DVM_SUBGID_COUNT"}
	documented := map[string]bool{}
	for _, entry := range config.Reference() {
		documented[entry.Name] = true
	}
	taken := map[string]bool{}
	for _, script := range scripts.BuiltIns() {
		t.Run(script.Name, func(t *testing.T) {
			if script.Meaning == "" || script.Variables == nil || script.Secrets == nil {
				t.Fatalf("its header is not complete: %+v", script)
			}
			var read []string
			syntax.Walk(parse(t, script.Name, script.Text), func(node syntax.Node) bool {
				if expansion, ok := node.(*syntax.ParamExp); ok && expansion.Param != nil {
					read = append(read, expansion.Param.Value)
				}
				return true
			})
			for _, name := range slices.Concat(script.Variables, script.Secrets) {
				if !slices.Contains(read, name) {
					t.Errorf("it does not read %s, which its header names", name)
				}
			}
			for _, name := range read {
				if strings.HasPrefix(name, "DVM_") && !slices.Contains(always, name) && !slices.Contains(script.Variables, name) {
					t.Errorf("it reads %s, which its header does not name", name)
				}
			}
			for _, name := range script.Variables {
				taken[name] = true
				if !documented[name] {
					t.Errorf("dvm does not know its variable %s", name)
				}
			}
			checkSources(t, script.Text)
		})
	}
	for _, entry := range config.Reference() {
		owner, _, found := strings.Cut(entry.Meaning, ": ")
		if _, ofScript := scripts.FindBuiltIn(owner); found && ofScript && !taken[entry.Name] {
			t.Errorf("%s is documented as %s's, which does not read it", entry.Name, owner)
		}
	}
}

// checkSources refuses software that nobody has signed or pinned.
func checkSources(t *testing.T, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.Contains(line, "curl"), strings.Contains(line, "wget"):
			t.Errorf("it downloads by itself: %s", line)
		case strings.Contains(line, "dnf5 ") && !strings.Contains(line, "dnf5 -y install --setopt=install_weak_deps=False "):
			t.Errorf("it runs dnf5 otherwise than the others: %s", line)
		case strings.HasPrefix(line, "baseurl=") && !strings.HasPrefix(line, "baseurl=https://"):
			t.Errorf("its packages do not come by https: %s", line)
		}
	}
	repositories := strings.Count(text, "\nbaseurl=")
	if strings.Count(text, "\ngpgcheck=1\n") != repositories || strings.Count(text, "\ngpgkey=https://") != repositories {
		t.Error("a repository's packages are not checked against a key")
	}
}

// TestTurnIsAwaitedByCount: the clock of a guest jumps, when the host has slept or the time is set; waiting is not cut short.
func TestTurnIsAwaitedByCount(t *testing.T) {
	program := scripts.Work + `
		is_busy() { ((rounds++ < 3)); }
		emit() { :; }
		sleep() { SECONDS=1000000; }
		rounds=0 waited=0 other=something
		session_turn_wait=$1
		await_turn 0`
	for wait, want := range map[string]bool{"3": true, "2": false} {
		err := exec.Command("bash", "-c", program, "bash", wait).Run()
		if (err == nil) != want {
			t.Errorf("a turn that comes after 3 rounds is awaited for %s: %v", wait, err)
		}
	}
}
