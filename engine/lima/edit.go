package lima

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const forwardWithin = 10 * time.Second // for ssh's master to answer

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
	if err := c.runUnder(ctx, lock, c.amendArgs(instance, forwards)); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, before.ModTime())
}

// EditedSinceStart tells whether the configuration of a running instance was written after its start, so that it may not be
// what the instance runs with.
func (c *Client) EditedSinceStart(instance string) bool {
	config, err := os.Stat(filepath.Join(c.Dir(instance), "lima.yaml"))
	if err != nil {
		return false
	}
	agent, err := os.Stat(filepath.Join(c.Dir(instance), "ha.pid"))
	return err == nil && config.ModTime().After(agent.ModTime())
}

// CanForward tells whether a running instance has the control socket that Forward needs. It costs one stat.
func (c *Client) CanForward(instance string) bool {
	info, err := os.Stat(filepath.Join(c.Dir(instance), "ssh.sock"))
	return err == nil && info.Mode()&os.ModeSocket != 0
}

// Forward opens a port of the host through the connection that Lima has with a running instance, for as long as that lasts.
func (c *Client) Forward(ctx context.Context, instance string, pair Pair) error {
	ctx, cancel := context.WithTimeoutCause(ctx, forwardWithin, fmt.Errorf("no answer within %s", forwardWithin))
	defer cancel()
	args := []string{"-F", filepath.Join(c.Dir(instance), "ssh.config"), "-O", "forward",
		"-L", fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", pair.Host, pair.Guest), "lima-" + instance}
	_, _ = fmt.Fprintf(c.Log, "%s $ ssh %s\n", time.Now().Format(time.RFC3339), Quote(args))
	cmd := exec.CommandContext(ctx, "ssh", args...)
	cmd.Env = c.environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("forward %s by ssh: %w: %s", pair, err, strings.ReplaceAll(strings.TrimSpace(string(said)), "\n", "; "))
	}
	return nil
}
