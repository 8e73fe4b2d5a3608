package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func nothing(int) {}

func noSize(int64) {}

// snapshot lists all that is below a directory, with modes, times, targets and content.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text := info.Mode().String()
		switch info.Mode().Type() {
		case 0:
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + info.ModTime().UTC().String() + " " + string(content)
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " " + target
		}
		found[name] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func write(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, mode), os.Chtimes(path, time.Time{}, time.Unix(981173106, 123456789))); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// receive unpacks an archive at path, and places it.
func receive(t testing.TB, content []byte, path, name string) error {
	t.Helper()
	return receiveWithin(t.Context(), t, content, path, name)
}

func receiveWithin(ctx context.Context, t testing.TB, content []byte, path, name string) error {
	t.Helper()
	to, err := Resolve(path, name)
	if err != nil {
		return err
	}
	stage, err := NewStage(to)
	if err != nil {
		return err
	}
	defer func() {
		if err := stage.Remove(); err != nil {
			t.Error(err)
		}
	}()
	if err := stage.Unpack(ctx, bytes.NewReader(content), nothing, noSize); err != nil {
		return err
	}
	return stage.Place()
}

// asGuest turns what Pack makes into what the guest sends, whose root is a dot and which has no mark at its end.
func asGuest(t testing.TB, source string) []byte {
	t.Helper()
	var packed, sent bytes.Buffer
	if _, err := Pack(&packed, source, nothing); err != nil {
		t.Fatal(err)
	}
	reader, writer := tar.NewReader(&packed), tar.NewWriter(&sent)
	for {
		header, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if header.Name == wholeName {
			break
		}
		header.Name = "." + strings.TrimPrefix(header.Name, treeName)
		if err := writer.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(writer, reader); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return sent.Bytes()
}

func TestRoundTrip(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	mkdir(t, source, 0o750)
	write(t, filepath.Join(source, "-rf"), "\x00binary\xff", 0o755)
	write(t, filepath.Join(source, "line\nbreak "), "", 0o600)
	write(t, filepath.Join(source, "\xff\xfe"), strings.Repeat("\x00", 3*buffer+5), 0o444)
	write(t, filepath.Join(source, strings.Repeat("l", 255)), "long", 0o666)
	mkdir(t, filepath.Join(source, "empty"), 0o777)
	mkdir(t, filepath.Join(source, "inner"), 0o755)
	write(t, filepath.Join(source, "inner", "file"), "x", 0o644)
	for name, target := range map[string]string{"link": "inner/file", "inner/up": "../-rf", "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(source, name)); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(t, filepath.Join(source, "closed"), 0o755)
	mkdir(t, filepath.Join(source, "closed", "in"), 0o555)
	if err := os.Chmod(filepath.Join(source, "closed"), 0o555); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir()
	if err := receive(t, asGuest(t, source), filepath.Join(target, "copy"), "source"); err != nil {
		t.Fatal(err)
	}
	if want, got := snapshot(t, source), snapshot(t, filepath.Join(target, "copy")); !maps.Equal(want, got) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if names := snapshot(t, target); slices.ContainsFunc(slices.Collect(maps.Keys(names)), isStage) {
		t.Errorf("a stage is left: %q", names)
	}
	if err := receive(t, asGuest(t, source), target, "source"); err != nil {
		t.Fatal(err)
	}
	if want, got := snapshot(t, source), snapshot(t, filepath.Join(target, "source")); !maps.Equal(want, got) {
		t.Errorf("in a directory: got %q\nwant %q", got, want)
	}
}

func isStage(name string) bool { return strings.Contains(name, ".dvm-cp-") }

func TestPackLeavesOutWhatIsNoFile(t *testing.T) {
	source := t.TempDir()
	socket := filepath.Join(source, "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	skipped, err := Pack(io.Discard, source, nothing)
	if err != nil || !slices.Equal(skipped, []string{socket}) {
		t.Errorf("Pack left out %q, %v", skipped, err)
	}
	if _, err := Pack(io.Discard, socket, nothing); err == nil {
		t.Error("Pack took a socket")
	}
}

func TestMerge(t *testing.T) {
	source, target := t.TempDir(), t.TempDir()
	for _, dir := range []string{"both", "new", "new/deep"} {
		mkdir(t, filepath.Join(source, dir), 0o750)
	}
	write(t, filepath.Join(source, "both", "replaced"), "new", 0o755)
	write(t, filepath.Join(source, "new", "deep", "file"), "deep", 0o644)
	mkdir(t, filepath.Join(target, "both"), 0o705)
	write(t, filepath.Join(target, "both", "replaced"), "old", 0o644)
	write(t, filepath.Join(target, "both", "kept"), "kept", 0o644)
	if err := receive(t, asGuest(t, source), target, "."); err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, source)
	delete(want, ".")
	want["both"] = "drwx---r-x"
	want["both/kept"] = snapshot(t, target)["both/kept"]
	got := snapshot(t, target)
	delete(got, ".")
	if !maps.Equal(want, got) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestPlaceRefuses(t *testing.T) {
	source := t.TempDir()
	mkdir(t, filepath.Join(source, "a"), 0o755)
	write(t, filepath.Join(source, "b"), "new", 0o644)
	for _, c := range []struct {
		name, says string
		prepare    func(target string)
	}{
		{"a file in the way of a directory", `a" is there already, and is no directory`, func(target string) {
			write(t, filepath.Join(target, "a"), "old", 0o644)
			write(t, filepath.Join(target, "b"), "old", 0o644)
		}},
		{"a link in the way of a directory", `a" is there already, and is no directory`, func(target string) {
			if err := os.Symlink(t.TempDir(), filepath.Join(target, "a")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a directory in the way of a file", `b" is there already, and is a directory`, func(target string) {
			mkdir(t, filepath.Join(target, "b"), 0o755)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := t.TempDir()
			c.prepare(target)
			before := snapshot(t, target)
			err := receive(t, asGuest(t, source), target, ".")
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that says %q", err, c.says)
			}
			if after := snapshot(t, target); !maps.Equal(before, after) {
				t.Errorf("it changed %q to %q", before, after)
			}
		})
	}
}

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
	return map[string][]tar.Header{
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

func TestResolve(t *testing.T) {
	t.Chdir(t.TempDir())
	mkdir(t, "dir", 0o755)
	write(t, "file", "", 0o644)
	for _, c := range []struct {
		path, name string
		want       Destination
		says       string
	}{
		{"new", "a", Destination{dir: ".", name: "new"}, ""},
		{"./-x", "a", Destination{dir: "./", name: "-x"}, ""},
		{"new/", "a", Destination{dir: ".", name: "new", inside: "a"}, ""},
		{"new/", ".", Destination{dir: ".", name: "new"}, ""},
		{"dir", "a", Destination{dir: "dir", name: "a"}, ""},
		{"dir/", "a", Destination{dir: "dir/", name: "a"}, ""},
		{"dir", ".", Destination{dir: "dir", name: "."}, ""},
		{"file", "a", Destination{dir: ".", name: "file"}, ""},
		{"dir/new", "a", Destination{dir: "dir/", name: "new"}, ""},
		{"no/new", "a", Destination{}, `there is no directory "no"`},
		{"file/", "a", Destination{}, "not a directory"},
		{"file/new", "a", Destination{}, "not a directory"},
	} {
		got, err := Resolve(c.path, c.name)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("Resolve(%q, %q) = %+v, %v; want %+v, %q", c.path, c.name, got, err, c.want, c.says)
		}
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
