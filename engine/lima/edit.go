package lima

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// Edit is what is to change in an instance's configuration; what is empty stays.
type Edit struct {
	CPUs      int
	MemoryGiB string
	DiskGiB   string
	Forwards  *Forwards
}

// Edit changes the configuration of an instance that the caller has just seen stopped, under the start lock.
func (c *Client) Edit(ctx context.Context, lock *Lock, instance string, edit Edit) error {
	return c.runUnder(ctx, lock, c.editArgs(instance, edit))
}

// Amend writes the rules for ports of an instance that the caller has just seen running, under the start lock. They hold
// from its next start on. The file keeps its time, which tells whether something else was changed since the last start.
func (c *Client) Amend(ctx context.Context, lock *Lock, instance string, forwards Forwards) error {
	path := filepath.Join(c.Dir(instance), "lima.yaml")
	before, err := os.Stat(path)
	if err != nil {
		return err
	}
	// A limactl that fails, or is ended, may have written all the same.
	err = c.runUnder(ctx, lock, c.amendArgs(instance, forwards))
	return errors.Join(err, os.Chtimes(path, time.Time{}, before.ModTime()))
}

// EditedSinceStart tells whether the configuration of a running instance was written after its start, so that it may not be
// what the instance runs with. A time to come is of a clock that has since gone back, and tells nothing.
func (c *Client) EditedSinceStart(instance string) bool {
	config, err := os.Stat(filepath.Join(c.Dir(instance), "lima.yaml"))
	if err != nil {
		return false
	}
	agent, err := os.Stat(filepath.Join(c.Dir(instance), "ha.pid"))
	return err == nil && config.ModTime().After(agent.ModTime()) && !config.ModTime().After(time.Now())
}
