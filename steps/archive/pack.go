// Package archive carries a file or a directory as a tar stream, and puts one that it reads in its place whole or not at
// all. It trusts no archive that it reads.
package archive

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	treeName  = "tree"  // the file or directory that is carried, whatever its name
	wholeName = "whole" // an empty file at the end of a packed archive: without it, something is missing

	buffer = 256 << 10 // bytes: headers and small files travel together
	piece  = 512 << 10 // bytes of a large file that are read at once, and go past the buffer
)

// Pack writes the file, symbolic link or directory at source as an archive of `tree`, what is below it, and at last
// `whole`. It names the sockets, pipes and devices below source, which it leaves out. count is told the size of each
// piece of a file as it is read.
func Pack(w io.Writer, source string, count func(n int)) (skipped []string, err error) {
	buffered := bufio.NewWriterSize(w, buffer)
	p := packer{source: source, out: buffered, tar: tar.NewWriter(buffered), count: count, buf: make([]byte, piece)}
	if err := filepath.WalkDir(source, p.visit); err != nil {
		return nil, err
	}
	if err := p.tar.WriteHeader(&tar.Header{Name: wholeName, Typeflag: tar.TypeReg, Mode: 0o600}); err != nil {
		return nil, err
	}
	return p.skipped, errors.Join(p.tar.Close(), buffered.Flush())
}

type packer struct {
	source  string
	out     *bufio.Writer // of tar
	tar     *tar.Writer
	count   func(n int)
	buf     []byte
	skipped []string
}

func (p *packer) visit(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	below, err := filepath.Rel(p.source, path)
	if err != nil {
		return err
	}
	// Of the formats, only this one keeps fractions of a second, and names of any length in any bytes.
	header := &tar.Header{
		Format:  tar.FormatPAX,
		Name:    filepath.Join(treeName, below),
		Mode:    int64(info.Mode().Perm()),
		ModTime: info.ModTime(),
	}
	switch info.Mode().Type() {
	case 0:
		return p.file(path, header)
	case fs.ModeDir:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case fs.ModeSymlink:
		if path == p.source {
			// Such as /dev/fd/63, which a shell makes of <(...).
			if end, err := os.Stat(path); err == nil && !end.Mode().IsRegular() && !end.IsDir() {
				return fmt.Errorf("%q is a link to what is no file or directory", path)
			}
		}
		header.Typeflag = tar.TypeSymlink
		if header.Linkname, err = os.Readlink(path); err != nil {
			return err
		}
	default:
		if path == p.source {
			return fmt.Errorf("%q is no file, directory or symbolic link", path)
		}
		p.skipped = append(p.skipped, path)
		return nil
	}
	return p.tar.WriteHeader(header)
}

// file takes as many bytes as the file had when it was opened: a log that is being written to grows meanwhile.
func (p *packer) file(path string, header *tar.Header) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header.Typeflag, header.Size = tar.TypeReg, info.Size()
	if err := p.tar.WriteHeader(header); err != nil {
		return err
	}
	if info.Size() >= piece {
		// Behind a header each piece would be copied once more, to fill up what is buffered.
		if err := p.out.Flush(); err != nil {
			return err
		}
	}
	n, err := io.CopyBuffer(p.tar, counting{io.LimitReader(file, info.Size()), p.count}, p.buf)
	if err == nil && n < info.Size() {
		err = fmt.Errorf("%q shrank while it was copied", path)
	}
	return err
}

// counting tells how much is read.
type counting struct {
	io.Reader
	count func(n int)
}

func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.count(n)
	return n, err
}
