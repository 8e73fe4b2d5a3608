package steps

import (
	"context"
	"errors"
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

// VMsSeen lists the VMs by Lima's directories alone.
func VMsSeen(client *lima.Client) []string { return onlyVMs(client.NamesSeen()) }

// InstanceNames names the instances that have dvm's prefix, whether Lima can read them or not.
func InstanceNames(ctx context.Context, client *lima.Client) (own []string, err error) {
	names, err := client.Names(ctx)
	for _, name := range names {
		if strings.HasPrefix(name, config.InstancePrefix) {
			own = append(own, name)
		}
	}
	return own, err
}

// Instances lists the instances that have dvm's prefix. Of one that Lima can't read there is no more than the name.
func Instances(ctx context.Context, client *lima.Client) ([]lima.Instance, error) {
	all, err := client.List(ctx)
	if _, failed := errors.AsType[*lima.CommandError](err); failed { // up to Lima 2.1 at an instance that it can't read
		return listEach(ctx, client)
	}
	return onlyOwn(all), err
}

// listEach is Instances with a call of limactl for each.
func listEach(ctx context.Context, client *lima.Client) (instances []lima.Instance, err error) {
	names, err := InstanceNames(ctx, client)
	for _, name := range names {
		found, err := client.Find(ctx, name)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			instances = append(instances, lima.Instance{Name: name})
		case found != nil:
			instances = append(instances, *found)
		}
	}
	return instances, err
}

// onlyOwn leaves out the instances without dvm's prefix.
func onlyOwn(all []lima.Instance) (own []lima.Instance) {
	for _, instance := range all {
		if strings.HasPrefix(instance.Name, config.InstancePrefix) {
			own = append(own, instance)
		}
	}
	return own
}

// Meant gives the VM that somebody calls by the name of its Lima instance, such as dvm-app. It is nothing where a VM has that
// name itself.
func Meant(client *lima.Client, name string) string {
	meant, ours := vmOf(name)
	if !ours {
		return ""
	}
	if taken, err := client.Exists(config.InstancePrefix + name); taken || err != nil {
		return ""
	}
	if exists, err := client.Exists(name); !exists || err != nil {
		return ""
	}
	return meant
}

// Ask begins to list those of the VMs that exist.
func Ask(ctx context.Context, client *lima.Client, vms []config.VM) *lima.Roster {
	var instances []string
	for _, vm := range vms {
		if exists, err := client.Exists(vm.Instance); exists && err == nil { // who needs it looks again
			instances = append(instances, vm.Instance)
		}
	}
	return client.Ask(ctx, instances)
}

// AskAll lists every VM that exists, and the instances beside them that have dvm's prefix and no name of a VM. The roster is nil
// where limactl could give no more than names, as it does where it can't read some instance.
func AskAll(ctx context.Context, client *lima.Client) (vms, others []string, roster *lima.Roster, err error) {
	roster = client.AskAll(ctx)
	defer roster.Close()
	instances, err := roster.Names()
	if err != nil {
		roster = nil
		instances, err = client.Names(ctx)
	}
	for _, instance := range instances {
		if _, ours := vmOf(instance); !ours && strings.HasPrefix(instance, config.InstancePrefix) {
			others = append(others, instance)
		}
	}
	return onlyVMs(instances), others, roster, err
}

// vmOf is the VM that an instance is, if dvm can have made it.
func vmOf(instance string) (name string, ours bool) {
	name, ours = strings.CutPrefix(instance, config.InstancePrefix)
	return name, ours && new(config.VMName).UnmarshalText([]byte(name)) == nil
}

// onlyVMs leaves out instances that dvm can't have made.
func onlyVMs(instances []string) (vms []string) {
	for _, instance := range instances {
		if name, ours := vmOf(instance); ours {
			vms = append(vms, name)
		}
	}
	return vms
}
