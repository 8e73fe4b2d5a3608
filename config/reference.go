package config

import "reflect"

// Entry documents one variable.
type Entry struct {
	Name    string
	Default string // empty where there is none
	Meaning string
	PerVM   bool // it can be given for one VM alone
	Common  bool // a newcomer needs it
}

// Reference documents every variable, in the order of the table.
func Reference() (entries []Entry) {
	new(Variables).each(func(name string, _ field, tag reflect.StructTag) {
		entries = append(entries, newEntry(name, tag))
	})
	return entries
}

func newEntry(name string, tag reflect.StructTag) Entry {
	entry := Entry{
		Name:    name,
		Default: tag.Get("shown"),
		Meaning: tag.Get("desc"),
		PerVM:   tag.Get("scope") == "vm",
		Common:  tag.Get("help") == "common",
	}
	if entry.Default == "" {
		entry.Default = tag.Get("default")
	}
	return entry
}

// ReferenceRows is the reference as a table, with a header.
func ReferenceRows() [][]string {
	rows := [][]string{{"VARIABLE", "DEFAULT", "MEANING"}}
	for _, entry := range Reference() {
		name := entry.Name
		if entry.PerVM {
			name += " *"
		}
		rows = append(rows, []string{name, entry.Default, entry.Meaning})
	}
	return rows
}

// Rules says what holds for all variables, a paragraph each.
func Rules() []string {
	return []string{
		"",
		"Every variable is read when dvm is called. Set but empty means unset.",
		"A variable marked * can be set for one VM alone, with the VM's name after two underscores: DVM_MEMORY__WEB=8 is for " +
			"the VM web, and DVM_MEMORY__MY_APP=8 for my-app. The VM's own comes before the plain one, and that before the default.",
		"An unknown DVM_* variable is refused where it looks like a typing error, and warned of otherwise.",
		"NO_COLOR and TERM=dumb: no colour, no animation.",
	}
}
