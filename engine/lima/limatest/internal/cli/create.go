package cli

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"dvm/engine/lima/limatest/internal/knob"
	"dvm/engine/lima/limatest/internal/limayaml"
	"dvm/engine/lima/limatest/internal/store"
)

func (a *App) create(args []string) error {
	inst, err := a.findOrCreate(args, true)
	if err != nil {
		return err
	}
	if err := a.download(inst); err != nil {
		return err
	}
	a.log.infof("Run `limactl start %s` to start the instance.", inst.Name)
	return nil
}

// findOrCreate reads the word as Lima does: an instance's name, or where a template is.
func (a *App) findOrCreate(args []string, createOnly bool) (*store.Instance, error) {
	var arg string
	if len(args) > 0 {
		arg = args[0]
	}
	name := a.text("name")
	if name != "" {
		if err := store.ValidateName(name); err != nil {
			return nil, err
		}
	}
	if arg == "" || store.ValidateName(arg) == nil {
		return a.existing(arg, name, createOnly)
	}
	name, template, err := a.readTemplate(arg, name)
	if err != nil {
		return nil, err
	}
	if err := store.ValidateName(name); err != nil {
		return nil, err
	}
	if createOnly {
		if _, err := a.inspect(name); err == nil {
			return nil, fmt.Errorf("instance %#q already exists", name)
		}
	}
	exprs, err := a.yqExpressions(true)
	if err != nil {
		return nil, err
	}
	a.log.infof("Terminal is not available, proceeding without opening an editor")
	content, err := limayaml.Edit(limayaml.Join(exprs), template)
	if err != nil {
		return nil, err
	}
	return a.createInstance(name, content)
}

// existing is the instance of that name, with the flags applied to its lima.yaml, whether it runs or not.
func (a *App) existing(arg, name string, createOnly bool) (*store.Instance, error) {
	switch {
	case arg == "" && name == "":
		name = "default"
	case arg != "" && name != "" && arg != name:
		return nil, fmt.Errorf("instance name %#q and CLI flag --name=%#q cannot be specified together", arg, name)
	case arg != "":
		name = arg
	}
	inst, err := a.inspect(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, a.forbid(name)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(inst.Errors...); err != nil {
		a.log.record(failure, fields{"error": err.Error()}, "Instance %q has configuration errors", name)
		if inst.Config == nil {
			return nil, fmt.Errorf("instance %q has configuration errors: %w", name, err)
		}
	}
	if createOnly {
		return nil, fmt.Errorf("instance %#q already exists", name)
	}
	a.log.infof("Using the existing instance %#q", name)
	exprs, err := a.yqExpressions(false)
	if err != nil || len(exprs) == 0 {
		return inst, err
	}
	yq := limayaml.Join(exprs)
	inst, err = a.applyTo(inst, yq)
	if err != nil {
		return nil, fmt.Errorf("failed to apply yq expression %#q to instance %#q: %w", yq, name, err)
	}
	return inst, nil
}

// forbiddenCode is the exit code of what no caller should ever do.
const forbiddenCode = 97

// forbid ends the wrong turn of naming an instance that does not exist. Lima would make an Ubuntu VM with the home
// directory mounted; the stand-in leaves a line for the test to find.
func (a *App) forbid(name string) error {
	a.log.fatalf("stand-in: instance %#q does not exist: real Lima would now create it from template:default, with the home directory mounted", name)
	dir := knob.Dir(string(a.home))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "forbidden"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, strings.Join(a.Args, " "))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return exitError(forbiddenCode)
}

// readTemplate reads a template from its locator, and names the instance after it where it has no name.
func (a *App) readTemplate(locator, name string) (string, []byte, error) {
	template, isTemplate := strings.CutPrefix(locator, "template:")
	if isTemplate {
		if old, ok := strings.CutPrefix(template, "//"); ok {
			template = old
			a.log.warnf("Template locator %#q should be written `template:%s` since Lima v2.0", locator, template)
		}
		content, err := limayaml.Template(template)
		return cmp.Or(name, strings.TrimSuffix(filepath.Base(template), ".yaml")), content, err
	}
	if locator == "-" {
		if name == "" {
			return "", nil, errors.New("must pass instance name with --name when reading template from stdin")
		}
		content, err := io.ReadAll(a.Stdin)
		return name, content, err
	}
	if strings.Contains(locator, "://") {
		return "", nil, errors.New("not implemented in the stand-in: templates at an URL")
	}
	content, err := os.ReadFile(locator)
	return cmp.Or(name, strings.TrimSuffix(strings.TrimSuffix(filepath.Base(locator), ".yaml"), ".yml")), content, err
}

// createInstance writes a new instance's directory; nothing is left of one that is refused.
func (a *App) createInstance(name string, content []byte) (*store.Instance, error) {
	if err := a.home.ValidateNewName(name); err != nil {
		return nil, err
	}
	dir := a.home.Dir(name)
	if _, err := os.Lstat(dir); err == nil {
		return nil, fmt.Errorf("instance %#q already exists (%#q)", name, dir)
	}
	y, err := a.loader().Load(content, yamlPath(dir))
	if err != nil {
		return nil, err
	}
	if err := limayaml.Validate(y); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	inst, err := a.fill(name, content)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return inst, nil
}

// fill writes what the directory of a new instance has before it is started.
func (a *App) fill(name string, content []byte) (*store.Instance, error) {
	dir := a.home.Dir(name)
	if err := os.WriteFile(yamlPath(dir), content, 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "lima-version"), []byte("v"+version), 0o444); err != nil {
		return nil, err
	}
	if err := a.makeKeys(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "cloud-config.yaml"), []byte("#cloud-config\n"), 0o444); err != nil {
		return nil, err
	}
	return a.inspect(name)
}

// makeKeys makes the key pair that every instance shares. As in Lima, who finds none does not look again once it has the
// lock: of two at once in a fresh LIMA_HOME, one fails.
func (a *App) makeKeys() error {
	dir := a.home.ConfigDir()
	key := filepath.Join(dir, "user")
	_, err := os.Stat(key)
	if errors.Is(err, fs.ErrNotExist) {
		err = locked(dir, func() error { return keygen(key) })
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(key + ".pub"); err != nil {
		return fmt.Errorf("failed to read ssh public key %#q: %w", key+".pub", err)
	}
	return nil
}

// locked runs something under the kernel's lock of a directory, which it makes.
func locked(dir string, run func() error) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	return run()
}

// keygenTime is what a real ssh-keygen takes.
const keygenTime = 15 * time.Millisecond

// keygen is ssh-keygen without anybody to ask.
func keygen(key string) error {
	time.Sleep(keygenTime)
	if _, err := os.Stat(key); err == nil {
		return fmt.Errorf("failed to run [ssh-keygen -t ed25519 -q -N  -C lima -f %s]: %#q: exit status 1", key, key+" already exists.\nOverwrite (y/n)? ")
	}
	const opensNothing = "a key of the stand-in: it opens nothing\n"
	if err := os.WriteFile(key, []byte(opensNothing), 0o600); err != nil {
		return err
	}
	return os.WriteFile(key+".pub", []byte(opensNothing), 0o644)
}

// download is where Lima gets the image: a failure leaves the instance's directory behind.
func (a *App) download(inst *store.Instance) error {
	disk := filepath.Join(inst.Dir, "disk")
	if _, err := os.Stat(disk); err == nil {
		return nil
	}
	image := imageFor(inst)
	a.log.record(info, fields{"arch": inst.Arch, "location": image}, "Attempting to download the image")
	cache, _ := os.UserCacheDir()
	part := filepath.Join(cache, "lima/download", fmt.Sprintf("by-url-sha256/%x/data.tmp.%d.1", sha256.Sum256([]byte(image)), os.Getpid()))
	if within := a.knobs.Download(); within > 0 {
		if err := grow(part, image, within); err != nil {
			return err
		}
	}
	why, fails := a.faults.Arg("download-fails")
	switch {
	case why == "full":
		return fmt.Errorf("failed to download %#q: %w", image, &fs.PathError{Op: "write", Path: part, Err: syscall.ENOSPC})
	case fails:
		return fmt.Errorf("failed to download %#q: Get %q: dial tcp: lookup %s: no such host", image, image, strings.Split(image+"//", "/")[2])
	}
	a.log.infof("Using cache %#q", "/stand-in/"+filepath.Base(image))
	return os.WriteFile(disk, nil, 0o644)
}

// grow makes a file as a download does, and takes it away in the end. It is a hole.
func grow(path, url string, within time.Duration) error {
	const pieces, size = 20, 500 << 20 // bytes
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "url"), []byte(url), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	for piece := range pieces {
		if err := os.Truncate(path, size*int64(piece+1)/pieces); err != nil {
			return err
		}
		time.Sleep(within / pieces)
	}
	return os.Remove(path)
}

// imageFor is the location of the instance's image.
func imageFor(inst *store.Instance) string {
	for _, i := range inst.Config.Images {
		if i.Arch == "" || i.Arch == inst.Arch {
			return i.Location
		}
	}
	return ""
}
