package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const batch = 64 // names of a directory that are held at once

// Stage is a hidden directory beside a destination. An archive is unpacked there, and moved from there once all of it has
// arrived.
type Stage struct {
	to     Destination
	root   *os.Root // the directory that holds both
	name   string
	closed closedDirs
}

// NewStage makes one; Remove must be called.
func NewStage(to Destination) (*Stage, error) {
	root, err := os.OpenRoot(to.dir)
	if err != nil {
		return nil, err
	}
	name := ".dvm-cp-" + rand.Text()[:8]
	if err := root.Mkdir(name, 0o700); err != nil {
		return nil, errors.Join(about(to.dir, err), root.Close())
	}
	return &Stage{to: to, root: root, name: name}, nil
}

// Remove leaves nothing behind but what Place has put in place.
func (s *Stage) Remove() error {
	return errors.Join(s.closed.close(), s.root.RemoveAll(s.name), s.root.Close())
}

// Unpack reads the archive to its end. count is told the size of each piece of a file, and size that of the file where the
// archive holds no directory. An archive that is Refused has written nothing outside the stage.
func (s *Stage) Unpack(ctx context.Context, r io.Reader, count func(n int), size func(total int64)) error {
	root, err := s.root.OpenRoot(s.name)
	if err != nil {
		return err
	}
	u := unpacker{root: root, count: count, size: size, closed: func(dir dirMode) error { return s.closed.add(root, dir) }}
	return errors.Join(u.unpack(ctx, r), root.Close())
}

// Place moves what was unpacked to its destination: in one step where there is nothing yet or a file to replace, and into
// a directory that is there file by file. Where a file is in the way of a directory, or a directory in that of a file, it
// moves nothing.
func (s *Stage) Place() error {
	from, to := path.Join(s.name, treeName), s.to.name
	if s.to.inside != "" {
		outer := path.Join(s.name, "dir")
		if err := s.root.Mkdir(outer, 0o777); err != nil {
			return about(to, err)
		}
		if err := s.root.Rename(from, path.Join(outer, s.to.inside)); err != nil {
			return about(to, err)
		}
		from = outer
	}
	merged, err := s.merged(from, to)
	if err != nil {
		return err
	}
	if merged {
		stage, err := s.root.Stat(s.name)
		if err != nil {
			return about(to, err)
		}
		if err := s.check(from, to, device(stage)); err != nil {
			return err
		}
	}
	if err := s.move(from, to); err != nil {
		return err
	}
	return s.closeDirs(path.Join(to, s.to.inside))
}

// check tells whether nothing is in the way of merging a directory with one that is there. on is the stage's device.
func (s *Stage) check(from, to string, on uint64) error {
	gets := false
	err := s.each(from, func(name string) error {
		from, to := path.Join(from, name), path.Join(to, name)
		merged, err := s.merged(from, to)
		if err == nil && merged {
			return s.check(from, to, on)
		}
		gets = true
		return err
	})
	if err != nil || !gets {
		return err
	}
	return s.takes(to, on)
}

// takes tells whether something can be renamed from a stage on that device into a directory.
func (s *Stage) takes(dir string, on uint64) error {
	file, err := s.root.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil // it may be written all the same
	}
	if err != nil {
		return about(dir, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return about(dir, err)
	}
	if device(info) != on {
		return fmt.Errorf("%q is on another file system: copy what goes into it by itself", s.shown(dir))
	}
	if err := unix.Faccessat(int(file.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("write into %q: %w", s.shown(dir), err)
	}
	return nil
}

// device tells file systems apart.
func device(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Dev) //nolint:unconvert // it has another type on a Mac
	}
	return 0
}

// move moves files and new directories, and takes directories that are on both sides as they are.
func (s *Stage) move(from, to string) error {
	merged, err := s.merged(from, to)
	if err != nil {
		return err
	}
	if !merged {
		return about(to, s.root.Rename(from, to))
	}
	// Not every file system gives each name once while names are taken away. Once none is, it does.
	for moved := true; moved; {
		moved = false
		err := s.each(from, func(name string) error {
			from, to := path.Join(from, name), path.Join(to, name)
			merged, err := s.merged(from, to)
			if err != nil || merged {
				return err
			}
			moved = true
			return about(to, s.root.Rename(from, to))
		})
		if err != nil {
			return err
		}
	}
	return s.each(from, func(name string) error { return s.move(path.Join(from, name), path.Join(to, name)) })
}

// merged tells whether there is a directory on both sides, and refuses what can't replace what is there.
func (s *Stage) merged(from, to string) (bool, error) {
	moved, err := s.root.Lstat(from)
	if err != nil {
		return false, about(to, err)
	}
	there, err := s.root.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, about(to, err)
	case moved.IsDir() && !there.IsDir():
		return false, fmt.Errorf("%q is there already, and is no directory", s.shown(to))
	case !moved.IsDir() && there.IsDir():
		return false, fmt.Errorf("%q is there already, and is a directory", s.shown(to))
	case !moved.IsDir() && !there.Mode().IsRegular() && there.Mode().Type() != fs.ModeSymlink:
		return false, fmt.Errorf("%q is there already, and is no file", s.shown(to))
	}
	return moved.IsDir(), nil
}

// each calls do with the names in a directory, of which it never holds many.
func (s *Stage) each(dir string, do func(name string) error) error {
	file, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer file.Close()
	for {
		names, err := file.Readdirnames(batch)
		for _, name := range names {
			if err := do(name); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// shown is a name in the destination's directory as the user would type it.
func (s *Stage) shown(name string) string {
	if s.to.dir == "." {
		return name
	}
	return path.Join(s.to.dir, name)
}

// closeDirs takes what is still in the stage for a directory that was there before, which keeps its mode.
func (s *Stage) closeDirs(to string) error {
	return s.closed.each(func(dir dirMode) error {
		if _, err := s.root.Lstat(path.Join(s.name, dir.path)); err == nil {
			return nil
		}
		target := path.Join(to, strings.TrimPrefix(dir.path, treeName))
		return about(target, s.root.Chmod(target, dir.mode))
	})
}
