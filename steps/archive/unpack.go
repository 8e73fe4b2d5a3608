package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"
)

// unpacker writes an archive's members below a directory that nothing else is in, and leaves that directory by no name:
// every operation goes through an os.Root. Nothing is ever written twice, and nothing into what the archive has not made a
// directory, so that no member can turn another into something else. As tar goes through a directory to its end before it
// goes on beside it, those that the next member may be in are one path; more is not kept.
type unpacker struct {
	root   *os.Root
	count  func(n int)
	size   func(total int64)
	closed func(dirMode) error // told of a directory that not even its owner may change, once all is in it
	single bool                // the archive holds no directory, and so one member
	dirs   []dirMode           // that are not yet complete, each in the one before
	buf    []byte
	zeros  []byte
}

// dirMode is what a directory gets once all is in it.
type dirMode struct {
	path string
	mode fs.FileMode
	time time.Time
}

// unpack reads the archive to its end.
func (u *unpacker) unpack(ctx context.Context, r io.Reader) error {
	u.buf, u.zeros = make([]byte, buffer), make([]byte, buffer)
	reader := tar.NewReader(r)
	for first := true; ; first = false {
		header, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF) && first:
			return io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return u.finishDirs("")
		case err != nil:
			return err
		}
		if err := u.member(header, first, untilDone{ctx, reader}); err != nil {
			return err
		}
	}
}

// member writes one. Where the first is a directory, it is the root of the tree, called `.`; where it is none, it is all
// that is to come, and its name does not matter.
func (u *unpacker) member(header *tar.Header, first bool, content io.Reader) error {
	refuse := func(why string) error { return &Refused{Member: header.Name, Why: why} }
	name, ok := memberName(header.Name)
	if !ok {
		return refuse("its name leads out of the tree")
	}
	if why := tooLong(header.Name, name); why != "" {
		return &Refused{Member: header.Name, Why: why, Honest: true}
	}
	if first {
		if u.single = header.Typeflag != tar.TypeDir; u.single {
			name = "."
		}
		if name != "." {
			return refuse("it is not what was asked for")
		}
	} else {
		if u.single {
			return refuse("it comes after the one file that was asked for")
		}
		if err := u.finishDirs(path.Join(treeName, path.Dir(name))); err != nil {
			return err
		}
		if len(u.dirs) == 0 {
			return refuse("it is in no directory of the archive, or in one that had come to its end")
		}
	}
	to := path.Join(treeName, name)
	var err error
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		if first {
			u.size(header.Size)
		}
		err = u.file(to, header, content)
	case tar.TypeDir:
		err = u.root.Mkdir(to, 0o700)
		u.dirs = append(u.dirs, dirMode{to, fs.FileMode(header.Mode).Perm(), header.ModTime})
	case tar.TypeSymlink:
		if !staysBelow(path.Dir(name), header.Linkname) {
			return &Refused{Member: header.Name, Why: "it is a symbolic link out of the tree", Alone: u.single, Honest: true}
		}
		err = u.root.Symlink(header.Linkname, to)
	case tar.TypeLink:
		err = u.link(header, to)
	default:
		return refuse("it is " + kind(header.Typeflag))
	}
	if errors.Is(err, fs.ErrExist) {
		return u.taken(header.Name, to)
	}
	return about(header.Name, err)
}

// taken is why a member can't be made where something is already: a name that was sent twice, or one that this host's file
// system takes for another's, as that of a Mac does where only case differs.
func (u *unpacker) taken(sent, to string) error {
	dir, err := u.root.Open(path.Dir(to))
	if err != nil {
		return about(sent, err)
	}
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(batch)
		switch {
		case slices.Contains(names, path.Base(to)):
			return &Refused{Member: sent, Why: "it is there twice"}
		case errors.Is(err, io.EOF):
			return fmt.Errorf("write %s: this host's file system can't tell its name from that of another in its directory", shown(sent))
		case err != nil:
			return about(sent, err)
		}
	}
}

// about names what an operation of the host's failed on, in the place of a path that is gone when it is read.
func about(name string, err error) error {
	var file *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &file):
		err = file.Err
	case errors.As(err, &link):
		err = link.Err
	default:
		return err
	}
	return fmt.Errorf("write %s: %w", shown(name), err)
}

// file leaves holes where the content is zeros, and sets nobody's rights beyond reading, writing and running.
func (u *unpacker) file(to string, header *tar.Header, content io.Reader) (err error) {
	file, err := u.root.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := u.fill(file, header.Size, content); err != nil {
		return err
	}
	return errors.Join(file.Chmod(fs.FileMode(header.Mode).Perm()), u.root.Chtimes(to, header.ModTime, header.ModTime))
}

func (u *unpacker) fill(file *os.File, size int64, content io.Reader) error {
	for at := int64(0); at < size; {
		piece := u.buf[:min(size-at, buffer)]
		n, err := io.ReadFull(content, piece)
		u.count(n)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err == nil && !bytes.Equal(piece, u.zeros[:n]) {
			_, err = file.WriteAt(piece, at)
		}
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return file.Truncate(size)
}

// link makes a hard link to a file of the archive. A link to a symbolic link would move that one, and where it leads.
func (u *unpacker) link(header *tar.Header, to string) error {
	name, ok := memberName(header.Linkname)
	if !ok || u.single || to == treeName {
		return &Refused{Member: header.Name, Why: "it is a hard link out of the tree"}
	}
	from := path.Join(treeName, name)
	info, err := u.root.Lstat(from)
	switch {
	case err == nil && info.Mode().Type() == fs.ModeSymlink:
		return &Refused{Member: header.Name, Why: "it is a hard link to a symbolic link", Honest: true}
	case err != nil || !info.Mode().IsRegular():
		return &Refused{Member: header.Name, Why: "it is a hard link to no file of the archive"}
	}
	return u.root.Link(from, to)
}

// finishDirs gives the directories up to one that goes on, if there is such a one, their modes and times, but lets their
// owner move what is in them.
func (u *unpacker) finishDirs(until string) error {
	for len(u.dirs) > 0 {
		last := len(u.dirs) - 1
		dir := u.dirs[last]
		if dir.path == until {
			return nil
		}
		err := errors.Join(u.root.Chmod(dir.path, dir.mode|0o700), u.root.Chtimes(dir.path, dir.time, dir.time))
		if err == nil && dir.mode&0o700 != 0o700 {
			err = u.closed(dir)
		}
		if err != nil {
			return err
		}
		u.dirs = u.dirs[:last]
	}
	return nil
}

// untilDone ends with the context. What a sparse file's holes give needs no input that could end.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.Reader.Read(p)
}
