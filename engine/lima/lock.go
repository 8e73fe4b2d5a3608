package lima

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

const lockPoll = 100 * time.Millisecond

// Lock is a kernel lock on a file in Lima's directory, so that dvm's with different state directories exclude each other.
// The kernel frees it however its holder ends.
type Lock struct{ file *flock.Flock }

// Holder says who holds a lock.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	Since   time.Time `json:"since"`
}

func (h Holder) String() string {
	if h.PID == 0 {
		return "another dvm"
	}
	return fmt.Sprintf("%q (pid %d, since %s)", h.Command, h.PID, h.Since.Local().Format(time.TimeOnly))
}

// SyncLock excludes another sync of the instance. waiting is told once for whom this one waits.
func (c *Client) SyncLock(ctx context.Context, instance string, waiting func(Holder)) (*Lock, error) {
	return c.lock(ctx, instance+".sync.lock", waiting)
}

// TrySyncLock is SyncLock for what must not wait for a sync: where one is under way, it is named in the error.
func (c *Client) TrySyncLock(instance string) (*Lock, error) {
	busy, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	return c.SyncLock(busy, instance, func(holder Holder) { stop(fmt.Errorf("%s syncs %s", holder, instance)) })
}

// StartLock excludes whoever else starts, stops or deletes the instance: two starts at once hang Lima, and two creations
// delete each other's directory. Its holder looks at the instance again before acting.
func (c *Client) StartLock(ctx context.Context, instance string, waiting func(Holder)) (*Lock, error) {
	return c.lock(ctx, instance+".start.lock", waiting)
}

func (c *Client) lock(ctx context.Context, name string, waiting func(Holder)) (*Lock, error) {
	if err := os.MkdirAll(c.lockDir(), 0o700); err != nil {
		return nil, fmt.Errorf("make the lock directory: %w", err)
	}
	path := filepath.Join(c.lockDir(), name)
	file := flock.New(path, flock.SetPermissions(0o600))
	locked, err := file.TryLock()
	if err == nil && !locked {
		waiting(readHolder(path))
		_, err = file.TryLockContext(ctx, lockPoll)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	me, err := json.Marshal(Holder{PID: os.Getpid(), Command: ownCommand(), Since: time.Now().Truncate(time.Second)})
	if err == nil {
		err = os.WriteFile(path, me, 0o600)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return &Lock{file}, nil
}

// Unlock lets the next one in.
func (l *Lock) Unlock() error { return l.file.Close() }

func readHolder(path string) (holder Holder) {
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &holder) != nil {
		return Holder{}
	}
	return holder
}

func ownCommand() string {
	return strings.Join(append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...), " ")
}
