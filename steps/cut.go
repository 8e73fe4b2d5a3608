package steps

import (
	"fmt"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

// Cut is the error of a sync that was cut short: why, in which step, what there is now, and how to go on.
func Cut(client *lima.Client, vm config.VM, result Result, cause error) error {
	where := "while it waited for its turn"
	for _, step := range result.Steps {
		if step.State == engine.Failed {
			where = "in " + step.Step
		}
	}
	now, runs := left(client, vm.Instance)
	if runs {
		now += ", and what was done in it stays"
	}
	return engine.Advise(fmt.Errorf("%w, %s; %s", cause, where, now), "run the same command again: it goes on from there")
}

// CutShort is the error of a stop or removal that was cut short: with what there is now.
func CutShort(client *lima.Client, vm config.VM, err error) error {
	now, _ := left(client, vm.Instance)
	return fmt.Errorf("%w; %s", err, now)
}

// left says what there is of an instance, and whether it runs and has booted. limactl is not asked: it would take its time.
func left(client *lima.Client, instance string) (now string, runs bool) {
	exists, err := client.Exists(instance)
	switch {
	case err != nil:
		return err.Error(), false
	case !exists:
		return "there is no " + instance, false
	case !client.Alive(instance):
		return instance + " does not run", false
	case !client.Booted(instance):
		return instance + " boots on by itself", false
	}
	return instance + " runs", true
}
