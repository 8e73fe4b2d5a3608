package config

import (
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"dvm/scripts"
)

// BuiltIn gives the setup script that dvm brings under that name. The error names the nearest one.
func BuiltIn(name string) (scripts.BuiltIn, error) {
	script, found := scripts.FindBuiltIn(name)
	if !found {
		return script, Problems{{Where: "scripts", Err: wants("the name of a built-in setup script"+nearBuiltIn(name), name)}}
	}
	return script, nil
}

// itemsTogether says why words that are no item are taken for one.
func itemsTogether(item string) error {
	return wants("its items separated by commas or newlines", item)
}

func builtInScript(item string) (Script, error) {
	script, found := scripts.FindBuiltIn(item)
	if !found {
		if strings.ContainsFunc(item, unicode.IsSpace) {
			return Script{}, itemsTogether(item)
		}
		return Script{}, wants("names of built-in setup scripts"+nearBuiltIn(item)+" or host paths, such as ./"+item, item)
	}
	return Script{Name: item, ID: item, Body: script.Text, BuiltIn: &script}, nil
}

// nearBuiltIn says what a wrong name may stand for.
func nearBuiltIn(name string) string {
	meant := near(strings.ToLower(name), scripts.Names(), allowedInScript)
	if len(meant) == 0 {
		return " (dvm scripts lists them)"
	}
	return " (did you mean " + strings.Join(meant, " or ") + "?)"
}

// allowedInScript is more than elsewhere: nothing else can be meant by a name that is no script's.
func allowedInScript(name string) int { return max(len(name)/2, 1) }

// ofScripts are the variables that built-in setup scripts read, in the form that they take.
func (v *Variables) ofScripts() map[string]string {
	values := map[string]string{}
	v.each(func(name string, f field, tag reflect.StructTag) {
		if tag.Get("script") != "" {
			values[name] = f.text()
		}
	})
	return values
}

// lacking is what a built-in setup script can't do without, and was not given.
func (v *Variables) lacking(setup []Script) Problems {
	if v.Dotfiles.Set() || !slices.ContainsFunc(setup, func(s Script) bool { return s.BuiltIn != nil && s.Name == "dotfiles" }) {
		return nil
	}
	return Problems{{Where: "DVM_DOTFILES", Err: errors.New("wants the https URL of a git repository, since DVM_SETUP has dotfiles; it is not set")}}
}

// Line is one line of text.
type Line string

// UnmarshalText refuses control characters, which the files that the text is for could read as the line's end.
func (l *Line) UnmarshalText(text []byte) error {
	if strings.ContainsFunc(string(text), unicode.IsControl) {
		return wants("one line of text", string(text))
	}
	*l = Line(text)
	return nil
}

// GitURL is where a git repository can be cloned from by anybody.
type GitURL string

// UnmarshalText accepts an https URL. One with a password in it would be seen by all in the guest's list of processes.
func (g *GitURL) UnmarshalText(text []byte) error {
	parsed, err := url.Parse(string(text))
	isURL := err == nil && parsed.Scheme == "https" && parsed.Host != "" && !strings.ContainsFunc(string(text), unicode.IsSpace)
	before, _, hasAt := strings.Cut(string(text), "@")
	switch {
	case isURL && parsed.User != nil, !isURL && hasAt && strings.Contains(before, ":"): // it may hold a password all the same
		bad := mismatch{wants: "an https URL without a user's name or password in it"}
		return bad.withoutValue()
	case !isURL:
		return wants("the https URL of a git repository, such as https://github.com/you/dotfiles", string(text))
	}
	*g = GitURL(text)
	return nil
}

// Shell is a login shell.
type Shell string

// UnmarshalText accepts the shells that the setup script zsh knows.
func (s *Shell) UnmarshalText(text []byte) error {
	value, err := choice(text, "zsh", "bash")
	*s = Shell(value)
	return err
}
