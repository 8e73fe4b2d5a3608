package lima

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"

	"dvm/engine"
)

const (
	lockPoll   = 100 * time.Millisecond
	orphanPoll = time.Second // it takes a process
	ownWords   = 3           // of dvm's command line that others may see
	syncLock   = ".sync.lock"
	startLock  = ".start.lock"
)

// Lock is a kernel lock on a file in Lima's directory, so that dvm's with different state directories exclude each other.
// The kernel frees it however its holder ends. What its holder was running may go on: the next one waits for that too.
type Lock struct {
	file *flock.Flock
	note lockNote
}

// Holder says who holds a lock.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

// ends tells who stops or deletes the instance, which takes seconds.
func (h Holder) ends() bool {
	_, words, _ := strings.Cut(h.Command, " ")
	verb, _, _ := strings.Cut(words, " ")
	return verb == "stop" || verb == "rm"
}

// lockNote is what a lock's file says.
type lockNote struct {
	Holder
	Running *Holder `json:"running,omitempty"` // the limactl that the holder runs under the lock
}

func (h Holder) String() string {
	if h.PID == 0 {
		return "another dvm"
	}
	return fmt.Sprintf("%q (pid %d, since %s)", h.Command, h.PID, h.Since.Local().Format(time.TimeOnly))
}

// SyncLock excludes another sync, stop or removal of the instance. waiting is told once for whom this one waits.
func (c *Client) SyncLock(ctx context.Context, instance string, waiting func(Holder)) (*Lock, error) {
	return c.lock(ctx, instance+syncLock, waiting)
}

// TrySyncLock is SyncLock for what must not wait for a sync: where one is under way, it is named in the error. One of its own
// kind is waited for.
func (c *Client) TrySyncLock(ctx context.Context, instance string, waiting func(Holder)) (*Lock, error) {
	busy, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	return c.SyncLock(busy, instance, func(holder Holder) {
		if holder.ends() {
			waiting(holder)
			return
		}
		stop(atWork(holder, instance))
	})
}

func atWork(holder Holder, instance string) error {
	err := fmt.Errorf("%s is at work on %s", holder, instance)
	if holder.PID != 0 {
		err = engine.Advise(err, "once it has ended, run the same command again; to end it now: kill %d", holder.PID)
	}
	return err
}

// Busy is the error of TrySyncLock as things are, or nil. It holds nothing, and makes nothing.
func (c *Client) Busy(instance string) error {
	path := filepath.Join(c.lockDir(), instance+syncLock)
	if _, err := os.Stat(path); err != nil {
		return nil // nobody has had it yet
	}
	look := flock.New(path)
	defer look.Close()
	if free, err := look.TryRLock(); free || err != nil {
		return err
	}
	if holder := readNote(path).Holder; !holder.ends() {
		return atWork(holder, instance)
	}
	return nil
}

// StartLock excludes whoever else starts, stops or deletes the instance: two starts at once hang Lima, and two creations
// delete each other's directory. Its holder looks at the instance again before acting.
func (c *Client) StartLock(ctx context.Context, instance string, waiting func(Holder)) (*Lock, error) {
	return c.lock(ctx, instance+startLock, waiting)
}

func (c *Client) lock(ctx context.Context, name string, waiting func(Holder)) (*Lock, error) {
	if err := os.MkdirAll(c.lockDir(), 0o700); err != nil {
		return nil, engine.Advise(fmt.Errorf("make the lock directory: %w", err), "ls -ld %s", Quote([]string{Existing(c.lockDir())}))
	}
	path := filepath.Join(c.lockDir(), name)
	lock := &Lock{
		file: flock.New(path, flock.SetPermissions(0o600)),
		note: lockNote{Holder: Holder{PID: os.Getpid(), Command: ownCommand(), Since: time.Now().Truncate(time.Second)}},
	}
	locked, err := lock.file.TryLock()
	if err == nil && !locked {
		waiting(readNote(path).Holder)
		_, err = lock.file.TryLockContext(ctx, lockPoll)
	}
	if err == nil {
		err = awaitOrphan(ctx, readNote(path).Running, waiting)
	}
	switch {
	case err == nil:
		lock.write()
		return lock, nil
	case ctx.Err() != nil:
		err = context.Cause(ctx) // who had it has been said
	default:
		err = fmt.Errorf("lock %s: %w", path, err)
	}
	return nil, errors.Join(err, lock.file.Close())
}

// awaitOrphan waits for a limactl that has outlived a holder who was killed.
func awaitOrphan(ctx context.Context, orphan *Holder, waiting func(Holder)) error {
	if orphan == nil || !isLimactl(orphan) {
		return nil
	}
	known := *orphan
	known.Command = "limactl " + verb(strings.Fields(orphan.Command))
	waiting(known)
	poll := time.NewTicker(lockPoll)
	defer poll.Stop()
	again := time.NewTicker(orphanPoll)
	defer again.Stop()
	for syscall.Kill(orphan.PID, 0) == nil {
		select {
		case <-poll.C:
		case <-again.C:
			if !isLimactl(orphan) { // a zombie that nobody reaps, or another process with its number
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// isLimactl tells a process that still is what was noted from another one that has got its number.
func isLimactl(noted *Holder) bool {
	if syscall.Kill(noted.PID, 0) != nil {
		return false
	}
	words, known := commandLine(noted.PID)
	return !known || strings.Contains(words, noted.Command)
}

// holdBack has a limactl wait for begin, which first notes its process: whoever gets the lock after the holder was killed
// waits for its end. Where the holder is killed before that, it never runs.
func (l *Lock) holdBack(cmd *exec.Cmd, args []string) (begin func() error, err error) {
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	if err := unix.Access(cmd.Path, unix.X_OK); err != nil {
		return nil, &fs.PathError{Op: "exec", Path: cmd.Path, Err: err}
	}
	gate, opener, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Args = append([]string{"sh", "-c", `read -r _ <&3 && exec "$@" 3<&-`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{gate}
	return func() error {
		defer opener.Close()
		_ = gate.Close()
		if cmd.Process == nil {
			return nil
		}
		l.note.Running = &Holder{PID: cmd.Process.Pid, Command: strings.Join(args, " "), Since: time.Now().Truncate(time.Second)}
		l.write()
		_, _ = io.WriteString(opener, "\n") // where it has ended already, its end says so
		return nil
	}, nil
}

// write leaves the file empty where a full disk has no room for the note: whoever holds the lock is to give room back, as dvm rm
// does, and the kernel knows that it is held.
func (l *Lock) write() {
	if text, err := json.Marshal(l.note); err == nil {
		_ = os.WriteFile(l.file.Path(), text, 0o600)
	}
}

// Unlock lets the next one in.
func (l *Lock) Unlock() error {
	l.note.Running = nil
	l.write()
	return l.file.Close()
}

// readNote is of no holder where the file does not say, or is being written. No number of a process that is another's, or several
// ones', is taken from it.
func readNote(path string) (note lockNote) {
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &note) != nil || note.PID <= 1 {
		return lockNote{}
	}
	if note.Running != nil && (note.Running.PID <= 1 || note.Running.Command == "") {
		note.Running = nil
	}
	return note
}

// ownCommand is dvm's verb and VM: what follows may be a command of the user's with secrets in it.
func ownCommand() string {
	words := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	if len(words) > ownWords {
		words = append(words[:ownWords:ownWords], "...")
	}
	return strings.Join(words, " ")
}
