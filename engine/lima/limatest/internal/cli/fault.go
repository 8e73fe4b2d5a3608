package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"dvm/engine/lima/limatest/internal/knob"
)

// runFaulty runs a command with the delay and the faults that the test asked for.
func (a *App) runFaulty(cmd command, args []string) error {
	faults, err := knob.ReadFaults(a.Getenv, string(a.home), cmd.name)
	if err != nil {
		return err
	}
	a.faults = faults
	time.Sleep(a.knobs.Delay(cmd.name))
	if done, err := a.failBefore(); done {
		return err
	}
	if d, ok := a.faults.Duration("kill-after"); ok {
		time.AfterFunc(d, killSelf)
	}
	err = cmd.run(a, args)
	if a.faults.Has("hang-after") {
		hang()
	}
	if code, ok := a.faults.Code("exit-after"); ok {
		a.log.fatalf("stand-in: told to fail after its work")
		return exitError(code)
	}
	return err
}

// failBefore plays the faults that come in place of the work; done says that one did.
func (a *App) failBefore() (done bool, err error) {
	if text, ok := a.faults.Arg("stderr"); ok {
		fmt.Fprintln(a.Stderr, text)
	}
	if a.faults.Has("kill") {
		killSelf()
	}
	if a.faults.Has("hang") {
		hang()
	}
	if code, ok := a.faults.Code("exit"); ok {
		a.log.fatalf("stand-in: told to fail")
		return true, exitError(code)
	}
	for action, output := range map[string]string{
		"garbage": "\x00\xff not what you asked for \x1b[31m\n{]\n",
		"half":    `{"name":"half-a-line","hostname":"lima-half-a-line","status":"Run`,
		"big":     strings.Repeat("a line of much output that means nothing to anybody\n", 4096),
	} {
		if a.faults.Has(action) {
			_, err := a.Stdout.WriteString(output)
			return true, err
		}
	}
	return false, nil
}

func killSelf() {
	// It does not come back, and the sleep covers the moment until it takes effect.
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	hang()
}

func hang() { time.Sleep(1 << 62) }
