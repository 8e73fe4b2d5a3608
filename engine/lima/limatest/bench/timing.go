package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// command is one that is timed.
type command struct {
	args    []string
	env     []string // beside that of all
	in, out string   // paths, or empty for nothing
	before  *command // runs first, and does not count
}

// hand is a limactl called by hand.
func (b *bench) hand(args ...string) command {
	return command{args: append([]string{b.limactl}, args...)}
}

// inGuest is a command by hand in the first VM.
func (b *bench) inGuest(args ...string) command {
	return b.hand(append([]string{"--tty=false", "shell", "--workdir", "/", "dvm-" + vmName(1)}, args...)...)
}

// asDeveloper is a shell's command by hand in the first VM, as the user whose VM it is.
func (b *bench) asDeveloper(line string) command {
	return b.inGuest("sudo", "-n", "-H", "-u", "developer", "sh", "-c", line)
}

// ours is a dvm.
func (b *bench) ours(args ...string) command {
	return command{args: append([]string{b.dvm}, args...)}
}

// piped has a second cat write what the command prints. Where stdout is a file, the stand-in has the kernel move pages from
// pipe to file without a copy, which neither an ssh nor a program that looks at them can.
func (c command) piped(out string) command {
	c.args = append([]string{"sh", "-c", `"$@" | cat`, "sh"}, c.args...)
	c.out = out
	return c
}

func (c command) with(env ...string) command {
	c.env = append(slices.Clone(c.env), env...)
	return c
}

func vmName(i int) string { return "vm" + strconv.Itoa(i) }

// after has another command run first, which does not count.
func (c command) after(before command) command {
	c.before = &before
	return c
}

// usage is what a command took.
type usage struct {
	wall   time.Duration
	memory int64 // its own peak in bytes on Linux; elsewhere, and of what is over at once, that of it or of what it waited for
}

// time runs a command once, and fails where it does.
func (b *bench) time(c command) (usage, error) {
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Env = append(slices.Clone(b.env), c.env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if c.before != nil {
		if _, err := b.time(*c.before); err != nil {
			return usage{}, err
		}
	}
	begin := time.Now()
	if c.in != "" {
		in, err := os.Open(c.in)
		if err != nil {
			return usage{}, err
		}
		defer in.Close()
		cmd.Stdin = in
	}
	if c.out != "" {
		out, err := os.Create(c.out)
		if err != nil {
			return usage{}, err
		}
		defer out.Close()
		cmd.Stdout = out
	}
	if err := cmd.Start(); err != nil {
		return usage{}, err
	}
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	took := usage{wall: time.Since(begin)}
	took.memory = peak()
	if err != nil {
		return took, fmt.Errorf("%q: %w\n%s", c.args, err, said.Bytes())
	}
	if took.memory > 0 {
		return took, nil
	}
	if resources, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		took.memory = resources.Maxrss
		if runtime.GOOS != "darwin" {
			took.memory *= 1 << 10
		}
	}
	return took, nil
}

// watchMemory follows a process, and gives a function that ends this and returns the process's peak so far in bytes, or 0 where
// that is not known. The peak only grows, so that looking now and then misses little.
func watchMemory(pid int) func() int64 {
	over, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := int64(0)
		now := time.NewTicker(50 * time.Millisecond)
		defer now.Stop()
		for {
			select {
			case <-over:
				peak <- most
				return
			case <-now.C:
				most = max(most, peakMemory(pid))
			}
		}
	}()
	return func() int64 {
		close(over)
		return <-peak
	}
}

// peakMemory is what the kernel calls VmHWM, see proc_pid_status(5).
func peakMemory(pid int) (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kibibytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kibibytes << 10
		}
	}
	return 0
}

// medians runs the commands in turn, so many times, after one round that does not count.
func (b *bench) medians(runs int, commands ...command) ([]usage, error) {
	all := make([][]usage, len(commands))
	for round := range runs + 1 {
		for i, c := range commands {
			took, err := b.time(c)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				all[i] = append(all[i], took)
			}
		}
	}
	result := make([]usage, len(commands))
	for i, each := range all {
		slices.SortFunc(each, func(a, b usage) int { return int(a.wall - b.wall) })
		result[i] = each[len(each)/2]
	}
	return result, nil
}

// callVerb makes this program a limactl that runs the one in BENCH_LIMACTL, and notes in BENCH_CALLS when.
const callVerb = "call"

func call(args []string) int {
	begin := time.Now()
	cmd := exec.Command(os.Getenv("BENCH_LIMACTL"), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	file, openErr := os.OpenFile(os.Getenv("BENCH_CALLS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if openErr == nil {
		_, openErr = fmt.Fprintln(file, verbOf(args), begin.UnixNano(), time.Now().UnixNano())
	}
	if openErr != nil || cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "bench call:", err, openErr)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

func verbOf(args []string) string {
	for _, arg := range args {
		if slices.Contains([]string{"list", "shell", "start"}, arg) {
			return arg
		}
	}
	return "another"
}

// noted is a call of limactl.
type noted struct {
	verb string
	took time.Duration
}

// calls runs a dvm and gives what it took, and its calls.
func (b *bench) calls(c command) (usage, []noted, error) {
	self, err := os.Executable()
	if err != nil {
		return usage{}, nil, err
	}
	path := b.path("calls")
	took, err := b.time(c.with("DVM_LIMACTL="+self+" "+callVerb, "BENCH_LIMACTL="+b.limactl, "BENCH_CALLS="+path))
	if err != nil {
		return took, nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return took, nil, err
	}
	var calls []noted
	for line := range strings.Lines(string(text)) {
		var verb string
		var begin, end int64
		if _, err := fmt.Sscan(line, &verb, &begin, &end); err != nil {
			return took, nil, err
		}
		calls = append(calls, noted{verb, time.Duration(end - begin)})
	}
	return took, calls, os.Remove(path)
}
