package archive

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// tree makes a directory of small files, and gives its size in bytes.
func tree(b *testing.B) (dir string, size int64) {
	dir = b.TempDir()
	for i := range 256 {
		content := bytes.Repeat([]byte{byte(i)}, 16<<10)
		size += int64(len(content))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), content, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return dir, size
}

func BenchmarkPack(b *testing.B) {
	dir, size := tree(b)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Pack(io.Discard, dir, nothing); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnpack(b *testing.B) {
	dir, size := tree(b)
	content := asGuest(b, dir)
	to := b.TempDir()
	b.SetBytes(size)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := receive(b, content, filepath.Join(to, fmt.Sprint(i)), "tree"); err != nil {
			b.Fatal(err)
		}
	}
}
