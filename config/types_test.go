package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// TestGood holds each type against text that it takes, and what it prints of it.
func TestGood(t *testing.T) {
	for _, c := range []struct {
		into encoding.TextUnmarshaler
		text string
		want string
	}{
		{new(CPUs), "4", "4"},
		{new(CPUs), "007", "7"},
		{new(GiB), "8", "8"},
		{new(GiB), "0.5", "0.5"},
		{new(GiB), "4GiB", "4"},
		{new(GiB), "1.50", "1.5"},
		{new(DiskGiB), "5", "5"},
		{new(DiskGiB), "60GiB", "60"},
		{new(SubIDCount), "0", "0"},
		{new(UserName), "developer", "developer"},
		{new(UserName), "_x-1", "_x-1"},
		{new(UserName), strings.Repeat("a", 32), strings.Repeat("a", 32)},
		{new(Ports), "3000:3000", "3000:3000"},
		{new(Ports), "3000:3000,8080:80 9000:9000\n1:65535", "3000:3000,8080:80,9000:9000,1:65535"},
		{new(Ports), "none", ""},
		{new(Ports), " none\n", ""},
		{new(Packages), "git gcc-c++,fd-find\nvim  git", "[git gcc-c++ fd-find vim]"},
		{new(Packages), "perl(Foo::Bar) /usr/bin/ab", "[perl(Foo::Bar) /usr/bin/ab]"},
		{new(Packages), "glibc.i686 git-2.50-1.fc44", "[glibc.i686 git-2.50-1.fc44]"},
		{new(Names), "GITHUB_TOKEN,_x a1\nGITHUB_TOKEN", "[GITHUB_TOKEN _x a1]"},
		{new(Output), "json", "json"},
		{new(Jobs), "64", "64"},
		{new(Timeout), "90s", "1m30s"},
		{new(Ports), "03000:3000", "3000:3000"},
		{new(Switch), "1", "true"},
		{new(Switch), "true", "true"},
		{new(Switch), "0", "false"},
		{new(List), " a b ,c\n\nd,", "[a b c d]"},
		{new(Words), `a 'b c' d\ e`, "[a b c d e]"},
		{new(VMName), "my-app2", "my-app2"},
	} {
		t.Run(fmt.Sprintf("%T %s", c.into, c.text), func(t *testing.T) {
			if err := c.into.UnmarshalText([]byte(c.text)); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(reflect.ValueOf(c.into).Elem().Interface()); got != c.want {
				t.Errorf("%q is read as %s, want %s", c.text, got, c.want)
			}
		})
	}
}

// TestBad holds each type against text that it refuses, in words that name what it got.
func TestBad(t *testing.T) {
	for _, c := range []struct {
		into  encoding.TextUnmarshaler
		texts []string
	}{
		{new(CPUs), []string{"0", "-1", "+1", "1.5", "many", " 4", "4 ", "0x4", "1e3", "99999999999999999999"}},
		{new(GiB), []string{"0", "0.0", "-1", "lots", "4GB", "4 GiB", "1e3", "Inf", "NaN", ".", "1.2.3", "GiB", "99999999"}},
		{new(DiskGiB), []string{"0", "4", "4.99", "lots", "-30"}},
		{new(SubIDCount), []string{"-1", "many", "1073741825", "1e5"}},
		{new(UserName), []string{"root", "dvm-sudo", "Dev", "x; id", "1a", "-a", "a.b", "a\n", strings.Repeat("a", 33)}},
		{new(Ports), []string{"3000", "0:80", "1:70000", "22:80", "80:22", "a:b", "3000:3000:3000", "1:2,1:3", "-1:2", "1:2/tcp", ",", "none,1:2"}},
		{new(Switch), []string{"yes", "2", "on", " 1"}},
		{new(Containerd), []string{"all", "User"}},
		{new(LogLevel), []string{"loud", "WARN"}},
		{new(Words), []string{"'a", " ", `""`}},
		{new(Packages), []string{"https://x.org/y", "/root/y.rpm", "-y", "$(id)", "a;b", "'a'", "git\x00", "a|b"}},
		{new(Output), []string{"JSON", "yaml"}},
		{new(Jobs), []string{"0", "65", "-1", "many"}},
		{new(Timeout), []string{"0", "10", "-5m", "1 h", "soon", "0s"}},
		{new(VMName), []string{"App", "a--b", "a-", "-a", "1a", "a_b", "a.b", "ä", "a b", "a/b"}},
	} {
		for _, text := range c.texts {
			t.Run(fmt.Sprintf("%T %s", c.into, text), func(t *testing.T) {
				fresh := reflect.New(reflect.TypeOf(c.into).Elem()).Interface().(encoding.TextUnmarshaler)
				err := fresh.UnmarshalText([]byte(text))
				if err == nil {
					t.Fatalf("%q is taken, as %v", text, reflect.ValueOf(fresh).Elem())
				}
				if !strings.Contains(err.Error(), "wants ") || !strings.Contains(err.Error(), "got ") {
					t.Errorf("%q is refused with %q, which does not say what is wanted and what it got", text, err)
				}
			})
		}
	}
}

func TestDefaultCPUs(t *testing.T) {
	for cores, want := range map[int]int{1: 2, 2: 2, 3: 2, 4: 3, 5: 3, 8: 6, 16: 14} {
		if got := defaultCPUs(cores); got != want {
			t.Errorf("of %d cores the VM gets %d, want %d", cores, got, want)
		}
	}
}
