package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Destination is where a copy is put on this host: a name in a directory that exists.
type Destination struct {
	dir    string
	name   string // a dot for the directory itself, into which the copy's contents go
	inside string // where set, name is a directory that does not exist, and the copy is to have this name in it
}

// Resolve finds where a copy called name goes that is to be put at path. A directory, or what ends in a slash, keeps the
// name; a name that is a dot stands for the contents of the source.
func Resolve(path, name string) (Destination, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return Destination{dir: path, name: name}, nil
	case err == nil && (!info.Mode().IsRegular() || isStream(path)):
		return Destination{}, fmt.Errorf("%q is there already, and is no file", path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Destination{}, err
	}
	clean := strings.TrimRight(path, "/")
	d := Destination{dir: ".", name: clean}
	if slash := strings.LastIndexByte(clean, '/'); slash >= 0 {
		d.dir, d.name = clean[:slash+1], clean[slash+1:]
	}
	if clean != path && name != "." {
		d.inside = name
	}
	if info, err := os.Stat(d.dir); err != nil || !info.IsDir() {
		return Destination{}, fmt.Errorf("there is no directory %q", filepath.Clean(d.dir))
	}
	return d, nil
}

// isStream tells whether a path such as /dev/stdout stands for an open file, which a copy would not write to but replace.
func isStream(path string) bool {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	return err == nil && (dir == "/dev" || dir == "/dev/fd" || strings.HasPrefix(dir, "/proc/"))
}

// Path is where the copy itself will be.
func (d Destination) Path() string { return filepath.Join(d.dir, d.name, d.inside) }
