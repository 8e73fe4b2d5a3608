package limatest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// recording is one call of the real limactl, and its answer.
type recording struct {
	name   string
	argv   []string
	code   int
	stdout string
	stderr string
}

func readRecording(t *testing.T, name string) recording {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata/recorded", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(content), "\n--- stdout\n")
	stdout, stderr, ok2 := strings.Cut(rest, "--- stderr\n")
	call, tail, ok3 := strings.Cut(head, "\nexit: ")
	code, _, ok4 := strings.Cut(tail, "\n")
	n, err := strconv.Atoi(code)
	if !ok1 || !ok2 || !ok3 || !ok4 || err != nil {
		t.Fatalf("%s is no recording", name)
	}
	words := strings.TrimPrefix(call, "$ limactl ")
	return recording{name: name, argv: split(t, words), code: n, stdout: stdout, stderr: stderr}
}

// split lets bash read the words, since they are quoted as it does.
func split(t *testing.T, words string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash")
	cmd.Stdin = strings.NewReader("printf '%s\\0' " + words)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// normalise makes what differs from one machine and moment to the next the same.
func normalise(l *lima, text string) string {
	text = strings.ReplaceAll(text, l.home, "/home/me/.lima")
	for _, r := range []struct{ pattern, with string }{
		{`time="[^"]*"`, `time=""`},
		{`127\.0\.0\.1:\d{4,5}( *)`, "127.0.0.1:PORT    "},
		{`SSH +VMTYPE`, "SSH    VMTYPE"},
		{`SSH Local Port: \d+`, "SSH Local Port: N"},
		{`process \d+`, "process N"},
		{`XDG_SESSION_ID=\d+`, "XDG_SESSION_ID=N"},
		{`(?m)^(/bin/)?bash: (line 1: )?`, "bash: "},
		{`attempted to save the buffer as (.*?) but failed: open .*?: permission denied\\n`, "saved the buffer as $1: "},
	} {
		text = regexp.MustCompile(r.pattern).ReplaceAllString(text, r.with)
	}
	return text
}

// compareRecords wants the same warnings and errors and the same lines that are no records. Of what is merely told,
// the stand-in may leave out some, but it adds nothing.
func compareRecords(t *testing.T, got, want string) {
	t.Helper()
	gotGrave, gotInfo := sift(got)
	wantGrave, wantInfo := sift(want)
	if strings.Join(gotGrave, "\n") != strings.Join(wantGrave, "\n") {
		t.Errorf("stderr\n%s\nwant\n%s", strings.Join(gotGrave, "\n"), strings.Join(wantGrave, "\n"))
	}
	for _, line := range gotInfo {
		for len(wantInfo) > 0 && wantInfo[0] != line {
			wantInfo = wantInfo[1:]
		}
		if len(wantInfo) == 0 {
			t.Errorf("stderr says, where the real one does not: %s", line)
			return
		}
	}
}

// sift parts stderr into what is grave and what is merely told.
func sift(text string) (grave, told []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if strings.Contains(line, " level=info ") {
			told = append(told, line)
		} else {
			grave = append(grave, line)
		}
	}
	return grave, told
}
