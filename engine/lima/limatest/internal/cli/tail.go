package cli

import (
	"os"
	"strings"
)

// tail reads the lines that are appended to a file.
type tail struct {
	path   string
	offset int64
}

// lines are the complete ones since the last look; a file that is not there has none.
func (t *tail) lines() []string {
	f, err := os.Open(t.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() <= t.offset {
		return nil
	}
	buf := make([]byte, info.Size()-t.offset)
	n, err := f.ReadAt(buf, t.offset)
	if err != nil {
		return nil
	}
	text := string(buf[:n])
	text = text[:strings.LastIndexByte(text, '\n')+1]
	t.offset += int64(len(text))
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
