package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	slowly   = "LIMATEST_DELAY=200ms"         // all that is not limactl's own is small beside it
	warmReal = 58 * time.Millisecond          // that a real `limactl shell app true` takes, once its ssh connection is there
	ownShare = 15 * time.Millisecond          // of dvm beside its calls
	oneLarge = "1 list, 1 shell, and 1 start" // all calls that a new VM may cost
)

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

// paced is what a row and its commands say where the stand-in takes its time.
func (b *bench) paced(what, delay, pace string) (string, []string) {
	if b.real != "" {
		return what, nil
	}
	return what + ", " + pace, []string{delay}
}

// nothingToDo compares a sync with its slowest call.
func (b *bench) nothingToDo() error {
	what, env := b.paced("a sync with nothing to do, and its slowest call", slowly, "at 200 ms a call")
	took, err := b.medians(b.runs, b.inGuest("true").with(env...), b.ours(vmName(1)).with(env...))
	if err != nil {
		return err
	}
	b.compare(what, took[0].wall, took[1].wall, 1.15)
	var shares []time.Duration
	for range b.runs {
		took, calls, err := b.calls(b.ours(vmName(1)))
		if err != nil {
			return err
		}
		longest := slices.MaxFunc(calls, func(a, b noted) int { return int(a.took - b.took) })
		shares = append(shares, took.wall-longest.took)
	}
	slices.Sort(shares)
	b.rows = append(b.rows, row{"dvm's own share of that, beside its longest call", "", show(shares[len(shares)/2]), "", "at most " + show(ownShare)})
	return nil
}

// newVM counts the calls that a new VM costs.
func (b *bench) newVM() error {
	_, calls, err := b.calls(b.ours(vmName(2)))
	if err != nil {
		return err
	}
	count := map[string]int{}
	for _, call := range calls {
		count[call.verb]++
	}
	made := fmt.Sprintf("%d list, %d shell, and %d start", count["list"], count["shell"], count["start"])
	if len(calls) != 3 {
		made += fmt.Sprintf(", of %d", len(calls))
	}
	b.rows = append(b.rows, row{"a new VM: calls of limactl", "", made, "", oneLarge})
	return nil
}

// commands compares a command in the VM with the same by hand.
func (b *bench) commands() error {
	hand, ours := b.inGuest("sudo", "-n", "-u", "developer", "true"), b.ours("ssh", vmName(1), "--", "true")
	took, err := b.medians(b.runs, hand, ours)
	if err != nil {
		return err
	}
	const what = "`dvm ssh app -- true`, and the call by hand"
	if b.real != "" {
		b.compare(what, took[0].wall, took[1].wall, 1.10)
		return nil
	}
	b.tell(what+", on the bare stand-in", took[0].wall, took[1].wall)
	bare, err := b.medians(b.runs, b.inGuest("true"))
	if err != nil {
		return err
	}
	asReal := fmt.Sprintf("LIMATEST_DELAY=%s", max(warmReal-bare[0].wall, 0))
	if took, err = b.medians(b.runs, hand.with(asReal), ours.with(asReal)); err != nil {
		return err
	}
	b.compare(fmt.Sprintf(what+", where `limactl shell app true` takes %s, as a real one", show(warmReal)), took[0].wall, took[1].wall, 1.10)
	return nil
}

// startUp compares commands that need no limactl with a program that does nothing.
func (b *bench) startUp() error {
	verbs := [][]string{{"version"}, {"help"}, {"completion", "next", "dvm", "s"}}
	commands := []command{{args: []string{"true"}}}
	for _, verb := range verbs {
		commands = append(commands, b.ours(verb...))
	}
	took, err := b.medians(5*b.runs, commands...)
	if err != nil {
		return err
	}
	for i, verb := range verbs {
		most := 2*took[0].wall + 5*time.Millisecond
		b.rows = append(b.rows, row{"`dvm " + strings.Join(verb, " ") + "`, and `true`", show(took[0].wall), show(took[i+1].wall), "", "at most " + show(most)})
	}
	return nil
}

// several compares many VMs with one.
func (b *bench) several() error {
	var names []string
	for i := range b.vms {
		names = append(names, vmName(i+1))
	}
	all := fmt.Sprintf("DVM_JOBS=%d", b.vms)
	if _, err := b.time(b.ours(names...).with(all)); err != nil {
		return err
	}
	_, env := b.paced("", slowly, "")
	if err := b.severalAlone(names, all); err != nil {
		return err
	}
	bare := command{args: append([]string{"sh", "-c", `for vm; do "$0" --tty=false shell --workdir / dvm-$vm true & done; wait`, b.limactl}, names...)}
	took, err := b.oneAndMany(names, all, env, bare.with(env...))
	if err != nil {
		return err
	}
	what, _ := b.paced(fmt.Sprintf("%d VMs with nothing to do, `%s`, and one VM", b.vms, all), slowly, "at 200 ms a call, with all guests on these cores")
	b.tell(what, took[0].wall, took[1].wall)
	b.tell("the same, and as many `limactl shell app true` at once", took[3].wall, took[1].wall)
	b.inWaves(took[0], took[2])
	return nil
}

// severalAlone compares many VMs with one where calls take their time and nothing else: what limactl and guests make of the
// machine's cores is left out.
func (b *bench) severalAlone(names []string, all string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	list := b.hand("list", "--json")
	list.out = b.path("list")
	if _, err := b.time(list); err != nil {
		return err
	}
	env := []string{"DVM_LIMACTL=" + self + " " + answerVerb, "BENCH_LIST=" + list.out, "BENCH_TAKES=200ms"}
	took, err := b.oneAndMany(names, all, env)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d VMs with nothing to do, `%s`, and one VM, with a limactl that takes 200 ms and no core", b.vms, all)
	b.compare(what, took[0].wall, took[1].wall, 2)
	// Here, since a real limactl takes more than dvm, and its peak would count where dvm's own is not known.
	each := (took[1].memory - took[0].memory) / int64(max(b.vms-1, 1))
	b.rows = append(b.rows, row{"its memory for each VM more", "", mebibytes(each), "", "less than 1.0 MiB"})
	b.inWaves(took[0], took[2])
	return nil
}

// oneAndMany times one VM, many at once, many by four at once, and other commands in turn with them.
func (b *bench) oneAndMany(names []string, all string, env []string, others ...command) ([]usage, error) {
	commands := []command{b.ours(vmName(1)), b.ours(names...).with(all), b.ours(names...).with("DVM_JOBS=4")}
	for i := range commands {
		commands[i] = commands[i].with(env...)
	}
	return b.medians(max(b.runs/4, 3), append(commands, others...)...)
}

// inWaves compares many VMs by four at once with as many times one as that makes waves.
func (b *bench) inWaves(one, many usage) {
	waves := (b.vms + 3) / 4
	b.compare(fmt.Sprintf("the same with `DVM_JOBS=4`, and %d times one VM", waves), time.Duration(waves)*one.wall, many.wall, 1.2)
}

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// large compares what moves many bytes with a cat by hand.
func (b *bench) large() error {
	lines := fmt.Sprintf(`yes "$(printf %%099d 7)" | head -c %d >/tmp/lines`, b.mib<<20)
	if _, err := b.time(b.inGuest("sh", "-c", lines)); err != nil {
		return err
	}
	script, file, back := b.path("print.sh"), b.path("file"), b.path("back")
	if err := os.WriteFile(script, []byte("cat /tmp/lines\n"), 0o600); err != nil {
		return err
	}
	if out, err := exec.Command("sh", "-c", fmt.Sprintf("head -c %d /dev/urandom >%s", b.mib<<20, file)).CombinedOutput(); err != nil {
		return fmt.Errorf("make a large file: %w\n%s", err, out)
	}
	cat := b.inGuest("cat", "/tmp/lines").piped(b.path("printed"))
	in := b.asDeveloper("cat >~/copy")
	in.in = file
	out := b.asDeveloper("cat ~/original").piped(back)
	// Whatever is replaced would be timed too, and so would what the last one has left to be written to disk.
	onHost := command{args: []string{"sh", "-c", `rm -f "$@"; sync`, "sh", b.path("printed"), back}}
	inGuest := b.asDeveloper("rm -f ~/copy; sync")
	if _, err := b.time(b.ours("cp", file, vmName(1)+":~/original")); err != nil {
		return err
	}
	for _, pair := range []struct {
		what              string
		before, hand, dvm command
	}{
		{"a setup script prints %s, and `limactl shell app cat` through a pipe", onHost, cat, b.ours(vmName(1)).with("DVM_FORCE=1", "DVM_SETUP="+script)},
		{"`dvm cp` of %s into the VM, and a `cat` by hand", inGuest, in, b.ours("cp", file, vmName(1)+":~/copy")},
		{"`dvm cp` of %s out of it, and a `cat` through a pipe by hand", onHost, out, b.ours("cp", vmName(1)+":~/original", back)},
	} {
		took, err := b.medians(9, pair.hand.after(pair.before), pair.dvm.after(pair.before))
		if err != nil {
			return err
		}
		// A throughput of at least 0.8 of the other's.
		b.compare(fmt.Sprintf(pair.what, mebibytes(int64(b.mib)<<20)), took[0].wall, took[1].wall, 1/0.8)
		b.rows = append(b.rows, row{"its memory", "", mebibytes(took[1].memory), "", "less than 40.0 MiB"})
	}
	return nil
}
