package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseCommand(t *testing.T) {
	t.Setenv("DVM_NAME", "")
	for _, c := range []struct {
		line string
		want Command
	}{
		{"app web", Command{"sync", []string{"app", "web"}}},
		{"sync", Command{"sync", []string{}}},
		{"sync ls", Command{"sync", []string{"ls"}}},
		{"", Command{"ls", nil}},
		{"ssh app ls -la --color", Command{"ssh", []string{"app", "ls", "-la", "--color"}}},
		{"ssh app -- -x -- y", Command{"ssh", []string{"app", "-x", "--", "y"}}},
		{"ssh app env -- X=1", Command{"ssh", []string{"app", "env", "--", "X=1"}}},
		{"ssh app sh -h", Command{"ssh", []string{"app", "sh", "-h"}}},
		{"ssh -h", Command{"help", nil}},
		{"cp -- -x app:", Command{"cp", []string{"-x", "app:"}}},
		{"cp - app:", Command{"cp", []string{"-", "app:"}}},
		{"app -h", Command{"help", nil}},
		{"app --", Command{"sync", []string{"app"}}},
		{"completion next -- -x", Command{"completion", []string{"next", "-x"}}},
		{"help env", Command{"help", []string{"env"}}},
		{"es", Command{"sync", []string{"es"}}},
	} {
		t.Run(c.line, func(t *testing.T) {
			got, err := ParseCommand(strings.Fields(c.line))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got, err := ParseCommand([]string{"ssh", "--", "true"}); err == nil || !strings.HasPrefix(err.Error(), "DVM_NAME wants") {
		t.Errorf("without DVM_NAME dvm ssh -- true is %q, %v; want an error about DVM_NAME", got, err)
	}
	t.Setenv("DVM_NAME", "web")
	if got, err := ParseCommand(nil); err != nil || got.Verb != "sync" {
		t.Errorf("with DVM_NAME dvm alone is %q, %v; want sync", got, err)
	}
	if got, err := ParseCommand([]string{"ssh", "--", "true"}); err != nil || !slices.Equal(got.Args, []string{"web", "true"}) {
		t.Errorf("with DVM_NAME dvm ssh -- true is %q, %v; want it in web", got, err)
	}
}

func TestNear(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"snyc", "sync"}, {"syn", "sync"}, {"syncs", "sync"}, {"stp", "stop"}, {"scirpts", "scripts"}, {"cmopletion", "completion"},
		{"es", ""}, {"web", ""}, {"shh", ""}, {"l", ""}, {"envs", ""}, {"cync1", ""}, {"docker", ""}, {"completoins", ""}, {"app", ""},
	} {
		if got := strings.Join(near(c.word, verbNames(), allowedInVerb), " "); got != c.want {
			t.Errorf("%q is near %q, want %q", c.word, got, c.want)
		}
	}
	known := tags()
	for _, c := range []struct{ variable, want string }{
		{"DVM_PROTS", "DVM_PORTS"}, {"DVM_PORT", "DVM_PORTS"}, {"DVM_MEMROY", "DVM_MEMORY"}, {"DVM_MEMROY__WEB", "DVM_MEMORY__WEB"},
		{"DVM_CONTANRD", "DVM_CONTAINERD"}, {"DVM_SUBID_COUNT", "DVM_SUBGID_COUNT DVM_SUBUID_COUNT"}, {"DVM_cpus", "DVM_CPUS"},
		{"DVM_PACKAGE", "DVM_PACKAGES"}, {"DVM_PCKAGE", "DVM_PACKAGES"},
		{"DVM_DIR", ""}, {"DVM_ROOT", ""}, {"DVM_HOME", ""}, {"DVM_MEM", ""}, {"DVM_MEOMYR", ""}, {"DVM_FOO__MEMORY", ""}, {"DVM_", ""},
	} {
		if got := strings.Join(nearVariables(known, c.variable), " "); got != c.want {
			t.Errorf("%s is near %q, want %q", c.variable, got, c.want)
		}
	}
}

// TestFlags: every variable has a flag of its own name, and no alias stands for two.
func TestFlags(t *testing.T) {
	seen := map[string]string{}
	for name, tag := range tags() {
		own := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", "-"))
		for _, alias := range append(strings.Fields(tag.Get("flags")), own) {
			alias, _, _ := strings.Cut(alias, "=")
			if other, taken := seen[alias]; taken {
				t.Errorf("the flag %s stands for %s and for %s", alias, name, other)
			}
			seen[alias] = name
			if got := likeFlags()[alias].variable; got != name {
				t.Errorf("the flag %s stands for %s, want %s", alias, got, name)
			}
		}
	}
}

func TestVerbsHeedVariables(t *testing.T) {
	known := map[string]bool{}
	new(Variables).each(func(variable string, _ field, _ reflect.StructTag) { known[variable] = true })
	for _, verb := range Verbs() {
		for name := range strings.FieldsSeq(verb.heeds) {
			if !known[prefix+name] {
				t.Errorf("%s heeds %s, which is no variable", verb.Name, prefix+name)
			}
		}
	}
}
