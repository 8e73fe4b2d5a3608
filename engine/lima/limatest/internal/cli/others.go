package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/pflag"

	"dvm/engine/lima/limatest/internal/limayaml"
	"dvm/engine/lima/limatest/internal/store"
	"dvm/engine/lima/limatest/internal/vm"
)

func (a *App) protect(args []string) error {
	return a.eachProtected(args, func(inst *store.Instance) error {
		if inst.Protected {
			a.log.warnf("Instance %#q is already protected. Skipping.", inst.Name)
			return nil
		}
		a.log.infof("Protected %#q", inst.Name)
		return os.WriteFile(filepath.Join(inst.Dir, "protected"), nil, 0o400)
	})
}

func (a *App) unprotect(args []string) error {
	return a.eachProtected(args, func(inst *store.Instance) error {
		if !inst.Protected {
			a.log.warnf("Instance %#q isn't protected. Skipping.", inst.Name)
			return nil
		}
		a.log.infof("Unprotected %#q", inst.Name)
		return os.Remove(filepath.Join(inst.Dir, "protected"))
	})
}

func (a *App) eachProtected(args []string, do func(*store.Instance) error) error {
	var errs []error
	for _, name := range args {
		inst, err := a.inspect(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("failed to inspect instance %#q: %w", name, err))
			continue
		}
		errs = append(errs, do(inst))
	}
	return errors.Join(errs...)
}

// clone copies an instance's directory, the guest's disk with it.
func (a *App) clone(args []string) error {
	from, to := args[0], args[1]
	inst, err := a.inspect(from)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("instance %#q not found", from)
	}
	if err != nil {
		return err
	}
	if inst.Status == store.Running {
		return errors.New("cannot clone a running instance")
	}
	if err := store.ValidateName(to); err != nil {
		return err
	}
	if err := a.home.ValidateNewName(to); err != nil {
		return err
	}
	dir := a.home.Dir(to)
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("instance %#q already exists", to)
	}
	if err := vm.CopyInstance(inst.Dir, dir); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(dir, "protected")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := removeVolatile(dir); err != nil {
		return err
	}
	if inst, err = a.inspect(to); err != nil {
		return err
	}
	if exprs, err := a.yqExpressions(false); err != nil {
		return err
	} else if len(exprs) > 0 {
		if _, err := a.editInstance(inst); err != nil {
			return err
		}
	}
	if !a.bool("start") {
		return nil
	}
	if inst, err = a.inspect(to); err != nil {
		return err
	}
	return a.startInstance(inst)
}

func infoFlags(f *pflag.FlagSet) {
	f.StringArray("yq", nil, "Apply yq expression to output")
}

func (a *App) info([]string) error {
	type named struct {
		Name     string `json:"name"`
		Location string `json:"location"`
	}
	const share = "/usr/local/share/lima/"
	object, err := json.MarshalIndent(struct {
		Version      string   `json:"version"`
		Templates    []named  `json:"templates"`
		LimaHome     string   `json:"limaHome"`
		VMTypes      []string `json:"vmTypes"`
		HostOS       string   `json:"hostOS"`
		HostArch     string   `json:"hostArch"`
		IdentityFile string   `json:"identityFile"`
		SharePaths   []string `json:"sharePaths"`
	}{
		Version: "v" + version,
		Templates: slices.Collect(func(yield func(named) bool) {
			for _, name := range []string{"default", "fedora"} {
				if !yield(named{name, share + "templates/" + name + ".yaml"}) {
					return
				}
			}
		}),
		LimaHome:     string(a.home),
		VMTypes:      []string{limayaml.VMType()},
		HostOS:       runtime.GOOS,
		HostArch:     limayaml.Arch(),
		IdentityFile: filepath.Join(a.home.ConfigDir(), "user"),
		SharePaths:   []string{share},
	}, "", "    ")
	if err != nil {
		return err
	}
	text := string(object) + "\n"
	if yq := a.list("yq"); len(yq) > 0 {
		if text, err = limayaml.QueryJSON(limayaml.Join(yq), text); err != nil {
			return err
		}
	}
	_, err = fmt.Fprint(a.Stdout, text)
	return err
}

func (a *App) copy([]string) error {
	return errors.New("not implemented in the stand-in: copy")
}
