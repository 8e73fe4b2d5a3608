package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
	"dvm/scripts"
	"dvm/steps/archive"
)

// Copy is a dvm cp: one file or directory between the host and a VM's user.
type Copy struct {
	Lima  *lima.Client
	VM    config.VM
	Paths config.Copy
	Ready func(context.Context) error // makes the VM one that can be worked in
	Size  func(total int64)           // told the size of what is copied, where it is known beforehand
	Count func(n int)                 // told the size of each piece as it is copied
}

// Run copies. It returns what was left out or changed meanwhile, a line each, partly from the guest: not to be trusted with
// a terminal.
func (c Copy) Run(ctx context.Context) (warnings []string, err error) {
	if c.Paths.ToHost {
		warnings, err = c.toHost(ctx)
	} else {
		warnings, err = c.toGuest(ctx)
	}
	warnings = withoutTar(warnings)
	var failed *lima.GuestError
	if errors.As(err, &failed) {
		failed.Said = withoutTar(failed.Said)
	}
	var user *lima.UserError
	if errors.As(err, &user) {
		err = engine.Advise(err, "for its user and project directory: %s", c.VM.SyncCommand())
	}
	var refused *archive.Refused
	if errors.As(err, &refused) && refused.Honest {
		err = engine.Advise(err, "where you trust the VM: %s", c.trusting(refused))
	}
	return warnings, c.failed(err)
}

func (c Copy) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("copy %q to %q: %w", c.Paths.Source(), c.Paths.Destination(), err)
}

// Plan is the error that Run would end with as things are, as far as it can be told without the guest.
func (c Copy) Plan() error {
	exists, err := c.Lima.Exists(c.VM.Instance)
	switch {
	case err != nil:
	case !exists:
		err = noVM(c.Lima, c.VM)
	case c.Paths.ToHost:
		_, err = archive.Resolve(c.Paths.Host, c.Paths.Name)
	default:
		_, err = os.Lstat(c.Paths.Host)
	}
	return c.failed(err)
}

// trusting is a command that copies to the same place what was refused.
func (c Copy) trusting(refused *archive.Refused) string {
	from := cmp.Or(c.Paths.Guest, ".")
	if rest, ok := strings.CutPrefix(from, "~"); ok && (rest == "" || rest[0] == '/') {
		from = c.VM.HomeDir() + rest
	}
	to := c.Paths.Host
	if destination, err := archive.Resolve(c.Paths.Host, c.Paths.Name); err == nil {
		to = destination.Path()
	}
	quoted := lima.Quote([]string{to})
	if refused.Alone {
		return fmt.Sprintf("dvm %s >%s", lima.Quote([]string{"ssh", c.VM.Name, "cat", "--", from}), quoted)
	}
	return fmt.Sprintf("mkdir -p -- %s && dvm %s | tar -x -C %s", quoted, lima.Quote([]string{"ssh", c.VM.Name, "tar", "-c", "-C", from, "--", "."}), quoted)
}

func (c Copy) toGuest(ctx context.Context) ([]string, error) {
	info, err := os.Lstat(c.Paths.Host)
	if err != nil {
		return nil, err
	}
	if info.Mode().IsRegular() {
		c.Size(info.Size())
	}
	if err := c.Ready(ctx); err != nil {
		return nil, err
	}
	var skipped []string
	program := c.program(scripts.CopyIn+"\ncopy_in\n", variable{"copy_name", c.Paths.Name})
	said, err := c.Lima.Send(ctx, program, func(w io.Writer) (err error) {
		skipped, err = archive.Pack(w, c.Paths.Host, c.Count)
		return err
	})
	for _, path := range skipped {
		said = append(said, fmt.Sprintf("%q is left out: it is no file, directory or symbolic link", path))
	}
	return said, err
}

func (c Copy) toHost(ctx context.Context) (said []string, err error) {
	to, err := archive.Resolve(c.Paths.Host, c.Paths.Name)
	if err != nil {
		return nil, err
	}
	if err := c.Ready(ctx); err != nil {
		return nil, err
	}
	stage, err := archive.NewStage(to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stage.Remove()) }()
	said, err = c.Lima.Receive(ctx, c.program(scripts.CopyOut+"\ncopy_out\n"), func(r io.Reader) error {
		return stage.Unpack(ctx, r, c.Count, c.Size)
	})
	if err != nil {
		return nil, err
	}
	for _, line := range said {
		// tar goes on with zeros in the place of what is gone, and calls that no error.
		if name, _, shrank := strings.Cut(strings.TrimPrefix(line, "tar: "), ": File shrank by "); shrank {
			return nil, fmt.Errorf("%q shrank while it was copied", path.Clean(name))
		}
	}
	return said, stage.Place()
}

// program ends in the one line that calls it, so that one cut off on its way does nothing.
func (c Copy) program(text string, values ...variable) lima.Program {
	values = append(values, variable{"copy_code", c.VM.CodeDir()}, variable{"copy_path", c.Paths.Guest})
	return lima.Program{Instance: c.VM.Instance, User: c.VM.User, Text: assignments(values) + scripts.Copy + text}
}

// withoutTar leaves of tar's words those that a user of dvm can do something with.
func withoutTar(said []string) (lines []string) {
	for _, line := range said {
		if line = strings.TrimPrefix(line, "tar: "); line != "Exiting with failure status due to previous errors" {
			lines = append(lines, line)
		}
	}
	return lines
}
