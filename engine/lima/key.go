package lima

import (
	"context"
	"errors"
	"os"
	"time"
)

const keyPoll = 20 * time.Millisecond // about as long as ssh-keygen takes

// keyed runs a creation. Where Lima's key pair is missing, limactl has it made under a lock without looking again, and of two
// at once one fails. So one goes ahead until the pair is there or its limactl has ended, and the others wait for that.
func (c *Client) keyed(ctx context.Context, create func() error) error {
	lock, err := c.keyLock(ctx)
	if err != nil {
		return err
	}
	if lock == nil {
		return create()
	}
	ended, end := context.WithCancel(context.Background())
	unlocked := make(chan error, 1)
	go func() {
		c.awaitKey(ended)
		unlocked <- lock.Unlock()
	}()
	err = create()
	end()
	return errors.Join(err, <-unlocked)
}

// keyLock gives no lock where the key pair is there, or has come while it waited.
func (c *Client) keyLock(ctx context.Context) (lock *Lock, err error) {
	if c.hasKey() {
		return nil, nil
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		c.awaitKey(ctx)
		end()
	}()
	lock, err = c.lock(ctx, "key.lock", unheard)
	if err == nil {
		if err = c.awaitStarts(ctx); err == nil && !c.hasKey() {
			return lock, nil
		}
		err = errors.Join(err, lock.Unlock())
	}
	if c.hasKey() {
		return nil, nil
	}
	return nil, err
}

// hasKey looks for both files: ssh-keygen writes the public one, which limactl reads, last and in one go.
func (c *Client) hasKey() bool {
	public, err := os.Stat(c.identity() + ".pub")
	if err != nil || public.Size() == 0 {
		return false
	}
	_, err = os.Stat(c.identity())
	return err == nil
}

func (c *Client) awaitKey(ctx context.Context) {
	tick := time.NewTicker(keyPoll)
	defer tick.Stop()
	for !c.hasKey() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// awaitStarts waits for every limactl that has outlived a dvm which was killed before there was a key.
func (c *Client) awaitStarts(ctx context.Context) error {
	locks, err := glob(c.lockDir(), "*"+startLock)
	for _, path := range locks {
		err = errors.Join(err, awaitOrphan(ctx, readNote(path).Running, unheard))
	}
	return err
}

// unheard is for waits that are too short to tell of.
func unheard(Holder) {}
