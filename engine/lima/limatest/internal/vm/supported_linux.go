package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// childMark is set in the environment of a probe, so that a program that does not lead its hidden arguments to
// this package cannot probe itself for ever.
const childMark = "LIMATEST_PROBING"

// Supported tries a guest's disk in new namespaces, below a temporary directory, and says why it cannot be had.
func Supported() error {
	if os.Getenv(childMark) != "" {
		return errors.New("limatest: the hidden arguments do not reach limatest.Main")
	}
	if n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && n == 1 {
		return errors.New("no_new_privs is set: sudo cannot work")
	}
	dir, err := os.MkdirTemp("", "limatest-probe-")
	if err != nil {
		return err
	}
	defer RemoveDisk(dir) //nolint:errcheck // a failed probe has nothing worth keeping
	defer os.RemoveAll(dir)
	defer RemoveDisk(dir) //nolint:errcheck // as above
	console, err := os.Create(filepath.Join(dir, "console"))
	if err != nil {
		return err
	}
	defer console.Close()
	ns := namespaces{pid: true, mount: true, uts: true, ipc: true}
	cmd, err := ns.start([]string{ProbeVerb, dir}, []string{childMark + "=1"}, console, nil)
	if err != nil {
		return err
	}
	err = cmd.Wait()
	said, readErr := os.ReadFile(console.Name())
	if err != nil {
		return errors.Join(fmt.Errorf("guests: %w: %s", err, strings.TrimSpace(string(said))), readErr)
	}
	if string(said) != probeAnswer {
		return errors.New("limatest: the hidden arguments do not reach limatest.Main")
	}
	return nil
}

const probeAnswer = "limatest: a guest is possible\n"

// Probe is the program that Supported starts: it enters a guest's disk and says so.
func Probe(dir string) int {
	d := disk{dir: guestDir(dir), sudoLog: SudoLog(dir)}
	if err := d.enter(); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Print(probeAnswer)
	return 0
}
