package scripts

import (
	"embed"
	"path"
	"strings"
)

//go:embed builtin/*.sh
var builtIn embed.FS

// BuiltIn is a setup script that comes with dvm, and is selected by its name. It defines check and apply as the steps'
// own scripts do, and both run as Lima's account. Its header is
//
//	#!/usr/bin/env bash
//	# Meaning, in one line.
//	#
//	# Variables: DVM_A, DVM_B
//	# Secrets: TOKEN
//	# Tells: what it made
//
// with none where there are none. One that has made something for its user to read says so by the last line, and what its
// check says of it is told at once, not by the next sync alone.
type BuiltIn struct {
	Name      string   `json:"name"`
	Meaning   string   `json:"meaning"`
	Variables []string `json:"variables"` // of dvm that it reads, beside those which every step has
	Secrets   []string `json:"secrets"`   // variables that it takes by DVM_PASS alone
	Tells     bool     `json:"-"`
	Text      string   `json:"-"`
}

// BuiltIns lists them by name.
func BuiltIns() []BuiltIn {
	entries, err := builtIn.ReadDir("builtin")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	list := make([]BuiltIn, len(entries))
	for i, entry := range entries {
		text, err := builtIn.ReadFile(path.Join("builtin", entry.Name()))
		if err != nil {
			panic(err)
		}
		list[i] = readHeader(strings.TrimSuffix(entry.Name(), ".sh"), string(text))
	}
	return list
}

// Names are the built-in setup scripts' names.
func Names() (names []string) {
	for _, script := range BuiltIns() {
		names = append(names, script.Name)
	}
	return names
}

// FindBuiltIn gives the one of that name.
func FindBuiltIn(name string) (BuiltIn, bool) {
	for _, script := range BuiltIns() {
		if script.Name == name {
			return script, true
		}
	}
	return BuiltIn{}, false
}

func readHeader(name, text string) BuiltIn {
	script := BuiltIn{Name: name, Text: text}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		comment, found := strings.CutPrefix(line, "#")
		if !found {
			break
		}
		comment = strings.TrimSpace(comment)
		if names, found := strings.CutPrefix(comment, "Variables: "); found {
			script.Variables = readNames(names)
		} else if names, found := strings.CutPrefix(comment, "Secrets: "); found {
			script.Secrets = readNames(names)
		} else if strings.HasPrefix(comment, "Tells: ") {
			script.Tells = true
		} else if script.Meaning == "" && !strings.HasPrefix(comment, "!") {
			script.Meaning = strings.TrimSuffix(comment, ".")
		}
	}
	return script
}

func readNames(list string) []string {
	if list == "none" {
		return []string{}
	}
	return strings.Split(list, ", ")
}

// Rows is the list as a table, with a header.
func Rows() [][]string {
	rows := [][]string{{"SCRIPT", "VARIABLES", "MEANING"}}
	for _, script := range BuiltIns() {
		takes := script.Variables
		for _, secret := range script.Secrets {
			takes = append(takes, secret+" (by DVM_PASS)")
		}
		rows = append(rows, []string{script.Name, strings.Join(takes, " "), script.Meaning})
	}
	return rows
}
