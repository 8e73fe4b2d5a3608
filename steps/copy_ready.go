package steps

import (
	"context"
	"errors"
	"fmt"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

// Ready makes a VM that exists run. It is a stand-in for what the commands that work in a VM share.
func Ready(ctx context.Context, client *lima.Client, vm config.VM) (err error) {
	exists, err := client.Exists(vm.Instance)
	switch {
	case err != nil:
		return err
	case !exists:
		return engine.Advise(fmt.Errorf("there is no VM %s", vm.Name), "dvm %s", vm.Name)
	case client.HasHostAgent(vm.Instance):
		return nil
	}
	lock, err := client.StartLock(ctx, vm.Instance, func(lima.Holder) {})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := client.Start(ctx, vm.Instance); err != nil {
		return err
	}
	return client.AwaitBoot(ctx, vm.Instance, bootWithin)
}
