package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// outcome is what syncs made of an instance and its guest, and what they left in it.
type outcome struct {
	config string // lima.yaml
	state  string
	left   string
	begun  map[string]int // how often each setup script began
	ended  map[string]int // and came to its end
}

var hash = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

func (vm *crashVM) outcome() outcome {
	config, err := os.ReadFile(vm.instance("lima.yaml"))
	if err != nil {
		vm.t.Fatal(err)
	}
	numbers := strings.NewReplacer(`"`+vm.hostPort+`"`, "HOST", `"`+vm.guestPort+`"`, "GUEST")
	words := strings.Split(vm.guest("state.sh"), "\n--\n")
	o := outcome{config: numbers.Replace(string(config)), state: words[0], left: words[2], begun: map[string]int{}, ended: map[string]int{}}
	if strings.Contains(o.config, "HOST") { // which is part of what a setup script's hash is made of
		o.state = hash.ReplaceAllString(o.state, "HASH")
	}
	for line := range strings.Lines(words[1]) {
		script, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if what == "begin" {
			o.begun[script]++
		} else {
			o.ended[script]++
		}
	}
	return o
}

// compare looks for what differs from an undisturbed sync's outcome, and for what was left behind.
func (vm *crashVM) compare(wanted outcome, repeats string) {
	got := vm.outcome()
	for deadline := time.Now().Add(crashWithin / 3); got.left != "" && time.Now().Before(deadline); got = vm.outcome() {
		time.Sleep(200 * time.Millisecond)
	}
	if got.left != "" {
		vm.t.Errorf("left in the guest:\n%s", got.left)
	}
	if got.state != wanted.state {
		vm.t.Errorf("the guest differs:\n%s", difference(wanted.state, got.state))
	}
	if got.config != wanted.config {
		vm.t.Errorf("lima.yaml differs:\n%s", difference(wanted.config, got.config))
	}
	again := 0
	for script := range wanted.begun {
		ends := got.ended[script] - wanted.ended[script]
		if ends != 0 && (ends != 1 || repeats != script && repeats != anyScript) {
			vm.t.Errorf("setup script %s ended %d times, want %d", script, got.ended[script], wanted.ended[script])
		}
		again += got.begun[script] - wanted.begun[script]
	}
	if again < 0 || again > 1 {
		vm.t.Errorf("setup scripts began %v, want %v and at most one once more", got.begun, wanted.begun)
	}
	if left := vm.leftOnHost(); left != "" {
		vm.t.Errorf("left on the host:\n%s", left)
	}
	vm.files()
}

// forwarded wants that something listens for the VM on its port of the host.
func (vm *crashVM) forwarded() {
	conn, err := net.Dial("tcp", "127.0.0.1:"+vm.hostPort)
	if err != nil {
		vm.t.Errorf("the pair is not forwarded: %v", err)
		return
	}
	conn.Close()
}

// leftOnHost lists processes that belong to this case, but for the VM itself.
func (vm *crashVM) leftOnHost() string {
	var left strings.Builder
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		vm.t.Fatal(err)
	}
	for _, path := range environments {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte("LIMA_HOME="+vm.home+"\x00")) {
			continue
		}
		words, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || len(words) == 0 || bytes.Contains(words, []byte("\x00__")) { // the stand-in's own
			continue
		}
		fmt.Fprintf(&left, "%s: %q\n", filepath.Dir(path), words)
	}
	return left.String()
}

// files checks dvm's files on the host: no lock is held, and nothing temporary is left.
func (vm *crashVM) files() {
	known := []string{"_dvm", "_dvm/dvm-app.start.lock", "_dvm/dvm-app.sync.lock", "_dvm/dvm-app.live.json", "_dvm/key.lock", "_dvm/scratch",
		"dvm", "dvm/app", "dvm/app/events.jsonl", "dvm/app/lima.log", "dvm/app/lima.failed.log", "dvm/app/setup.log", "dvm/app/setup.failed.log"}
	for root, top := range map[string]string{vm.home: "_dvm", vm.state(): "dvm"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			if !slices.Contains(known, name) {
				vm.t.Errorf("%s is left", path)
			}
			if strings.HasSuffix(name, ".lock") {
				vm.free(path)
			}
			return nil
		})
		if err != nil {
			vm.t.Error(err)
		}
	}
}

// free wants that nobody holds a lock.
func (vm *crashVM) free(path string) {
	file, err := os.Open(path)
	if err != nil {
		vm.t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		vm.t.Errorf("%s is held: %v", path, err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// difference lists the lines that only one text has.
func difference(want, got string) string {
	var text strings.Builder
	for sign, pair := range map[string][2]string{"-": {want, got}, "+": {got, want}} {
		other := strings.Split(pair[1], "\n")
		for line := range strings.Lines(pair[0]) {
			if !slices.Contains(other, strings.TrimSuffix(line, "\n")) {
				text.WriteString(sign + line)
			}
		}
	}
	return text.String()
}
