package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

const closedName = "closed" // beside the tree in a stage

// closedDirs are directories that not even their owner may change, whose modes have to wait until they are in place. There
// may be any number of them, so they are kept in a file; what is in a directory comes before it.
type closedDirs struct {
	file   *os.File // nil as long as there are none
	writer *bufio.Writer
}

func (c *closedDirs) add(root *os.Root, dir dirMode) error {
	if c.file == nil {
		file, err := root.OpenFile(closedName, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return about(closedName, err)
		}
		c.file, c.writer = file, bufio.NewWriter(file)
	}
	_, err := fmt.Fprintf(c.writer, "%o %s\x00", dir.mode, dir.path)
	return about(closedName, err)
}

// each gives them in the order in which they were added.
func (c *closedDirs) each(do func(dirMode) error) error {
	if c.file == nil {
		return nil
	}
	err := c.writer.Flush()
	if err == nil {
		_, err = c.file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return about(closedName, err)
	}
	for reader := bufio.NewReader(c.file); ; {
		line, err := reader.ReadString(0)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return about(closedName, err)
		}
		text, path, _ := strings.Cut(strings.TrimSuffix(line, "\x00"), " ")
		mode, err := strconv.ParseUint(text, 8, 9)
		if err != nil {
			return err
		}
		if err := do(dirMode{path: path, mode: fs.FileMode(mode)}); err != nil {
			return err
		}
	}
}

func (c *closedDirs) close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}
