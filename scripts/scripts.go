// Package scripts holds the shell files that run in the guest.
package scripts

import _ "embed"

// Session is the program of a guest session; its header says what it wants and what it reports.
//
//go:embed session.sh
var Session string

// The steps' own scripts. Each defines check and apply, and says in its header what variables it reads.
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

// Transaction defines busy: what an apply that installs packages has to wait for.
//
//go:embed transaction.sh
var Transaction string
