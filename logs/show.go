package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"dvm/engine"
)

// Show prints the logs of a VM's last run, each under a header that says where it is. On a terminal it goes through
// $PAGER, or less where there is none. makes is the command that makes some.
func Show(w io.Writer, stateDir, vm, makes string) error {
	dir := filepath.Join(stateDir, vm)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return engine.Advise(fmt.Errorf("there are no logs of %q in %s", vm, stateDir), "%s", makes)
	}
	if !IsTerminal(w) {
		return writeLogs(w, dir)
	}
	pager := os.Getenv("PAGER")
	if pager == "" {
		if pager = "less"; !installed(pager) {
			return writeLogs(w, dir)
		}
	}
	// PAGER is a command line by convention, and the user's own.
	cmd := exec.Command("/bin/sh", "-c", pager) //nolint:noctx // it ends when its user leaves it
	cmd.Stdout, cmd.Stderr = w, os.Stderr
	if os.Getenv("LESS") == "" {
		cmd.Env = append(os.Environ(), "LESS=FRX")
	}
	into, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("run the pager: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run the pager: %w", err)
	}
	signal.Ignore(syscall.SIGINT) // which in a pager ends a search, and not the pager
	defer signal.Reset(syscall.SIGINT)
	// The pager may be left before it has read everything.
	_ = writeLogs(into, dir)
	_ = into.Close()
	err = cmd.Wait()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGINT {
		return nil // the shell around a pager that went on
	}
	if err != nil {
		return fmt.Errorf("run the pager %q: %w", pager, err)
	}
	return nil
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func writeLogs(w io.Writer, dir string) error {
	for _, name := range []string{older(limaLog), limaLog, older(setupLog), setupLog} {
		path := filepath.Join(dir, name)
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("show the logs: %w", err)
		}
		_, err = fmt.Fprintf(w, "==> %s <==\n", path)
		if err == nil {
			_, err = io.Copy(w, file)
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("show the logs: %w", err)
		}
	}
	return nil
}

// Remove deletes the logs of a VM that is gone, and nothing else that may be in its directory.
func Remove(stateDir, vm string) error {
	dir := filepath.Join(stateDir, vm)
	for _, name := range []string{limaLog, setupLog, failedPath(limaLog), failedPath(setupLog), eventsLog} {
		for _, generation := range []string{name, older(name), newer(name), newer(older(name))} {
			if err := remove(filepath.Join(dir, generation)); err != nil {
				return fmt.Errorf("delete the logs: %w", err)
			}
		}
	}
	_ = os.Remove(dir) // unless it holds something else
	return nil
}

// Kept tells whether there are logs of a VM that Remove would delete.
func Kept(stateDir, vm string) bool {
	_, err := os.Stat(filepath.Join(stateDir, vm, eventsLog)) // which goes last
	return err == nil
}

// Dirs lists the directories below a state directory that hold the logs of a VM.
func Dirs(stateDir string) (dirs []string) {
	paths, _ := fs.Glob(os.DirFS(stateDir), "*/"+eventsLog) // whatever the directory's own name is made of
	for _, path := range paths {
		dirs = append(dirs, filepath.Join(stateDir, filepath.Dir(path)))
	}
	return dirs
}
