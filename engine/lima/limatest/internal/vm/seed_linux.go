package vm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// In a user namespace this machine's files have an owner that is not mapped, and not even the namespace's root may
// change or copy them. What a guest's root must be able to change is therefore seeded: made its own beforehand.

// seedRoot makes the top of the tree: directories, the machine's links, and a copy of /etc.
func seedRoot(upper string) error {
	entries, err := os.ReadDir("/")
	if err != nil {
		return err
	}
	own := ownDirs()
	for _, e := range entries {
		path := filepath.Join(upper, e.Name())
		if e.IsDir() {
			mode, ok := own[e.Name()]
			if !ok {
				mode = 0o755
			}
			err = os.Mkdir(path, mode)
		} else {
			err = seedFile("/"+e.Name(), path, e.Type())
		}
		if err != nil {
			return err
		}
	}
	for name, mode := range own {
		if err := os.MkdirAll(filepath.Join(upper, name), mode); err != nil {
			return err
		}
	}
	const deepest = 8
	return seedTree(filepath.Join(upper, "etc"), "/etc", deepest, true)
}

// seedDepth is how deep a top directory's directories are made the guest's own.
func seedDepth(name string) int {
	if name == "var" {
		return 3
	}
	return 2
}

// seedTree makes, in target, the directories that dir has down to a depth; with files also what they hold. What cannot
// be read is left out.
func seedTree(target, dir string, depth int, files bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := os.Mkdir(target, info.Mode().Perm()|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) || depth == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(dir, e.Name()), filepath.Join(target, e.Name())
		switch {
		case e.IsDir():
			err = seedTree(to, from, depth-1, files)
		case files:
			err = seedFile(from, to, e.Type())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// seedFile copies a regular file or a symbolic link that can be read.
func seedFile(from, to string, kind fs.FileMode) error {
	switch kind {
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		content, err := os.ReadFile(from)
		if errors.Is(err, fs.ErrPermission) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, content, info.Mode().Perm())
	}
	return nil
}
