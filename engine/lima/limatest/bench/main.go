// Command bench measures what dvm takes beside limactl called by hand, and prints a table in Markdown. It is run in the
// root of the repository:
//
//	go run ./engine/lima/limatest/bench
//	LIMACTL_UNDER_TEST=$(command -v limactl) go run ./engine/lima/limatest/bench -vms 2
//
// The first runs the stand-in for limactl, the second a real one. Both work in a LIMA_HOME of their own, which is gone
// afterwards. What is compared runs in turn, several times, and the medians count. Times of the stand-in say what dvm adds to
// calls that cost almost nothing; where a row says so, the stand-in takes as long as a real one does.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case callVerb:
			os.Exit(call(os.Args[2:]))
		case answerVerb:
			os.Exit(answer(os.Args[2:]))
		}
	}
	b := bench{real: os.Getenv("LIMACTL_UNDER_TEST")}
	flag.IntVar(&b.runs, "runs", 20, "how often each command is timed")
	flag.IntVar(&b.vms, "vms", 32, "how many VMs `many` are")
	flag.IntVar(&b.mib, "mib", 1024, "`MiB` of large output and copies")
	flag.StringVar(&b.only, "only", "", "`some` of sync,new,ssh,start-up,several,large,ansible")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of all measurements.
type bench struct {
	runs, vms, mib int
	only           string
	real           string // the path of a real limactl, or empty
	dir            string // for all files
	limactl, dvm   string
	env            []string
	rows           []row
}

func (b *bench) run() (err error) {
	if b.dir, err = os.MkdirTemp("", "dvm"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.build(); err != nil {
		return err
	}
	defer b.deleteAll()
	if _, err := b.time(b.ours(vmName(1))); err != nil {
		return err
	}
	for _, m := range []struct {
		name    string
		measure func() error
	}{
		{"sync", b.nothingToDo}, {"new", b.newVM}, {"ssh", b.commands}, {"start-up", b.startUp}, {"several", b.several},
		{"large", b.large}, {"ansible", b.ansible},
	} {
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), m.name) {
			continue
		}
		if err := m.measure(); err != nil {
			return err
		}
	}
	b.print()
	return nil
}

// build makes the programs, and the environment in which they run.
func (b *bench) build() error {
	b.dvm, b.limactl = filepath.Join(b.dir, "dvm"), filepath.Join(b.dir, "limactl")
	programs := map[string]string{b.dvm: ".", b.limactl: "./engine/lima/limatest/limactl"}
	if b.real != "" {
		b.limactl = b.real
		programs = map[string]string{b.dvm: "."}
	}
	for program, of := range programs {
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, of)
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the README installs it
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build %s: %w", of, err)
		}
		if err := readAnew(program); err != nil {
			return err
		}
	}
	home := filepath.Join(b.dir, "lima")
	b.env = append(os.Environ(), "LIMA_HOME="+home, "XDG_STATE_HOME="+filepath.Join(b.dir, "state"), "DVM_LIMACTL="+b.limactl,
		"LIMATEST_QUIET=1", "DVM_STATE_DIR=", "DVM_NAME=", "DVM_ALL=", "DVM_SETUP=", "DVM_PACKAGES=", "DVM_USER=developer")
	return os.MkdirAll(home, 0o700)
}

// readAnew puts a copy in a program's place. What a linker has just written lies in the page cache in single pages, and starts
// up to 1 ms later than a program that was unpacked, or read since the machine was started.
func readAnew(program string) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	if err := os.Remove(program); err != nil {
		return err
	}
	return os.WriteFile(program, text, 0o700)
}

func (b *bench) deleteAll() {
	instances, _ := filepath.Glob(filepath.Join(b.dir, "lima", "dvm-*"))
	for _, instance := range instances {
		if _, err := b.time(b.hand("--tty=false", "delete", "--force", filepath.Base(instance))); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
}

// row is a line of the table.
type row struct{ what, hand, dvm, ratio, wanted string }

// compare adds a row of two times, of which the second may be that many times the first.
func (b *bench) compare(what string, hand, dvm time.Duration, most float64) {
	b.tell(what, hand, dvm)
	b.rows[len(b.rows)-1].wanted = fmt.Sprintf("at most %.2f", most)
}

// tell adds a row of two times, of whose ratio nothing is wanted.
func (b *bench) tell(what string, hand, dvm time.Duration) {
	b.rows = append(b.rows, row{what: what, hand: show(hand), dvm: show(dvm), ratio: fmt.Sprintf("%.2f", dvm.Seconds()/hand.Seconds())})
}

func show(d time.Duration) string {
	if d >= time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func (b *bench) print() {
	which := "the stand-in"
	if b.real != "" {
		version, _ := exec.Command(b.real, "--version").Output()
		which = "a real " + strings.TrimSpace(string(version))
	}
	fmt.Printf("Measured on %s: %s/%s, %d cores, %s; medians of %d.\n\n", time.Now().UTC().Format(time.DateOnly),
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), which, b.runs)
	fmt.Println("| What | by hand | dvm | ratio | wanted |\n|---|---|---|---|---|")
	for _, r := range b.rows {
		fmt.Printf("| %s | %s | %s | %s | %s |\n", r.what, r.hand, r.dvm, r.ratio, r.wanted)
	}
}
