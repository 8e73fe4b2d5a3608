package lima

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"dvm/engine"
	"dvm/scripts"
)

// Status is what Lima says of an instance.
type Status string

// The statuses that dvm knows. Running means that the processes live, not that the guest has booted.
const (
	Running Status = "Running"
	Stopped Status = "Stopped"
	Broken  Status = "Broken"
)

// Instance is one object of limactl's list, with what dvm needs of it.
type Instance struct {
	Name   string  `json:"name"`
	Status Status  `json:"status"`
	CPUs   int     `json:"cpus"`
	Memory int64   `json:"memory"` // bytes, as configured
	Disk   int64   `json:"disk"`   // bytes, as configured
	Config *Config `json:"config"` // nil where Lima can't read lima.yaml
}

// Config is an instance's configuration with Lima's defaults filled in.
type Config struct {
	Images []struct {
		Location string `json:"location"`
	} `json:"images"`
	Mounts []struct {
		Location string `json:"location"`
	} `json:"mounts"`
	PortForwards []PortForward `json:"portForwards"`
	Containerd   struct {
		System bool `json:"system"`
		User   bool `json:"user"`
	} `json:"containerd"`
}

// PortForward is one rule of an instance for its ports.
type PortForward struct {
	GuestPort int  `json:"guestPort"` // 0 for a range or a socket
	HostPort  int  `json:"hostPort"`
	Ignore    bool `json:"ignore"`
}

// Fedora tells whether the instance was made from a Fedora image, which says that it is one of dvm's.
func (c *Config) Fedora() bool {
	for _, image := range c.Images {
		if strings.Contains(strings.ToLower(image.Location), "fedora") {
			return true
		}
	}
	return false
}

// Exists tells whether Lima has a directory for the instance. It costs one stat.
func (c *Client) Exists(instance string) (bool, error) {
	_, err := os.Lstat(c.Dir(instance))
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, os.ErrNotExist):
		return false, nil
	}
	return false, fmt.Errorf("look for instance %s: %w", instance, err)
}

// Alive tells whether the instance's host agent lives, which limactl is not asked for. What a crash left behind is told
// from it by the process.
func (c *Client) Alive(instance string) bool {
	pid, ok := readPID(filepath.Join(c.Dir(instance), "ha.pid"))
	if !ok {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// Find asks limactl for one instance; nil means that there is none.
func (c *Client) Find(ctx context.Context, instance string) (*Instance, error) {
	answer, err := c.list(ctx, instance)
	var failed *CommandError
	if err != nil && !errors.As(err, &failed) {
		return nil, err
	}
	instances, decodeErr := decodeInstances(answer)
	if decodeErr != nil {
		return nil, cmp.Or(err, decodeErr) // limactl's own word explains more
	}
	for _, found := range instances {
		if found.Name == instance {
			return &found, nil
		}
	}
	return nil, c.notListed(instance, err)
}

// FindOwn is Find under the instance's start lock, where only processes of its own can make it seem broken.
func (c *Client) FindOwn(ctx context.Context, instance string) (*Instance, error) {
	found, err := c.Find(ctx, instance)
	if err != nil || found == nil || found.Status != Broken {
		return found, err
	}
	if err := c.dropForeignPIDs(instance); err != nil {
		return nil, err
	}
	return c.Find(ctx, instance)
}

// List asks limactl for all instances, in the order of their names.
func (c *Client) List(ctx context.Context) ([]Instance, error) {
	answer, err := c.list(ctx)
	if err != nil {
		return nil, err
	}
	return decodeInstances(answer)
}

// list gives limactl's answer for the instances named, or for all.
func (c *Client) list(ctx context.Context, instances ...string) ([]byte, error) {
	answer, err := c.run(ctx, c.listArgs(instances...))
	var failed *CommandError
	if !errors.As(err, &failed) {
		return answer, err
	}
	for _, instance := range instances {
		if exists, err := c.Exists(instance); err == nil && !exists {
			return answer, failed // which is why it failed
		}
	}
	// One instance with a configuration beyond 64 KiB makes the list fail for all; asked in this way it does not.
	if answer, again := c.run(ctx, c.listFormatArgs(instances...)); again == nil {
		return answer, nil
	}
	return answer, failed
}

func decodeInstances(answer []byte) (instances []Instance, err error) {
	decoder := json.NewDecoder(bytes.NewReader(answer))
	for {
		var next Instance
		switch err := decoder.Decode(&next); {
		case errors.Is(err, io.EOF):
			return instances, nil
		case err != nil:
			return nil, fmt.Errorf("limactl list: its answer is not what it should be: %w", err)
		}
		instances = append(instances, next)
	}
}

// notListed tells an instance that does not exist, which makes limactl's list fail too, from a list that failed.
func (c *Client) notListed(instance string, listErr error) error {
	exists, err := c.Exists(instance)
	switch {
	case err != nil:
		return err
	case !exists:
		return nil
	}
	dir := c.Dir(instance)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return engine.Advise(fmt.Errorf("%s is a symbolic link to what is not there", dir), "ls -l %s", Quote([]string{dir}))
	}
	if listErr != nil {
		return listErr
	}
	return fmt.Errorf("limactl list: says nothing of %s, though %s exists", instance, dir)
}

// Create makes and starts a new instance, under its start lock. It returns once the guest has booted.
func (c *Client) Create(ctx context.Context, lock *Lock, m Machine) error {
	return c.keyed(ctx, func() error {
		return c.unlessTooOld(ctx, c.runAgent(ctx, lock, m.Instance, c.CreateArgs(m)))
	})
}

// Start starts an instance that the caller has just seen stopped, under its start lock.
func (c *Client) Start(ctx context.Context, lock *Lock, instance string) error {
	return c.runAgent(ctx, lock, instance, c.startArgs(instance))
}

// Stop shuts a running instance down, under its start lock.
func (c *Client) Stop(ctx context.Context, lock *Lock, instance string) error {
	return c.runAgent(ctx, lock, instance, c.stopArgs(instance))
}

// Delete deletes an instance in any state, unless it is protected, under its start lock.
func (c *Client) Delete(ctx context.Context, lock *Lock, instance string) error {
	if err := c.dropForeignPIDs(instance); err != nil {
		return err
	}
	err := c.runUnder(ctx, lock, c.deleteArgs(instance))
	if err == nil {
		_ = os.Remove(c.livePath(instance)) // or where it is not there
	}
	if _, statErr := os.Lstat(filepath.Join(c.Dir(instance), "protected")); statErr == nil {
		return engine.Advise(err, "run the same command again after: limactl unprotect %s", instance)
	}
	return err
}

// StopForce ends the processes of an instance in any state, under its start lock. The guest's file systems are not flushed.
func (c *Client) StopForce(ctx context.Context, lock *Lock, instance string) error {
	if err := c.dropForeignPIDs(instance); err != nil {
		return err
	}
	return c.runUnder(ctx, lock, c.stopForceArgs(instance))
}

// dropForeignPIDs removes the pid files of an instance whose number another program has got since, as it can after a crash of the
// host: Lima would kill that. Of its own processes each names the instance.
func (c *Client) dropForeignPIDs(instance string) error {
	files, err := glob(c.Dir(instance), "*.pid")
	for _, file := range files {
		// Of a file without a number Lima says what is wrong with it.
		if pid, ok := readPID(file); ok && !c.Runs(instance, pid) {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}

// Flush has the guest write its file systems to disk, where it still can, within a deadline.
func (c *Client) Flush(ctx context.Context, instance string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_, err := c.run(ctx, c.shellArgs(instance, "sync"))
	return err
}

// Booted tells whether the host agent has reported the guest as ready since its last start. Where Lima keeps no such
// report, the guest itself has to tell.
func (c *Client) Booted(instance string) bool {
	booted := false
	err := eachLine(filepath.Join(c.Dir(instance), "ha.stdout.log"), func(line []byte) bool {
		var event struct {
			Status struct{ Running bool }
		}
		booted = json.Unmarshal(line, &event) == nil && event.Status.Running
		return !booted
	})
	return booted || err != nil
}

// AwaitBoot waits until the host agent reports the guest as ready.
func (c *Client) AwaitBoot(ctx context.Context, instance string, within time.Duration) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for !c.Booted(instance) {
		select {
		case <-tick.C:
			if !c.Alive(instance) {
				return c.withReason(instance, time.Time{}, fmt.Errorf("%s ended while it booted; its console is in %s", instance,
					c.Console(instance)))
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline.C:
			return fmt.Errorf("%s has not booted within %s", instance, within)
		}
	}
	return nil
}

// Console is where the guest's console can be read, as a pattern for a shell.
func (c *Client) Console(instance string) string {
	return filepath.Join(c.Dir(instance), "serial*.log")
}

// MountedBy names the file that gives an instance its mounts.
func (c *Client) MountedBy(instance string) string {
	if files, _ := c.MountingFiles(); len(files) > 0 {
		return files[0]
	}
	return c.configPath(instance)
}

// eachLine calls do for every line of a file until it returns false. Lines that are too long end it with an error.
func eachLine(path string, do func(line []byte) bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if !do(lines.Bytes()) {
			return nil
		}
	}
	return lines.Err()
}

// Unsaved runs the search for work that would be lost with the VM, and gives its answer; see scripts/unsaved.sh.
func (c *Client) Unsaved(ctx context.Context, instance, vm string) (string, error) {
	if err := c.ping(ctx, instance); err != nil {
		return "", err
	}
	nonce := rand.Text()
	answer, err := c.run(ctx, c.rootArgs(instance, "-c", scripts.Unsaved, "dvm", nonce, vm))
	return complete(nonce, answer, err)
}

// Work lists what people run in an instance, a line each; see scripts/inuse.sh.
func (c *Client) Work(ctx context.Context, instance string) (string, error) {
	ctx, cancel := c.soon(ctx, instance)
	defer cancel()
	nonce := rand.Text()
	answer, err := c.runWith(ctx, c.rootArgs(instance, "-s", nonce), strings.NewReader(scripts.InUse), nil)
	return complete(nonce, answer, err)
}

// complete gives what stands in an answer between the nonce, before which a login profile may have its say, and `done`, without
// which the guest did not look at everything.
func complete(nonce string, answer []byte, err error) (string, error) {
	if err != nil {
		return "", err
	}
	_, found, begun := strings.Cut(string(answer), nonce+"\n")
	found, whole := strings.CutSuffix(found, "done\n")
	if !begun || !whole {
		return "", errors.New("the guest did not answer to the end")
	}
	return found, nil
}

// HasConfig tells whether an instance's directory has the file without which Lima does nothing with it.
func (c *Client) HasConfig(instance string) bool {
	_, err := os.Stat(c.configPath(instance))
	return err == nil
}

// HasDisk tells whether an instance's directory holds what a guest has written: disk, or diffdisk of a Lima before 2.1.
func (c *Client) HasDisk(instance string) bool {
	for _, name := range []string{"disk", "diffdisk"} {
		if _, err := os.Stat(filepath.Join(c.Dir(instance), name)); err == nil {
			return true
		}
	}
	return false
}
