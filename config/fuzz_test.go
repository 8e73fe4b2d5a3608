package config

import (
	"encoding"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// stable holds a type against text: what it takes, it prints in a form that it takes again, and as the same value.
func stable[T any](t *testing.T, text string) {
	t.Helper()
	var first, second Value[T]
	_ = first.Decode(text)
	if text == "" || first.err != nil {
		for _, problem := range inVariable("X", first.err) {
			if strings.Contains(problem.Error(), "\n") {
				t.Errorf("%T refuses %q in more than one line: %v", first.V, text, problem)
			}
		}
		return
	}
	printed := first.text()
	_ = second.Decode(printed)
	if second.err != nil {
		t.Fatalf("%T takes %q, and prints it as %q, which it refuses: %v", first.V, text, printed, second.err)
	}
	if again := second.text(); again != printed {
		t.Errorf("%T takes %q, and prints it as %q, and that as %q", first.V, text, printed, again)
	}
	if printed != "" && !reflect.DeepEqual(first.V, second.V) {
		t.Errorf("%T takes %q as %#v, and what it prints of that as %#v", first.V, text, first.V, second.V)
	}
}

// FuzzTypes is every parser of a variable.
func FuzzTypes(f *testing.F) {
	for _, seed := range []string{"", "0", "1", "true", "4", "007", "0.5", "4GiB", "1.50", ".5", "5.", "1e3", "none", "user+system", "warn",
		"3000:3000", "1:2,3:4 5:6\n7:8", "22:22", "0:0", "::", "a:b", " a b ,c\n\nd,", `a 'b c' d\ e`, `'a`, `""`, "my-app2", "a--b",
		"git gcc-c++ @x perl(Foo::Bar)", "GITHUB_TOKEN, X", "90s", "1h30m", "0.0000001", "1048576", "json", "~/a,./b", "\xff\x00", "ä\u2028b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		stable[Switch](t, text)
		stable[Text](t, text)
		stable[CPUs](t, text)
		stable[GiB](t, text)
		stable[DiskGiB](t, text)
		stable[SubIDCount](t, text)
		stable[UserName](t, text)
		stable[Containerd](t, text)
		stable[LogLevel](t, text)
		stable[Words](t, text)
		stable[Ports](t, text)
		stable[List](t, text)
		stable[Packages](t, text)
		stable[Names](t, text)
		stable[Output](t, text)
		stable[Jobs](t, text)
		stable[Timeout](t, text)
		stable[VMName](t, text)
		stable[Line](t, text)
		stable[GitURL](t, text)
		stable[Shell](t, text)
	})
}

// TestFuzzTypesIsComplete: a type that the table gets is fuzzed too.
func TestFuzzTypesIsComplete(t *testing.T) {
	source, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	table := reflect.TypeFor[Variables]()
	for i := range table.NumField() {
		value, _ := table.Field(i).Type.FieldByName("V")
		if _, ok := reflect.New(value.Type).Interface().(encoding.TextUnmarshaler); !ok {
			t.Errorf("%s can't be read from text", table.Field(i).Name)
		}
		if !strings.Contains(string(source), "stable["+value.Type.Name()+"](") {
			t.Errorf("FuzzTypes lacks %s", value.Type.Name())
		}
	}
}

// FuzzName: a VM's name and what stands after a variable's two underscores lead to each other.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"app", "my-app", "a1-b2", "a--b", "-", "A", "a_b", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		var read layers
		read.addOverride(`scope:"vm"`, override{variable: "DVM_MEMORY" + suffix(name), base: "DVM_MEMORY", vm: suffix(name)[2:], text: "1"})
		if VMName(name).check() != nil {
			return
		}
		if len(read.overrides) != 1 || read.overrides[0].vm != name {
			t.Errorf("DVM_MEMORY%s is read as %+v, %v; want the VM %q", suffix(name), read.overrides, read.problems, name)
		}
	})
}

// FuzzEnvironment is the merged environment: any variables beside any others. What is taken, dvm env prints in a form that
// gives the same configuration and the same lines.
func FuzzEnvironment(f *testing.F) {
	f.Add("DVM_MEMORY", "2", "DVM_MEMORY__WEB", "8", "web")
	f.Add("DVM_PORTS", "1:2 3:4", "DVM_PORTS__MY_APP", "none", "my-app")
	f.Add("DVM_PROTS", "1:2", "DVM_MEMROY__WEB", "8", "app")
	f.Add("DVM_PASS", "DVM_USER TOKEN", "DVM_USER", "ann", "app")
	f.Add("DVM_LIMACTL", `a 'b "c'`, "DVM_CPUS__", "1", "")
	f.Add("DVM_MEMORY_WEB", "1", "DVM_", "x", "web")
	f.Add("DVM_NAME", "app", "DVM_ALL", "1", "")
	home := f.TempDir()
	before := os.Environ()
	f.Fuzz(func(t *testing.T, name1, text1, name2, text2, vm string) {
		pairs := [][2]string{{name1, text1}, {name2, text2}}
		for _, pair := range pairs {
			if !strings.HasPrefix(pair[0], prefix) || strings.HasPrefix(pair[0], "DVM_SETUP") || strings.ContainsAny(pair[0], "=\x00") ||
				strings.ContainsRune(pair[1], 0) {
				return // what no environment holds, and what would open the fuzzer's files
			}
		}
		setEnvironment(t, before, home, pairs)
		var names []string
		if vm != "" {
			names = []string{vm}
		}
		report, first, err := Explain(names)
		if err != nil {
			if strings.Count(err.Error(), "\n")+1 != len(err.(Problems)) {
				t.Errorf("not a line for each problem: %q", err)
			}
			return
		}
		exports := report.Exports()
		if strings.Contains(exports, "is a secret") || len(first.VMs) != len(names) && len(names) > 0 {
			return
		}
		setEnvironment(t, before, home, evaluate(t, exports))
		again, second, err := Explain(names)
		if err != nil {
			t.Fatalf("%q gives %s, which is refused: %v", pairs, exports, err)
		}
		first.Warnings, second.Warnings = nil, nil
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%q is %+v, and what it prints is %+v", pairs, first, second)
		}
		if again.Exports() != exports {
			t.Errorf("%q prints %s, and then %s", pairs, exports, again.Exports())
		}
	})
}

func setEnvironment(t *testing.T, before []string, home string, pairs [][2]string) {
	os.Clearenv()
	t.Cleanup(func() {
		os.Clearenv()
		for _, pair := range before {
			name, text, _ := strings.Cut(pair, "=")
			_ = os.Setenv(name, text)
		}
	})
	for _, pair := range append(slices.Clone(pairs), [2]string{"HOME", home}, [2]string{"PATH", "/usr/bin:/bin"}) {
		if err := os.Setenv(pair[0], pair[1]); err != nil {
			t.Skip(err)
		}
	}
}

// evaluate has a POSIX shell read the lines.
func evaluate(t *testing.T, exports string) (pairs [][2]string) {
	t.Helper()
	shell := exec.Command("sh")
	shell.Stdin = strings.NewReader("set -eu\n" + exports + "\nexec env -0\n")
	shell.Env = []string{"PATH=/usr/bin:/bin"}
	out, err := shell.Output()
	if err != nil {
		t.Fatalf("sh refuses %s: %v", exports, err)
	}
	for pair := range strings.SplitSeq(string(out), "\x00") {
		if name, text, _ := strings.Cut(pair, "="); strings.HasPrefix(name, prefix) {
			pairs = append(pairs, [2]string{name, text})
		}
	}
	return pairs
}

// FuzzCommand: whatever is typed is a command or is refused, in lines that hold nothing raw.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{"app web", "snyc app", "--cpus 4 -p3000:3000 -é --= --", "ssh app -- -x", "ssh -- x", "-=x DVM_X=1", "help nosuch"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		command, err := ParseCommand(args)
		switch {
		case err == nil && findVerb(command.Verb) == nil:
			t.Errorf("%q is the verb %q, which there is not", args, command.Verb)
		case err != nil && strings.ContainsFunc(strings.ReplaceAll(err.Error(), "\n", ""), unicode.IsControl):
			t.Errorf("%q is refused with %q", args, err)
		}
	})
}
