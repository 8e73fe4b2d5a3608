package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestSecretIsNotPrinted prints a configuration with a secret in every way that a message might.
func TestSecretIsNotPrinted(t *testing.T) {
	vm := VM{Secrets: []Secret{{Name: "TOKEN", value: "hunter2"}}}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, vm); strings.Contains(text, "hunter2") || !strings.Contains(text, "TOKEN") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestReserved(t *testing.T) {
	for name, want := range map[string]bool{
		"PATH": true, "HOME": true, "DVM_NAME": true, "DVM_MEMORY__WEB": true, "DVM_CODE_DIR": true, "BASH_ENV": true,
		"LD_PRELOAD": true, "UID": true, "IFS": true,
		"NPM_TOKEN": false, "DVM_MY_TOKEN": false, "SSH_KEY": false, "PATHS": false, "token": false,
	} {
		if got := reserved(name); got != want {
			t.Errorf("%s: reserved is %v", name, got)
		}
	}
}

// TestScriptVariables holds the types of built-in scripts' variables against text that they take, and that they refuse.
func TestScriptVariables(t *testing.T) {
	for _, c := range []struct {
		into encoding.TextUnmarshaler
		text string
		good bool
	}{
		{new(Line), "Ann O'Nym", true},
		{new(Line), "Ann\nname = Eve", false},
		{new(GitURL), "https://github.com/you/dotfiles.git", true},
		{new(GitURL), "https://example.org/@you/dotfiles", true},
		{new(GitURL), "http://github.com/you/dotfiles", false},
		{new(GitURL), "https://token@github.com/you/dotfiles", false},
		{new(GitURL), "git@github.com:you/dotfiles", false},
		{new(GitURL), "https://", false},
		{new(GitURL), "https://github.com/you/dot files", false},
		{new(GitURL), "--upload-pack=id", false},
		{new(Shell), "bash", true},
		{new(Shell), "/bin/zsh", false},
		{new(Packages), "git gcc-c++ perl(JSON) /usr/bin/vi python3.14", true},
		{new(Packages), "-y", false},
		{new(Packages), "a;b", false},
		{new(Packages), "vim*", false},
		{new(Packages), "@core", false},
		{new(Packages), "$(id)", false},
	} {
		t.Run(fmt.Sprintf("%T %s", c.into, c.text), func(t *testing.T) {
			fresh := reflect.New(reflect.TypeOf(c.into).Elem()).Interface().(encoding.TextUnmarshaler)
			if err := fresh.UnmarshalText([]byte(c.text)); (err == nil) != c.good {
				t.Errorf("%q: error is %v", c.text, err)
			}
		})
	}
}
