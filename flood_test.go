package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"
)

const (
	floodMemory = 128 << 20 // bytes that a dvm may take, whatever a guest sends
	floodLog    = 65 << 20  // and that a log may
	floodWords  = 64 << 10  // and that dvm may say
	floodTime   = "2s"      // of a guest that does not end
)

// control is what no terminal must get from a guest. Line breaks and tabs are none.
var control = regexp.MustCompile(`[\x00-\x08\x0b-\x1f\x7f]|\x{9b}|\x{9d}`)

// TestFlood: a guest that writes without end takes neither the host's memory nor its disk, and is stopped by DVM_TIMEOUT.
func TestFlood(t *testing.T) {
	wantGuest(t)
	dir := t.TempDir()
	vm := newCrashVM(t, dir)
	vm.sync()
	line := 8 * floodMemory
	if underRace { // which reads a gigabyte for minutes
		line = 2 * floodMemory
	}
	for _, c := range []struct {
		name, script string
		ends         bool
	}{
		{"a long line", fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", line), true},
		{"a line of 100 MiB of control characters", "head -c 100M /dev/zero | tr '\\0' '\\033'", true},
		{"lines without end", "yes 'a line of many'", false},
		{"noise without end, on both streams", "cat /dev/urandom & exec cat /dev/urandom >&2", false},
		{"empty lines without end", "yes ''", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "flood.sh"), []byte(c.script+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			flood := *vm
			flood.t = t
			flood.env = append(flood.env, "DVM_SETUP=./flood.sh", "DVM_TIMEOUT=10m")
			if !c.ends {
				flood.env = append(flood.env, "DVM_TIMEOUT="+floodTime)
			}
			flood.bounded(c.ends, "app")
			for _, name := range []string{"lima.log", "setup.log", "setup.failed.log"} {
				file, err := os.Open(filepath.Join(flood.state(), "dvm", "app", name))
				if os.IsNotExist(err) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				if info, err := file.Stat(); err != nil || info.Size() > floodLog {
					t.Errorf("%s has %d bytes (%v)", name, info.Size(), err)
				}
				flood.sane(name, file)
			}
		})
	}
}

// dirs is a tar that sends directories with names of any length, as a line of Perl has it.
func dirs(line string) string { return "exec perl -e '" + dirTar + line + "'" }

const dirTar = `
sub header {
	my ($name, $type, $size) = @_;
	my $header = pack "a100 a8 a8 a8 a12 a12 A8 a1 a100 a255", substr($name, 0, 100), "0000000", "0000000", "0000000",
		sprintf("%011o", $size), "00000000000", "", $type, "", "ustar  ";
	substr($header, 148, 8) = sprintf "%06o\0 ", unpack "%32C*", $header;
	print $header;
}
sub dir {
	my ($name) = @_;
	header("long", "L", length $name);
	print $name, "\0" x (-length($name) % 512);
	header($name, "5", 0);
}
dir("./");
`

// TestFloodOfCopy: nor does a guest whose tar does so.
func TestFloodOfCopy(t *testing.T) {
	wantGuest(t)
	vm := newCrashVM(t, t.TempDir())
	vm.sync()
	vm.env = append(vm.env, "DVM_TIMEOUT="+floodTime)
	for name, tar := range map[string]string{
		"messages":                   "exec yes 'a message of many' >&2",
		"one message":                "exec tr '\\0' x </dev/zero >&2",
		"noise for messages":         "exec cat /dev/urandom >&2",
		"noise for data":             "exec cat /dev/urandom",
		"directories in directories": dirs(`for (my $name = ".";;) { dir($name .= "/" . "d" x 250) }`),
		"directories without end":    dirs(`for (my $i = 0;; $i++) { dir(sprintf "./%0250d", $i) }`),
		"a name of a MiB":            dirs(`dir("./" . "\033" x 1000000)`),
	} {
		t.Run(name, func(t *testing.T) {
			flood := *vm
			flood.t = t
			flood.limactl("shell", "--workdir", "/", "dvm-app", "sudo", "-n", "bash", "-c",
				`printf '#!/bin/bash\n%s\n' "$1" >/usr/local/bin/tar && chmod 755 /usr/local/bin/tar`, "bash", tar)
			flood.bounded(false, "cp", "app:/etc", "copied")
			if left, err := filepath.Glob(filepath.Join(flood.scripts, "*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// bounded runs a dvm that must not take much memory, nor say what a terminal can't show.
func (vm *crashVM) bounded(ends bool, args ...string) {
	vm.t.Helper()
	dvm := vm.start(args...)
	peak := dvm.peak(vm.t)
	if err := vm.wait(dvm); (err == nil) != ends {
		vm.t.Errorf("it ended with %v:\n%s", err, dvm.stderr.Bytes())
	}
	vm.t.Logf("dvm took %d MiB at most, and said %d bytes", peak>>20, dvm.stderr.Len())
	if peak == 0 || peak > floodMemory {
		vm.t.Errorf("dvm took %d bytes", peak)
	}
	if said := dvm.stderr.Len(); said > floodWords {
		vm.t.Errorf("dvm said %d bytes", said)
	}
	vm.sane("what dvm says", &dvm.stderr)
}

// sane wants text that a terminal can show.
func (vm *crashVM) sane(what string, text io.Reader) {
	vm.t.Helper()
	all, err := io.ReadAll(text)
	if err != nil {
		vm.t.Fatal(err)
	}
	if !utf8.Valid(all) {
		vm.t.Errorf("%s is not UTF-8", what)
	}
	if at := control.FindIndex(all); at != nil {
		vm.t.Errorf("%s holds %q", what, all[max(0, at[0]-20):at[1]])
	}
}

// peak waits for the end and gives the most memory that dvm had, in bytes.
func (dvm *dvmRun) peak(t *testing.T) (peak int) {
	path := filepath.Join("/proc", strconv.Itoa(dvm.cmd.Process.Pid), "status")
	for {
		select {
		case <-dvm.ended:
			return peak
		case <-time.After(10 * time.Millisecond):
		}
		status, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		if _, rest, found := bytes.Cut(status, []byte("VmHWM:")); found {
			kib, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
			if err != nil {
				t.Error(err)
			}
			peak = kib << 10
		}
	}
}
