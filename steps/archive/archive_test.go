package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
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
	odd := "\xff\xfe"
	if runtime.GOOS == "darwin" { // whose file system refuses it
		odd = "\u00ff\u00fe"
	}
	write(t, filepath.Join(source, odd), strings.Repeat("\x00", 3*buffer+5), 0o444)
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
	t.Cleanup(func() { // so that who is not root can remove them
		for _, dir := range []string{source, filepath.Join(target, "copy"), filepath.Join(target, "source")} {
			_ = os.Chmod(filepath.Join(dir, "closed"), 0o755)
		}
	})
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

// TestDirectoriesKeepTheirTime: though it comes before what is then put into them.
func TestDirectoriesKeepTheirTime(t *testing.T) {
	source, target := t.TempDir(), t.TempDir()
	dirs := []string{".", "a", "a/b", "a/b/c", "a/d", "e", "e/f"}
	for _, dir := range dirs[1:] {
		mkdir(t, filepath.Join(source, dir), 0o755)
		write(t, filepath.Join(source, dir, "file"), "", 0o644)
	}
	for i, dir := range dirs {
		when := time.Unix(981173106+int64(i), 0)
		if err := os.Chtimes(filepath.Join(source, dir), when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := receive(t, asGuest(t, source), filepath.Join(target, "copy"), "source"); err != nil {
		t.Fatal(err)
	}
	for i, dir := range dirs {
		info, err := os.Stat(filepath.Join(target, "copy", dir))
		if err != nil || info.ModTime().Unix() != 981173106+int64(i) {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
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
	for _, dir := range []string{"both", "new", "new/deep", "shut", "shut/in"} {
		mkdir(t, filepath.Join(source, dir), 0o750)
	}
	write(t, filepath.Join(source, "both", "replaced"), "new", 0o755)
	write(t, filepath.Join(source, "new", "deep", "file"), "deep", 0o644)
	write(t, filepath.Join(source, "shut", "file"), "in", 0o644)
	for _, dir := range []string{"shut/in", "shut"} {
		if err := os.Chmod(filepath.Join(source, dir), 0o500); err != nil {
			t.Fatal(err)
		}
	}
	mkdir(t, filepath.Join(target, "both"), 0o705)
	mkdir(t, filepath.Join(target, "shut"), 0o705)
	write(t, filepath.Join(target, "both", "replaced"), "old", 0o644)
	write(t, filepath.Join(target, "both", "kept"), "kept", 0o644)
	if err := receive(t, asGuest(t, source), target, "."); err != nil {
		t.Fatal(err)
	}
	want := snapshot(t, source)
	delete(want, ".")
	want["both"] = "drwx---r-x"
	want["shut"] = "drwx---r-x"
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

// TestPlaceRefusesWhatMayNotBeWritten: a merge that could only be done in part is not begun.
func TestPlaceRefusesWhatMayNotBeWritten(t *testing.T) {
	source := t.TempDir()
	for _, dir := range []string{"a", "z"} {
		mkdir(t, filepath.Join(source, dir), 0o755)
		write(t, filepath.Join(source, dir, "file"), "new", 0o644)
	}
	archive := asGuest(t, source)
	target, err := os.MkdirTemp("", "place")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(target)
	mkdir(t, filepath.Join(target, "a"), 0o755)
	mkdir(t, filepath.Join(target, "z"), 0o555)
	if os.Geteuid() == 0 { // who may write everywhere
		const nobody = 65534
		for _, dir := range []string{"", "a", "z"} {
			if err := os.Chown(filepath.Join(target, dir), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Seteuid(nobody); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Seteuid(0); err != nil {
				t.Error(err)
			}
		}()
	}
	before := snapshot(t, target)
	if err := receive(t, archive, target, "."); err == nil || !strings.Contains(err.Error(), `z": permission denied`) {
		t.Errorf("got %v, want an error that says that z may not be written", err)
	}
	if after := snapshot(t, target); !maps.Equal(before, after) {
		t.Errorf("it changed %q to %q", before, after)
	}
}

func TestResolve(t *testing.T) {
	t.Chdir(t.TempDir())
	mkdir(t, "dir", 0o755)
	write(t, "file", "", 0o644)
	open, err := os.Open("file")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
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
		{fmt.Sprintf("/dev/fd/%d", open.Fd()), "a", Destination{}, "is no file"}, // as /dev/stdout may be
	} {
		got, err := Resolve(c.path, c.name)
		if got != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("Resolve(%q, %q) = %+v, %v; want %+v, %q", c.path, c.name, got, err, c.want, c.says)
		}
	}
}
