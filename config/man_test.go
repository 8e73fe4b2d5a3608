package config

import (
	"fmt"
	"strings"
)

//go:generate go test . -run ^Test(Readme|Man)$ -update

// Man is the manual page, from the tables that help is made from.
func Man() string {
	var page strings.Builder
	line := func(text string) { page.WriteString(text + "\n") }
	item := func(term, text string) { line(".TP\n.B " + roff(term) + "\n" + roff(text)) }
	line(`.\" Written by go generate; do not edit.`)
	line(`.TH DVM 1 "" dvm "User Commands"`)
	line(".SH NAME\ndvm \\- a Fedora VM for every project, through Lima")
	line(".SH SYNOPSIS\n.B dvm\n.RI [ VM .\\|.\\|. ]\n.br\n.B dvm\n.I COMMAND\n.RI [ ARGUMENT .\\|.\\|. ]")
	line(".SH DESCRIPTION")
	line(roff("dvm creates, starts and brings up to date one virtual machine for each project, and is configured by environment " +
		"variables alone; there are no flags. With names of VMs and no command it syncs them; with nothing it syncs the VM of " +
		"DVM_NAME, or lists the VMs where that is unset."))
	line(".SH COMMANDS")
	for _, verb := range Verbs() {
		item(strings.TrimSpace(verb.Name+" "+verb.Args), verb.Meaning)
	}
	line(".SH ENVIRONMENT")
	for i, rule := range Rules() {
		if rule != "" {
			if i > 1 {
				line(".PP")
			}
			line(roff(rule))
		}
	}
	for _, entry := range Reference() {
		name, meaning := entry.Name, entry.Meaning
		if entry.PerVM {
			name += " *"
		}
		if entry.Default != "" {
			meaning += " (default: " + entry.Default + ")"
		}
		item(name, meaning)
	}
	line(".SH EXIT STATUS")
	for _, status := range [][2]string{
		{"0", "done"},
		{"1", "something failed"},
		{"2", "the command or a variable is wrong; nothing was run"},
		{"129, 130, 131, 143", "ended by SIGHUP, SIGINT, SIGQUIT or SIGTERM"},
	} {
		item(status[0], status[1])
	}
	line(".PP\n" + roff("dvm ssh ends with the exit status of the command in the VM."))
	line(".SH SEE ALSO\n.BR limactl (1),\n.BR direnv (1)")
	return page.String()
}

// roff keeps troff from reading text as its own signs.
func roff(text string) string {
	var safe strings.Builder
	for i, r := range text {
		switch {
		case r == '\\':
			safe.WriteString(`\e`)
		case r == '-':
			safe.WriteString(`\-`)
		case r == '"':
			safe.WriteString(`\(dq`)
		case r == '\'':
			safe.WriteString(`\(aq`)
		case r == '.' && i == 0:
			safe.WriteString(`\&.`)
		case r == '…': // which an ASCII terminal has not
			safe.WriteString("...")
		case r > '~':
			fmt.Fprintf(&safe, `\[u%04X]`, r)
		default:
			safe.WriteRune(r)
		}
	}
	return safe.String()
}
