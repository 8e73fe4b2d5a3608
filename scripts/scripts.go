// Package scripts holds the shell files that run in the guest: the program of a session, the steps' own scripts, those of
// the other verbs, and the built-in setup scripts. Each says in its header what it reads and what it answers.
package scripts

import (
	_ "embed" // for the scripts
	"strings"
)

// Session is the program of a guest session; its header says what it wants and what it reports. Files comes before it, and
// Work is the rest of it, with Transaction and EndSessions before that.
var (
	//go:embed files.sh
	Files string
	//go:embed session.sh
	Session string
	//go:embed work.sh
	Work string
)

// Transaction defines what finds a package transaction: no apply that installs packages may meet one, and none is ended half-way.
//
//go:embed transaction.sh
var Transaction string

// EndSessions defines what ends processes of the guest. Transaction comes before it.
//
//go:embed endsessions.sh
var EndSessions string

// The steps' own scripts. Each defines apply, and look or check, and says in its header what variables it reads.
var (
	//go:embed user.sh
	User string
	//go:embed code.sh
	Code string
	//go:embed subids.sh
	SubIDs string
	//go:embed packages.sh
	Packages string
	//go:embed setup.sh
	Setup string
)

// What is run in a VM that is worked in.
var (
	//go:embed terminal.sh
	Terminal string
	//go:embed login.sh
	Login string
	//go:embed ahead.sh
	Ahead string
	//go:embed command.sh
	Command string
	//go:embed endcommand.sh
	EndCommand string
	//go:embed unsaved.sh
	Unsaved string
	//go:embed inuse.sh
	InUse string
	//go:embed authorize.sh
	Authorize string
)

// The programs of a copy. Copy is followed by one of the others, and by a line that calls it.
var (
	//go:embed copy.sh
	Copy string
	//go:embed copy-in.sh
	CopyIn string
	//go:embed copy-out.sh
	CopyOut string
)

// Look is the part of a step's script that its look needs: what comes before its apply.
func Look(script string) string {
	look, _, _ := strings.Cut(script, "\napply() {")
	return look + "\n"
}
