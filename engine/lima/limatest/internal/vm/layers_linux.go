package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ownDirs are a guest's own: what this machine has there is not shown.
func ownDirs() map[string]fs.FileMode {
	return map[string]fs.FileMode{"home": 0o755, "root": 0o700, "srv": 0o755}
}

// inUserNamespace says whether the ids of this process are mapped, so that the files of the machine's root belong to
// nobody here.
func inUserNamespace() bool {
	content, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && !strings.Contains(string(content), "4294967295")
}

// mountRoot mounts the guest's root filesystem on d.dir/root.
func (d disk) mountRoot() error {
	if inUserNamespace() {
		return d.mountTrees()
	}
	return d.mountWhole()
}

// mountWhole mounts one overlay over the machine's whole root filesystem.
func (d disk) mountWhole() error {
	first, err := d.makeDirs("upper", "work", "root")
	if err != nil {
		return err
	}
	if first {
		for name, mode := range ownDirs() {
			path := filepath.Join(d.dir, "upper", name)
			if err := os.Mkdir(path, mode); err != nil {
				return err
			}
			if err := unix.Setxattr(path, "trusted.overlay.opaque", []byte("y"), 0); err != nil {
				return err
			}
		}
	}
	return d.overlay("/", "upper", "work", "root")
}

// overlay mounts one. The layers are named relative to d.dir, since a path in mount's options may hold neither comma
// nor colon.
func (d disk) overlay(lower, upper, work, target string) error {
	if err := os.Chdir(d.dir); err != nil {
		return err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
	if inUserNamespace() {
		options += ",userxattr"
	}
	if err := unix.Mount("overlay", target, "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay over %s: %w", lower, err)
	}
	return nil
}

// mountTrees makes up the root filesystem of a user namespace. There the kernel lets nobody look under other mounts, so
// that / itself cannot be a lower layer: the root is a directory of ours, with an overlay over each of the machine's
// top directories. A directory that has mounts below it cannot be had either, and stays as it was seeded.
func (d disk) mountTrees() error {
	first, err := d.makeDirs("upper", "trees", "root")
	if err != nil {
		return err
	}
	upper := filepath.Join(d.dir, "upper")
	if first {
		if err := seedRoot(upper); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
	}
	root := filepath.Join(d.dir, "root")
	if err := unix.Mount(upper, root, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && isShown(e.Name()) {
			if err := d.mountTree(e.Name()); err != nil && !errors.Is(err, unix.EINVAL) {
				return err
			}
		}
	}
	return nil
}

// isShown says whether a guest sees the machine's content of a top directory.
func isShown(name string) bool {
	_, own := ownDirs()[name]
	return !own && !slices.Contains([]string{"dev", "etc", "lost+found", "media", "mnt", "proc", "run", "sys", "tmp"}, name)
}

func (d disk) mountTree(name string) error {
	upper, work := filepath.Join("trees", name, "upper"), filepath.Join("trees", name, "work")
	first, err := d.makeDirs(upper, work)
	if err != nil {
		return err
	}
	if first {
		if err := seedTree(filepath.Join(d.dir, upper), "/"+name, seedDepth(name), false); err != nil {
			return fmt.Errorf("seed /%s: %w", name, err)
		}
	}
	return d.overlay("/"+name, upper, work, filepath.Join("root", name))
}

// makeDirs makes directories of the disk, and says whether the first of them is new.
func (d disk) makeDirs(names ...string) (first bool, err error) {
	_, err = os.Lstat(filepath.Join(d.dir, names[0]))
	first = errors.Is(err, fs.ErrNotExist)
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(d.dir, name), 0o755); err != nil {
			return false, err
		}
	}
	return first, nil
}
