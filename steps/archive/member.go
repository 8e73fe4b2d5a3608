package archive

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
)

// Refused is an archive that would not stay where it is put, or is none that tar makes of one file or directory.
type Refused struct {
	Member string // its name in the archive: not to be trusted with a terminal
	Why    string
	Link   bool // it is a symbolic link out of the tree, as an honest VM may have one too
}

func (r *Refused) Error() string {
	return fmt.Sprintf("the archive from the VM is refused, because of %q: %s", r.Member, r.Why)
}

// memberName is a member's name in its shortest form; a dot is the root of the tree.
func memberName(name string) (string, bool) {
	if name == "" || name[0] == '/' || strings.ContainsRune(name, 0) {
		return "", false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", false
		}
	}
	return path.Clean(name), true
}

// staysBelow tells whether a symbolic link in a directory of the tree leads to something in the tree, whatever other
// links there are. For that, it must not go up once it has gone down: down may be another link, and up from there anywhere.
func staysBelow(dir, target string) bool {
	if target == "" || target[0] == '/' {
		return false
	}
	depth := 0
	if dir != "." {
		depth = 1 + strings.Count(dir, "/")
	}
	down := false
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; down || depth < 0 {
				return false
			}
		default:
			down = true
		}
	}
	return true
}

// kind is a type of member in words.
func kind(typeflag byte) string {
	switch typeflag {
	case tar.TypeChar, tar.TypeBlock:
		return "a device"
	case tar.TypeFifo:
		return "a named pipe"
	}
	return fmt.Sprintf("a member of type %q", typeflag)
}
