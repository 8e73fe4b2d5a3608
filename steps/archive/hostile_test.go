package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// hostile gives the archives that no tar makes of one file or directory.
func hostile() map[string][]tar.Header {
	dot := tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}
	file := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644} }
	dir := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755} }
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
	}
	hard := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeLink}
	}
	long, deep := []tar.Header{dot}, []tar.Header{dot}
	for name := "."; len(name) <= 4096; {
		name += "/" + strings.Repeat("d", 250)
		long = append(long, dir(name))
	}
	for name := "."; len(name) <= 1+2*256; {
		name += "/d"
		deep = append(deep, dir(name))
	}
	return map[string][]tar.Header{
		"a long name":                long,
		"a long part of a name":      {dot, file("./" + strings.Repeat("x", 256))},
		"a long way round":           {dot, file("./" + strings.Repeat("./", 2048) + "x")},
		"deep":                       deep,
		"into what had ended":        {dot, dir("./a"), dir("./b"), file("./a/x")},
		"parent":                     {dot, file("./../x")},
		"parent further down":        {dot, dir("./a"), file("./a/../../x")},
		"parent and back":            {dot, dir("./a"), file("./a/../x")},
		"absolute":                   {dot, file("/tmp/x")},
		"root elsewhere":             {dir("../x")},
		"root with a name":           {dir("./x")},
		"no root":                    {file("./x"), file("./y")},
		"a directory after a file":   {file("./x"), dir("./x/y")},
		"no directory":               {dot, file("./a/x")},
		"absolute link":              {dot, link("./a", "/etc")},
		"link up":                    {dot, link("./a", "..")},
		"link up and down":           {dot, dir("./a"), link("./a/b", "../../x")},
		"link up after down":         {dot, dir("./a"), link("./a/b", "../a/../../x")},
		"link through a link":        {dot, dir("./a"), dir("./a/b"), link("./a/b/c", "../.."), link("./d", "a/b/c/../x")},
		"up through a link":          {dot, dir("./a"), link("./a/l", ".."), dir("./a/b"), link("./a/b/m", "../l/..")},
		"link without target":        {dot, link("./a", "")},
		"only a link":                {link("./a", "/etc/passwd")},
		"only a link up":             {link("./a", "../x")},
		"only a hard link":           {hard("./a", "./a")},
		"hard link up":               {dot, hard("./a", "../x")},
		"hard link, absolute":        {dot, hard("./a", "/etc/passwd")},
		"hard link to nothing":       {dot, hard("./a", "./x")},
		"hard link to a directory":   {dot, dir("./a"), hard("./b", "./a")},
		"hard link to a link":        {dot, dir("./a"), link("./a/b", "../x"), hard("./c", "./a/b")},
		"directory becomes link":     {dot, dir("./a"), link("./a", "b"), file("./a/x")},
		"below a link":               {dot, dir("./b"), link("./a", "b"), file("./a/x")},
		"link becomes directory":     {dot, dir("./b"), link("./a", "b"), dir("./a"), file("./a/x")},
		"link becomes file":          {dot, file("./b"), link("./a", "b"), file("./a")},
		"file twice":                 {dot, file("./a"), file("./a")},
		"root twice":                 {dot, dot},
		"root becomes link":          {dot, link("./", "x")},
		"device":                     {dot, {Name: "./a", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}},
		"block device":               {dot, {Name: "./a", Typeflag: tar.TypeBlock, Devmajor: 8}},
		"only a device":              {{Name: "./a", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}},
		"pipe":                       {dot, {Name: "./a", Typeflag: tar.TypeFifo}},
		"unknown":                    {dot, {Name: "./a", Typeflag: '7'}},
		"hard link after the single": {file("./a"), hard("./b", "./a")},
	}
}

func build(t testing.TB, members []tar.Header) []byte {
	t.Helper()
	var content bytes.Buffer
	writer := tar.NewWriter(&content)
	for _, member := range members {
		if err := writer.WriteHeader(&member); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return content.Bytes()
}

func TestHostile(t *testing.T) {
	for name, members := range hostile() {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			for _, existing := range []bool{false, true} {
				target := filepath.Join(top, "target")
				if existing {
					mkdir(t, target, 0o755)
					write(t, filepath.Join(target, "x"), "kept", 0o644)
				}
				before := snapshot(t, top)
				err := receive(t, build(t, members), target, ".")
				var refused *Refused
				if !errors.As(err, &refused) {
					t.Errorf("not refused: %v", err)
				}
				if after := snapshot(t, top); !maps.Equal(before, after) {
					t.Errorf("it changed %q to %q", before, after)
				}
			}
		})
	}
}

// TestNamesake: where case does not count, as on a Mac's file system, two honest files are not told to be an attack.
func TestNamesake(t *testing.T) {
	top := t.TempDir()
	mkdir(t, filepath.Join(top, treeName), 0o755)
	for i := range 2 * batch {
		write(t, filepath.Join(top, treeName, fmt.Sprint("x", i)), "", 0o644)
	}
	write(t, filepath.Join(top, treeName, "Makefile"), "", 0o644)
	root, err := os.OpenRoot(top)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := unpacker{root: root}
	var refused *Refused
	if err := u.taken("./Makefile", treeName+"/Makefile"); !errors.As(err, &refused) {
		t.Errorf("a name that was sent twice: %v", err)
	}
	const want = `write "./makefile": this host's file system can't tell its name from that of another in its directory`
	if err := u.taken("./makefile", treeName+"/makefile"); err == nil || err.Error() != want {
		t.Errorf("a name that differs in case: got %v, want %s", err, want)
	}
}

// closedTree sends directories side by side that their owner may not even enter, below others, with long names all.
func closedTree(w io.Writer, count int) error {
	writer, name := tar.NewWriter(w), "."
	for i := range 15 + count {
		at := name
		switch {
		case i >= 15:
			at = fmt.Sprintf("%s/%0250d", name, i)
		case i > 0:
			name += "/" + strings.Repeat("d", 250)
			at = name
		}
		if err := writer.WriteHeader(&tar.Header{Name: at, Typeflag: tar.TypeDir}); err != nil {
			return err
		}
	}
	return writer.Close()
}

// held gives the bytes on the heap that are in use.
func held() int64 {
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc)
}

// TestMemory: what an archive holds is not held in memory, however much that is.
func TestMemory(t *testing.T) {
	const (
		count = 3000
		most  = 400 << 10 // the names alone are twice that, their paths thirty times
	)
	to, err := Resolve(filepath.Join(t.TempDir(), "x"), "x")
	if err != nil {
		t.Fatal(err)
	}
	stage, err := NewStage(to)
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(closedTree(w, count)) }()
	before := held()
	if err := stage.Unpack(t.Context(), r, nothing, noSize); err != nil {
		t.Fatal(err)
	}
	if grown := held() - before; grown > most {
		t.Errorf("once it is unpacked, %d bytes are held", grown)
	}
	names := 0
	before = held()
	err = stage.each(path.Join(stage.name, treeName, strings.Repeat(strings.Repeat("d", 250)+"/", 14)), func(string) error {
		if names++; names == count {
			if grown := held() - before; grown > most {
				t.Errorf("as it is moved, %d bytes are held", grown)
			}
		}
		return nil
	})
	if err != nil || names != count {
		t.Errorf("%d names are seen, %v", names, err)
	}
	if err := stage.Remove(); err != nil {
		t.Error(err)
	}
}

func TestUnpackDropsRights(t *testing.T) {
	target := filepath.Join(t.TempDir(), "x")
	content := build(t, []tar.Header{{Name: "./x", Typeflag: tar.TypeReg, Mode: 0o7755, Uid: 0, Uname: "root"}})
	if err := receive(t, content, target, "x"); err != nil {
		t.Fatal(err)
	}
	if got := snapshot(t, target)["."]; !strings.HasPrefix(got, "-rwxr-xr-x") {
		t.Errorf("got %q", got)
	}
}

func TestUnpackHardLink(t *testing.T) {
	target := filepath.Join(t.TempDir(), "x")
	content := build(t, []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "./a", Typeflag: tar.TypeReg, Mode: 0o644},
		{Name: "./b", Typeflag: tar.TypeLink, Linkname: "./a"},
	})
	if err := receive(t, content, target, "x"); err != nil {
		t.Fatal(err)
	}
	a, aErr := os.Stat(filepath.Join(target, "a"))
	b, bErr := os.Stat(filepath.Join(target, "b"))
	if err := errors.Join(aErr, bErr); err != nil || !os.SameFile(a, b) {
		t.Errorf("a and b are not one file: %v", err)
	}
}

func TestTruncated(t *testing.T) {
	source := t.TempDir()
	write(t, filepath.Join(source, "a"), strings.Repeat("a", 2000), 0o644)
	content := asGuest(t, source)
	for _, size := range []int{0, 100, 512, 1024, 3000} {
		top := t.TempDir()
		if err := receive(t, content[:size], filepath.Join(top, "x"), "x"); err == nil {
			t.Errorf("%d bytes are taken for an archive", size)
		}
		if left := snapshot(t, top); len(left) != 1 {
			t.Errorf("after %d bytes there is %q", size, left)
		}
	}
}

func TestUnpackEndsWithTheContext(t *testing.T) {
	to, err := Resolve(t.TempDir(), "x")
	if err != nil {
		t.Fatal(err)
	}
	stage, err := NewStage(to)
	if err != nil {
		t.Fatal(err)
	}
	defer stage.Remove() //nolint:errcheck // the directory goes anyway
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	content := build(t, nil)
	var endless bytes.Buffer
	writer := tar.NewWriter(&endless)
	if err := writer.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Size: 1 << 40}); err != nil {
		t.Fatal(err)
	}
	endless.Write(content)
	if err := stage.Unpack(ctx, &endless, nothing, noSize); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// FuzzUnpack checks that whatever the archive, nothing outside the target changes, and that no link in it leads out.
func FuzzUnpack(f *testing.F) {
	for _, members := range hostile() {
		f.Add(build(f, members))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		top := t.TempDir()
		write(t, filepath.Join(top, "x"), "kept", 0o644)
		target := filepath.Join(top, "target")
		before := snapshot(t, top)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // a few bytes make an endless hole
		defer cancel()
		_ = receiveWithin(ctx, t, content, target, "a") // most are refused; what counts is what they did
		after := snapshot(t, top)
		for name, was := range before {
			if after[name] != was {
				t.Errorf("%q changed from %q to %q", name, was, after[name])
			}
		}
		for name := range after {
			if _, old := before[name]; !old && name != "target" && !strings.HasPrefix(name, "target/") {
				t.Errorf("%q is new", name)
			}
			if where, err := filepath.EvalSymlinks(filepath.Join(top, name)); err == nil && name != "." && name != "x" &&
				where != target && !strings.HasPrefix(where, target+"/") {
				t.Errorf("%q leads to %q", name, where)
			}
		}
	})
}
