package logs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"dvm/engine"
)

// Names of the files in a VM's directory.
const (
	limaLog   = "lima.log"
	setupLog  = "setup.log"
	eventsLog = "events.jsonl"
)

// Journal keeps the logs of one VM: lima.log, setup.log and events.jsonl in a directory of its own.
//
// A run that has nothing to do leaves the logs of the run before it alone, so what is written goes to memory until Begin.
type Journal struct {
	dir   string
	vm    string
	lima  *logFile
	setup *logFile
	file  *os.File  // events.jsonl
	copy  io.Writer // gets the objects too, where there is one
}

// OpenJournal makes the VM's directory below stateDir and opens events.jsonl; the logs themselves wait for Begin.
func OpenJournal(stateDir, vm string) (*Journal, error) {
	dir := filepath.Join(stateDir, vm)
	j := &Journal{
		dir:   dir,
		vm:    vm,
		lima:  &logFile{path: filepath.Join(dir, limaLog)},
		setup: &logFile{path: filepath.Join(dir, setupLog)},
	}
	if err := j.open(); err != nil {
		return nil, err
	}
	return j, nil
}

func (j *Journal) open() (err error) {
	if err := makePrivate(j.dir); err != nil {
		return noDirectory(j.vm, err)
	}
	if j.file, err = openEvents(filepath.Join(j.dir, eventsLog)); err != nil {
		return noEvents(err)
	}
	return nil
}

func noDirectory(vm string, err error) error {
	return engine.Advise(fmt.Errorf("make the log directory: %w", err), "to keep the logs elsewhere: DVM_STATE_DIR=DIRECTORY dvm %s", vm)
}

func noEvents(err error) error { return fmt.Errorf("open the event log: %w", err) }

// Unkept says why a run of a VM whose directory below stateDir is there already could not keep its logs, or nothing where it
// could. It makes nothing.
func Unkept(stateDir, vm string) error {
	dir := filepath.Join(stateDir, vm)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := owned(dir); err != nil {
		return noDirectory(vm, err)
	}
	file, err := os.OpenFile(filepath.Join(dir, eventsLog), os.O_WRONLY|syscall.O_NOFOLLOW, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return noEvents(err)
	}
	return file.Close()
}

// Reopen opens the directory and events.jsonl again, which whoever had this run wait may have removed with the VM.
func (j *Journal) Reopen() error {
	before := j.file
	if err := j.open(); err != nil {
		j.file = before
		return err
	}
	return before.Close()
}

// makePrivate makes a directory that is nobody else's, or takes one that is there. Where others may write above it, one of
// them could have put it there, or a symbolic link to one of the user's own.
func makePrivate(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := owned(dir); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700) // whatever the umask
}

// owned refuses a path, or what it leads to, that is somebody else's.
func owned(dir string) error {
	for _, look := range []func(string) (fs.FileInfo, error){os.Lstat, os.Stat} {
		info, err := look(dir)
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
			return fmt.Errorf("%s is not yours", dir)
		}
	}
	return nil
}

func openEvents(path string) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > maxEvents {
		if err := os.Rename(path, older(path)); err != nil && !errors.Is(err, fs.ErrNotExist) { // another run's turn to do so
			return nil, err
		}
	}
	file, err := openPrivate(path, os.O_APPEND)
	if err != nil || endsLine(path) {
		return file, err
	}
	// A full disk took the end of an object; the next one is to be whole.
	_, _ = file.WriteString("\n")
	return file, nil
}

// endsLine tells whether a file ends with a line's end, or has nothing.
func endsLine(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return true
	}
	defer file.Close()
	last := make([]byte, 1)
	if _, err := file.Seek(-1, io.SeekEnd); err != nil {
		return true
	}
	_, err = file.Read(last)
	return err != nil || last[0] == '\n'
}

func openPrivate(path string, flag int) (*os.File, error) {
	file, err := os.OpenFile(path, flag|os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Chmod(0o600); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Lima is where the words of limactl and of the guest's own steps go, whole lines a write.
func (j *Journal) Lima() io.Writer { return j.lima }

// Setup is where the output of setup scripts goes, whole lines a write.
func (j *Journal) Setup() io.Writer { return j.setup }

// Path is where the log of a failed run stays: that of a setup script, or of everything else.
func (j *Journal) Path(setup bool) string {
	if setup {
		return failedPath(j.setup.path)
	}
	return failedPath(j.lima.path)
}

// Begin starts both logs anew, with what was held back.
func (j *Journal) Begin() error { return errors.Join(j.lima.begin(), j.setup.begin()) }

// Fail keeps the run's logs as *.failed.log, in the place of those of the failure before.
func (j *Journal) Fail() error {
	return errors.Join(j.Begin(), keepFailed(j.lima.path), keepFailed(j.setup.path))
}

// Close ends the run.
func (j *Journal) Close() error {
	return errors.Join(j.lima.close(), j.setup.close(), j.file.Close())
}

// Record adds a step's event to events.jsonl.
func (j *Journal) Record(event engine.Event) error {
	more := extra{}
	if event.State == engine.Failed {
		more.log = j.Path(isSetup(event.Step))
	}
	into := noting{w: j.objects()}
	writeEvent(&into, j.vm, event, more)
	return into.err
}

// Conclude adds what became of the VM to events.jsonl. end is an event without a step.
func (j *Journal) Conclude(report engine.Report, end engine.Event) error {
	into := noting{w: j.objects()}
	writeSummary(&into, j.vm, end, report, []engine.State{engine.OK, engine.Changed, engine.Failed, engine.NotRun})
	return into.err
}

// Copy writes each object of events.jsonl to w too.
func (j *Journal) Copy(w io.Writer) { j.copy = w }

func (j *Journal) objects() io.Writer {
	if j.copy == nil {
		return j.file
	}
	return io.MultiWriter(j.copy, j.file)
}

// noting keeps the error of a write from zerolog, which would print it.
type noting struct {
	w   io.Writer
	err error
}

func (n *noting) Write(p []byte) (int, error) {
	_, n.err = n.w.Write(p)
	return len(p), nil
}
