package completion

import (
	"strings"
	"testing"

	"dvm/config"
)

func TestAfter(t *testing.T) {
	vms := []string{"app", "my-app", "stage"}
	for _, c := range []struct {
		typed []string
		want  string // candidates
		asks  bool   // Lima, for the VMs
	}{
		{[]string{"st"}, "stop stage", false},
		{[]string{"a"}, "app", true},
		{[]string{"version"}, "version", false},
		{[]string{"x"}, "", true},
		{[]string{"app", ""}, "my-app stage", true},
		{[]string{"sync", "app", "st"}, "stage", true},
		{[]string{"stop", ""}, "app my-app stage", true},
		{[]string{"rm", "m"}, "my-app", true},
		{[]string{"sh", ""}, "app my-app stage", true},
		{[]string{"sh", "app", ""}, "", false},
		{[]string{"ssh", "app", "ls", ""}, "", false},
		{[]string{"env", "a"}, "app", true},
		{[]string{"cp", ""}, "app: my-app: stage: :paths", true},
		{[]string{"cp", "file", "my"}, "my-app: :paths", true},
		{[]string{"cp", "app:x"}, "", false},
		{[]string{"cp", "a", "b", ""}, "", false},
		{[]string{"completion", ""}, "bash zsh fish", false},
		{[]string{"completion", "bash", ""}, "", false},
		{[]string{"help", ""}, "env", false},
		{[]string{"scripts", "po"}, "podman", false},
		{[]string{"scripts", "podman", ""}, "", false},
		{[]string{"doctor", ""}, "", false},
		{[]string{"ls", "a"}, "", false},
	} {
		next := After(c.typed)
		if asks := next.VMs && !next.AtOnce; asks != c.asks {
			t.Errorf("%q: asks for the VMs is %t, want %t", c.typed, asks, c.asks)
		}
		var got []string
		for line := range strings.Lines(next.Lines(c.typed[len(c.typed)-1], vms)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			got = append(got, word)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: candidates are %q, want %q", c.typed, got, c.want)
		}
	}
	if got := After(nil); len(got.Words) != len(config.Verbs()) || !got.VMs {
		t.Errorf("nothing typed: %+v; want every verb and the VMs", got)
	}
}

func TestScript(t *testing.T) {
	for _, shell := range Shells() {
		if !strings.Contains(Script(shell), "completion next --") {
			t.Errorf("%s has no script that asks dvm", shell)
		}
	}
	if Script("csh") != "" {
		t.Error("csh has a script")
	}
}
