package main

import (
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

//go:generate go test . -run ^TestScripts$/^pictures$ -update

// picture runs a command on a terminal, and holds docs/pictures/NAME.svg against what the terminal shows in the end. What
// depends on the run is not compared; -update draws a picture anew where something else differs. The directory of the case is shown as a home.
func picture(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: picture name command")
	}
	cmd := exec.Command("sh", "-c", args[1])
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "LC_ALL", "LIMA_HOME", "LIMATEST_LOG", "LIMATEST_QUIET"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	// Without animation: a picture shows the lines that stay.
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "CI=true")
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 110, Rows: 40})
	ts.Check(err)
	defer screen.Close()
	out, _ := io.ReadAll(screen) // ends with an error when the terminal is closed
	if failed := cmd.Wait() != nil; failed != neg {
		ts.Fatalf("%s failed: %v\n%s", args[1], failed, out)
	}
	text := "\x1b[1m$ " + args[1] + "\x1b[0m\n" + strings.ReplaceAll(string(out), "\r\n", "\n")
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "/home/ann")
	drawn := draw(text)
	path := filepath.Join("docs", "pictures", args[0]+".svg")
	kept, err := os.ReadFile(path)
	if err == nil && bare(string(kept)) == bare(drawn) {
		return
	}
	if !*update {
		ts.Fatalf("%s is stale; go generate ./... draws it anew:\n%s", path, text)
	}
	ts.Check(os.WriteFile(path, []byte(drawn), 0o644))
}

// bare is a picture without what another run or another host makes different: durations, the width that they give, a uid.
func bare(picture string) string {
	return regexp.MustCompile(`[0-9.]+ s\b|width="\d+"|viewBox="[^"]*"|uid \d+`).ReplaceAllString(picture, "")
}

// draw is text with SGR colours as an SVG of a terminal.
func draw(text string) string {
	const left, top, lineHeight, cell = 16, 16, 19, 8.43 // of a monospace font of 14 px
	styles := map[string]string{
		"\x1b[32m": ` fill="#7ec699"`,
		"\x1b[31m": ` fill="#f08d8d"`,
		"\x1b[2m":  ` fill="#8b949e"`,
		"\x1b[1m":  ` font-weight="bold"`,
		"\x1b[0m":  "",
	}
	sgr := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	columns := 0
	var body strings.Builder
	for i, line := range lines {
		columns = max(columns, utf8.RuneCountInString(sgr.ReplaceAllString(line, "")))
		fmt.Fprintf(&body, `<text x="%d" y="%d" xml:space="preserve">`, left, top+lineHeight*(i+1)-5)
		style := ""
		for line != "" {
			run, next := line, ""
			if at := sgr.FindStringIndex(line); at != nil {
				run, next, line = line[:at[0]], line[at[0]:at[1]], line[at[1]:]
			} else {
				line = ""
			}
			if run != "" {
				fmt.Fprintf(&body, `<tspan%s>%s</tspan>`, style, html.EscapeString(run))
			}
			if next != "" {
				style = styles[next]
			}
		}
		body.WriteString("</text>\n")
	}
	width, height := int(2*left+cell*float64(columns)), 2*top+lineHeight*len(lines)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" role="img">
<title>%s</title>
<rect width="100%%" height="100%%" rx="8" fill="#161b22"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="#e6edf3">
%s</g>
</svg>
`, width, height, html.EscapeString(sgr.ReplaceAllString(lines[0], "")), body.String())
}
