package steps

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"dvm/config"
	"dvm/engine/lima"
)

const (
	namesMoment = 5 * time.Second // that the names of VMs are remembered for the next press of a key
	namesWithin = 5 * time.Second // that a shell waits for them
)

// RecentVMs lists the VMs as they are or were a moment ago, for a shell that completes a command. It says nothing of what
// goes wrong: the prompt is no place for that.
func RecentVMs(ctx context.Context, client *lima.Client, stateDir string) (vms []string) {
	ctx, cancel := context.WithTimeout(ctx, namesWithin)
	defer cancel()
	// No VM's name has a dot, so that its directory is another.
	instances, err := client.RecentNames(ctx, filepath.Join(stateDir, "names.cache"), namesMoment)
	if err != nil {
		return nil
	}
	return onlyVMs(instances)
}

// AllVMs lists every VM that exists.
func AllVMs(ctx context.Context, client *lima.Client) ([]string, error) {
	instances, err := client.Names(ctx)
	return onlyVMs(instances), err
}

// onlyVMs leaves out instances that dvm can't have made.
func onlyVMs(instances []string) (vms []string) {
	for _, instance := range instances {
		name, ours := strings.CutPrefix(instance, config.InstancePrefix)
		if ours && new(config.VMName).UnmarshalText([]byte(name)) == nil {
			vms = append(vms, name)
		}
	}
	return vms
}
