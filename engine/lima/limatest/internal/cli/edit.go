package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"dvm/engine/lima/limatest/internal/limayaml"
	"dvm/engine/lima/limatest/internal/store"
)

func (a *App) edit(args []string) error {
	name := "default"
	if len(args) > 0 {
		name = args[0]
	}
	if err := store.ValidateName(name); err != nil {
		return errors.New("not implemented in the stand-in: to edit a file")
	}
	inst, err := a.inspect(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("instance %#q not found", name)
	}
	if err != nil {
		return err
	}
	if inst.Status == store.Running {
		return errors.New("cannot edit a running instance")
	}
	changed, err := a.editInstance(inst)
	if err != nil || !changed {
		return err
	}
	a.log.infof("Instance %#q configuration edited", name)
	if !a.bool("start") {
		return nil
	}
	if inst, err = a.inspect(name); err != nil {
		return err
	}
	return a.startInstance(inst)
}

// editInstance applies the flags to an instance's lima.yaml, unless they change nothing.
func (a *App) editInstance(inst *store.Instance) (changed bool, err error) {
	path := yamlPath(inst.Dir)
	before, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	exprs, err := a.yqExpressions(false)
	if err != nil {
		return false, err
	}
	if len(exprs) == 0 {
		a.log.infof("Aborting, as requested by saving the file with empty content")
		return false, nil
	}
	after, err := limayaml.Edit(limayaml.Join(exprs), before)
	if err != nil {
		return false, err
	}
	if bytes.Equal(after, before) {
		a.log.infof("Aborting, no changes made to the instance")
		return false, nil
	}
	y, err := a.loader().Load(after, path)
	if err != nil {
		return false, err
	}
	if err := limayaml.Validate(y); err != nil {
		return false, reject(after, err)
	}
	if err := a.loader().ValidateChange(after, before); err != nil {
		return false, reject(after, err)
	}
	return true, os.WriteFile(path, after, 0o644)
}

// applyTo edits an instance's lima.yaml as start does: without the checks against what it was.
func (a *App) applyTo(inst *store.Instance, yq string) (*store.Instance, error) {
	path := yamlPath(inst.Dir)
	before, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	after, err := limayaml.Edit(yq, before)
	if err != nil {
		return nil, err
	}
	y, err := a.loader().Load(after, path)
	if err != nil {
		return nil, err
	}
	if err := limayaml.Validate(y); err != nil {
		return nil, reject(after, err)
	}
	if err := os.WriteFile(path, after, 0o644); err != nil {
		return nil, err
	}
	return a.inspect(inst.Name)
}

// reject keeps a refused lima.yaml in the current directory, as Lima does.
func reject(content []byte, cause error) error {
	const name = "lima.REJECTED.yaml"
	if err := os.WriteFile(name, content, 0o644); err != nil {
		return fmt.Errorf("the YAML is invalid, attempted to save the buffer as %#q but failed: %w", name, errors.Join(err, cause))
	}
	return fmt.Errorf("the YAML is invalid, saved the buffer as %#q: %w", name, cause)
}
