package archive

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
)

// What no copy goes beyond, in bytes and in directories: a path of Linux is no longer, and one of macOS no deeper than twice
// that. What is kept in memory of a tree grows with its depth.
const (
	maxName  = 4096
	maxPart  = 255
	maxDepth = 256

	maxShown = 512 // bytes of a name in a message
)

// Refused is an archive that would not stay where it is put, or is none that tar makes of one file or directory.
type Refused struct {
	Member string // its name in the archive: not to be trusted with a terminal
	Why    string
	Alone  bool // it is no directory's, but all that was asked for
	Honest bool // an honest VM may have such a thing too: a symbolic link out of the tree, a name that is too long
}

func (r *Refused) Error() string {
	return fmt.Sprintf("the archive from the VM is refused, because of %s: %s", shown(r.Member), r.Why)
}

// shown is the beginning of a name, quoted.
func shown(name string) string {
	if len(name) > maxShown {
		return fmt.Sprintf("%q...", name[:maxShown])
	}
	return fmt.Sprintf("%q", name)
}

// tooLong says in which way a member's name, as it was sent and in its shortest form, is beyond what is copied, or nothing.
func tooLong(sent, name string) string {
	if len(sent) > maxName {
		return fmt.Sprintf("its name is longer than %d bytes", maxName)
	}
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		if len(part) > maxPart {
			return fmt.Sprintf("a part of its name is longer than %d bytes", maxPart)
		}
		depth++
	}
	if depth > maxDepth {
		return fmt.Sprintf("it is more than %d directories deep", maxDepth)
	}
	return ""
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
