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
	note := c.liveNote(instance)
	if !c.amended(instance, note) {
		file, err := os.Stat(c.configPath(instance))
		if err != nil {
			return err
		}
		rest, err := c.rest(instance)
		if err != nil {
			return err
		}
		note.Amending = &amending{Written: file.ModTime(), Rest: rest}
		if err := c.keepLive(instance, note); err != nil {
			return err
		}
	}
	// A limactl that fails, or is ended, may have written all the same.
	err := c.runUnder(ctx, lock, c.amendArgs(instance, forwards))
	if timeErr := os.Chtimes(c.configPath(instance), time.Time{}, note.Amending.Written); timeErr != nil {
		return errors.Join(err, timeErr)
	}
	note.Amending = nil
	return errors.Join(err, c.keepLive(instance, note))
}

// amending is what Amend notes first, for a dvm that is killed before the file has its time again.
type amending struct {
	Written time.Time // when the file was, before
	Rest    string    // see rest
}

// amended tells whether an Amend that was cut short is all that was done to the file since.
func (c *Client) amended(instance string, note liveNote) bool {
	if note.Amending == nil {
		return false
	}
	rest, err := c.rest(instance)
	return err == nil && rest == note.Amending.Rest
}

// EditedSinceStart tells whether the configuration of a running instance was written after its start, so that it may not be
// what the instance runs with. A time to come is of a clock that has since gone back, and tells nothing.
func (c *Client) EditedSinceStart(instance string) bool {
	config, err := os.Stat(c.configPath(instance))
	if err != nil {
		return false
	}
	agent, err := os.Stat(filepath.Join(c.Dir(instance), "ha.pid"))
	if err != nil {
		return false
	}
	later := func(written time.Time) bool { return written.After(agent.ModTime()) && !written.After(time.Now()) }
	if !later(config.ModTime()) {
		return false
	}
	note := c.liveNote(instance)
	return !c.amended(instance, note) || later(note.Amending.Written)
}
