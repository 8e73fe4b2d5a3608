package config

import (
	"errors"
	"strings"
	"testing"

	"dvm/engine"
)

func TestParseCopy(t *testing.T) {
	for _, c := range []struct {
		name, source, destination string
		want                      Copy
	}{
		{"to a VM", "a.txt", "app:b", Copy{VM: "app", Guest: "b", Host: "a.txt", Name: "a.txt"}},
		{"from a VM", "app:dir/a.txt", ".", Copy{VM: "app", Guest: "dir/a.txt", Host: ".", ToHost: true, Name: "a.txt"}},
		{"project directory", "app:", "out", Copy{VM: "app", Host: "out", ToHost: true, Name: "app"}},
		{"contents", ".", "my-app:", Copy{VM: "my-app", Host: ".", Name: "."}},
		{"contents of the parent", "dir/..", "app:", Copy{VM: "app", Host: "dir/..", Name: "."}},
		{"contents of a directory", "dir/.", "app:", Copy{VM: "app", Host: "dir/.", Name: "."}},
		{"contents of everything", "app:/", "out", Copy{VM: "app", Guest: "/", Host: "out", ToHost: true, Name: "."}},
		{"home", "app:~", ".", Copy{VM: "app", Guest: "~", Host: ".", ToHost: true, Name: "home"}},
		{"slash at the end", "dir//", "app:x/", Copy{VM: "app", Guest: "x/", Host: "dir//", Name: "dir"}},
		{"local colon", "./a:b", "app:", Copy{VM: "app", Host: "./a:b", Name: "a:b"}},
		{"absolute local colon", "/x/a:b", "app:", Copy{VM: "app", Host: "/x/a:b", Name: "a:b"}},
		{"colon in the guest", "app:a:b", "-x", Copy{VM: "app", Guest: "a:b", Host: "-x", ToHost: true, Name: "a:b"}},
		{"odd names", "\xff \n", "app:\n-", Copy{VM: "app", Guest: "\n-", Host: "\xff \n", Name: "\xff \n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseCopy(c.source, c.destination)
			if err != nil || got != c.want {
				t.Errorf("ParseCopy(%q, %q) = %+v, %v; want %+v", c.source, c.destination, got, err, c.want)
			}
			if got.Source() != c.source || got.Destination() != c.destination {
				t.Errorf("its ends are %q and %q", got.Source(), got.Destination())
			}
		})
	}
}

func TestParseCopyRefuses(t *testing.T) {
	for _, c := range []struct{ name, source, destination, says, hint string }{
		{"no VM", "a", "b c", `wants VM:path as one of its arguments, got "a b c"`, "with the name of a VM before the colon: dvm cp a 'VM:b c'"},
		{"VM to VM", "app:a b", "web:c", "not from one VM to another", "dvm cp 'app:a b' './a b' && dvm cp './a b' web:c"},
		{"within a VM", "app:", "app:c", "not within a VM", "dvm ssh app cp -a -- . c"},
		{"a name that no VM has", "C:x", "app/", `got "C"`, "for a file of this host: ./C:x"},
		{"no name", "a", ":x", `got ""`, "for a file of this host: ./:x"},
		{"empty source", "", "app:x", "got an empty one", ""},
		{"empty destination", "app:x", "", "got an empty one", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseCopy(c.source, c.destination)
			var problems Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("ParseCopy(%q, %q): %v; want a problem that says %q", c.source, c.destination, err, c.says)
			}
			var advice *engine.Advice
			if errors.As(err, &advice); advice == nil && c.hint != "" || advice != nil && advice.Hint != c.hint {
				t.Errorf("its advice is %+v, want %q", advice, c.hint)
			}
		})
	}
}
