package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
)

// Without root the files of a guest's disk belong to subordinate ids, which only the root of a user namespace may read
// and remove. What is done to them is therefore done by a program there.

// RemoveDisk removes the guest's disk from an instance's directory.
func RemoveDisk(instanceDir string) error {
	dir := guestDir(instanceDir)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return asOwner(RemoveVerb, dir)
}

// CopyInstance copies an instance's directory to one that does not exist.
func CopyInstance(from, to string) error {
	return asOwner(CopyVerb, from, to)
}

// asOwner runs this program as who owns the files of a disk.
func asOwner(args ...string) error {
	cmd, err := namespaces{}.start(args, nil, os.Stderr, nil)
	if err != nil {
		return err
	}
	return cmd.Wait()
}

// Remove is the program that removes a directory.
func Remove(dir string) int {
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Copy is the program that copies a directory. It leaves that to cp, which keeps owners, modes, links and the
// overlay's own marks: nothing in the standard library does.
func Copy(fromTo []string) int {
	cmd := exec.Command("cp", append([]string{"-a", "--"}, fromTo...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return 1
	}
	return 0
}
