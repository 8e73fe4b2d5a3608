package steps

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

const (
	gib        = 1 << 30
	leastSpace = 2 * gib // the image and a new VM's first changes do not fit into less
)

// ours lists dvm's own instances. What is wrong with the list is said elsewhere.
func (d *doctor) ours() []lima.Instance {
	all, _ := d.instances()
	return onlyOwn(all)
}

func vmName(instance string) string { return strings.TrimPrefix(instance, config.InstancePrefix) }

// memory holds what the VMs may take against what the host has.
func (d *doctor) memory() []Diagnosis {
	const check = "memory"
	total, err := hostMemory()
	if err != nil {
		return one(check, Odd, "", "this host's memory can't be told: %s", err)
	}
	var configured int64
	remedy, largest := "", int64(0) // of those that run: no other gives any back
	for _, instance := range d.ours() {
		configured += instance.Memory
		if instance.Status == lima.Running && instance.Memory > largest {
			remedy, largest = "dvm stop "+vmName(instance.Name), instance.Memory
		}
	}
	if configured > total {
		return one(check, Odd, remedy, "the VMs may take %s GiB together, and this host has %s", inGiB(configured), inGiB(total))
	}
	return one(check, Fine, "", "this host has %s GiB, and the VMs may take %s", inGiB(total), inGiB(configured))
}

// disk holds what the VMs' thin disks may grow by against what is free.
func (d *doctor) disk() []Diagnosis {
	const check = "disk"
	dir := lima.Existing(d.lima.Home)
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return one(check, Odd, "df "+lima.Quote([]string{dir}), "the space below %s can't be told: %s", dir, err)
	}
	free := int64(stat.Bavail) * int64(stat.Bsize)
	var growth int64
	for _, instance := range d.ours() {
		growth += max(instance.Disk-d.lima.DiskUsed(instance.Name), 0)
	}
	remedy := "df -h " + lima.Quote([]string{dir})
	switch {
	case free < leastSpace:
		return one(check, Bad, remedy, "%s GiB are free below %s, and a new VM needs %s", inGiB(free), dir, inGiB(leastSpace))
	case growth > free:
		return one(check, Odd, remedy, "%s GiB are free below %s, and the VMs' disks may grow by %s", inGiB(free), dir, inGiB(growth))
	}
	return one(check, Fine, "", "%s GiB are free below %s, and the VMs' disks may grow by %s", inGiB(free), dir, inGiB(growth))
}

func inGiB(bytes int64) string { return strconv.FormatFloat(float64(bytes)/gib, 'f', 1, 64) }

// ports looks at the host ports of the VM that DVM_NAME names, or of one without variables of its own.
func (d *doctor) ports() (found []Diagnosis) {
	vm := d.cfg.Unnamed
	if len(d.cfg.VMs) > 0 {
		vm = d.cfg.VMs[0]
	}
	for _, pair := range vm.Ports {
		found = append(found, d.port(vm, pair.Host)...)
	}
	return found
}

func (d *doctor) port(vm config.VM, port int) []Diagnosis {
	check := "port " + strconv.Itoa(port)
	var claimed []string
	for _, instance := range d.ours() {
		if !forwards(instance, port) {
			continue
		}
		name := vmName(instance.Name)
		switch {
		case name == vm.Name && instance.Status == lima.Running && !isForeign(d.lima, vm.Instance, port):
			return one(check, Fine, "", "is forwarded to the VM %s", name)
		case name != vm.Name && instance.Status == lima.Running:
			return one(check, Odd, "dvm stop "+name, "is forwarded to the running VM %s", name)
		case name != vm.Name:
			claimed = append(claimed, name)
		}
	}
	if text, hint := contested(port); text != "" {
		return one(check, Odd, hint, "%s", text)
	}
	if len(claimed) > 0 {
		return one(check, Odd, "", "is free, and the stopped VM %s claims it too", strings.Join(claimed, ", "))
	}
	return one(check, Fine, "", "is free")
}

func forwards(instance lima.Instance, port int) bool {
	return instance.Config != nil &&
		slices.ContainsFunc(instance.Config.PortForwards, func(rule lima.PortForward) bool { return rule.HostPort == port && !rule.Ignore })
}

// NoPlace says why nothing can be kept in a directory, with advice, or nothing where it can. It makes nothing.
func NoPlace(dir string) error {
	quoted := lima.Quote([]string{dir})
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent := lima.Existing(dir); unix.Access(parent, unix.W_OK|unix.X_OK) != nil {
			return engine.Advise(fmt.Errorf("%s can't be made: %s is not yours to write", dir, parent), "ls -ld %s", lima.Quote([]string{parent}))
		}
		return nil
	case err != nil:
	case !info.IsDir():
		err = fmt.Errorf("%s is no directory", dir)
	case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
		err = fmt.Errorf("%s is not yours to write", dir)
	}
	return engine.Advise(err, "ls -ld %s", quoted)
}

// stateDir checks that logs can be kept, and that nobody else can read them.
func (d *doctor) stateDir() []Diagnosis {
	const check = "state"
	dir := d.cfg.StateDir
	if dir == "" {
		return nil // said of the environment
	}
	var bad *engine.Advice
	if errors.As(NoPlace(dir), &bad) {
		return one(check, Bad, bad.Hint, "%s", bad.Err)
	}
	if _, err := os.Stat(dir); err != nil {
		return one(check, Fine, "", "%s will be made", dir)
	}
	var open, vms []string
	for _, logs := range d.logs { // the rest of what is there need not be dvm's
		if isOpen(logs) {
			open = append(open, logs)
			vms = append(vms, filepath.Base(logs))
		}
	}
	if len(open) > 0 {
		return one(check, Odd, "chmod -R go= "+lima.Quote(open), "%s: others can read the logs of %s", dir, strings.Join(vms, ", "))
	}
	return one(check, Fine, "", "the logs in %s are yours alone", dir)
}

// isOpen tells whether others than its owner may do something with a directory or what is in it.
func isOpen(dir string) bool {
	open := false
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what can't be read is closed
		}
		if info, err := entry.Info(); err == nil && info.Mode().Type()&fs.ModeSymlink == 0 && info.Mode().Perm()&0o077 != 0 {
			open = true
			return fs.SkipAll
		}
		return nil
	})
	return open
}
