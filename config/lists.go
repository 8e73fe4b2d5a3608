package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// List is a list of words separated by commas or newlines.
type List []string

// UnmarshalText trims each item and drops empty ones.
func (l *List) UnmarshalText(text []byte) error {
	for _, item := range strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || r == '\n' }) {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// MarshalText is the list in the form that UnmarshalText accepts.
func (l List) MarshalText() ([]byte, error) { return []byte(strings.Join(l, ",")), nil }

// words splits text at commas, spaces and newlines, and drops what is empty.
func words(text []byte) []string {
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// Packages is a list of what dnf is to install.
type Packages []string

// A package is what rpm can be asked for by itself: a name, what a package provides, or a file in one. A glob, a group or
// a package's own file is not.
var packageSpec = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Za-z0-9/_][A-Za-z0-9/_.:+~()-]*$`)
})

// UnmarshalText accepts names of packages separated by commas, spaces or newlines.
func (p *Packages) UnmarshalText(text []byte) error {
	var problems []error
	for _, item := range words(text) {
		switch {
		case strings.Contains(item, "://") || strings.HasSuffix(item, ".rpm"):
			problems = append(problems, wants("names of dnf packages, not files or URLs, which a script of DVM_SETUP can install", item))
		case !packageSpec().MatchString(item):
			problems = append(problems, wants("names of dnf packages, such as git or gcc-c++", item))
		case !slices.Contains(*p, item):
			*p = append(*p, item)
		}
	}
	return errors.Join(problems...)
}

// MarshalText is the list in the form that UnmarshalText accepts.
func (p Packages) MarshalText() ([]byte, error) { return []byte(strings.Join(p, ",")), nil }

// Names is a list of names of environment variables.
type Names []string

var variableName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

// UnmarshalText accepts names separated by commas, spaces or newlines. What is no name may be a secret, given in the place
// of its variable's name, and is not shown.
func (n *Names) UnmarshalText(text []byte) error {
	var problems []error
	for i, item := range words(text) {
		switch {
		case !variableName().MatchString(item):
			problems = append(problems, fmt.Errorf("wants names of host variables, not their values; item %d is none, and is not shown", i+1))
		case !slices.Contains(*n, item):
			*n = append(*n, item)
		}
	}
	return errors.Join(problems...)
}

// MarshalText is the list in the form that UnmarshalText accepts.
func (n Names) MarshalText() ([]byte, error) { return []byte(strings.Join(n, ",")), nil }
