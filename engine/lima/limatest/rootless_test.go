//go:build linux

package limatest_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// TestWithoutRoot runs a guest as an unprivileged user with subordinate ids. Neither exists: the test shows them to
// itself in a mount namespace of its own.
func TestWithoutRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		return // all other tests run so
	}
	for _, tool := range []string{"unshare", "mount", "setpriv", "newuidmap", "newgidmap"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	const name, uid = "ltuser", 2299
	l := newGuestLima(t)
	dir := filepath.Dir(l.home)
	program := filepath.Join(dir, "limactl")
	copyProgram(t, program)
	for file, line := range map[string]string{
		"passwd": name + ":x:2299:2299::" + dir + ":/bin/bash\n",
		"group":  name + ":x:2299:\n",
		"subuid": name + ":300000:65536\n",
		"subgid": name + ":300000:65536\n",
	} {
		content, err := os.ReadFile(filepath.Join("/etc", file))
		if err != nil {
			t.Skip(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), append(content, line...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, l.home, l.dir} {
		if err := os.Chown(path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte(rootlessScript), 0o644); err != nil {
		t.Fatal(err)
	}
	const enter = `set -e
mount --make-rprivate /
for file in passwd group subuid subgid; do mount --bind "$DIR/$file" "/etc/$file"; done
exec setpriv --reuid 2299 --regid 2299 --clear-groups bash "$DIR/script"
`
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "bash", "-c", enter)
	cmd.Env = append(l.env, "DIR="+dir, "LIMATEST_USER=", "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.Dir = l.dir
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != rootlessAnswer {
		t.Errorf("%v\n%s\nwant\n%s", err, out, rootlessAnswer)
	}
	if left, err := filepath.Glob(filepath.Join(l.home, "[a-z]*")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v: the disk of uid %s", left, err, strconv.Itoa(uid))
	}
}

const rootlessScript = `set -e
limactl --log-level warn start --yes --name v --mount-none template:fedora
limactl shell --workdir / v sh -ec '
	id
	stat -c "%U %n" / /etc/passwd /var/lib
	sudo -n id
	sudo useradd -m dev
	sudo mkdir -p /var/lib/dvm
	sudo sh -c "echo own > /usr/local/bin/own"
	sudo -iu dev sh -c "id -un; pwd; touch x; stat -c %U x"
'
limactl --log-level warn stop v
LIMATEST_NET=own limactl --log-level warn clone v w --tty=false --start
limactl shell w sh -c 'id dev; cat /usr/local/bin/own; hostname; cut -d: -f1 /proc/net/dev | tail -n 1'
limactl --log-level warn delete -f v w
`

const rootlessAnswer = `uid=2299(ltuser) gid=2299(ltuser) groups=2299(ltuser)
root /
root /etc/passwd
root /var/lib
uid=0(root) gid=0(root) groups=0(root)
dev
/home/dev
dev
uid=2300(dev) gid=2300(dev) groups=2300(dev)
own
lima-w
    lo
`

// copyProgram copies limactl to where other users may run it.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	path, err := exec.LookPath("limactl")
	if err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, from); err != nil {
		t.Fatal(err)
	}
}
