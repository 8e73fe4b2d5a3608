package limayaml

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// Host is what the defaults take from the machine and its user.
type Host struct {
	UserName string
	UID      int
	Home     string
}

// VMType is the driver that Lima uses on this system.
func VMType() string {
	if runtime.GOOS == "darwin" {
		return "vz"
	}
	return "qemu"
}

// Arch is this machine's architecture in Lima's words.
func Arch() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	default:
		return runtime.GOARCH
	}
}

// fill completes y: what override o says wins, then y's own, then default d's, then Lima's. Lists are joined.
func (h Host) fill(y, d, o *LimaYAML) {
	y.VMType = first(o.VMType, y.VMType, d.VMType, new(VMType()))
	y.OS = first(o.OS, y.OS, d.OS, new("Linux"))
	y.Arch = first(o.Arch, y.Arch, d.Arch, new(Arch()))
	y.CPUs = first(positive(o.CPUs), positive(y.CPUs), positive(d.CPUs), new(min(4, runtime.NumCPU())))
	y.Memory = first(o.Memory, y.Memory, d.Memory, new("4GiB"))
	y.Disk = first(o.Disk, y.Disk, d.Disk, new("100GiB"))
	y.Mounts = h.fillMounts(slices.Concat(d.Mounts, y.Mounts, o.Mounts))
	if len(y.Mounts) > 0 {
		y.MountType = first(o.MountType, y.MountType, d.MountType, new("reverse-sshfs"))
	}
	y.MountInotify = first(y.MountInotify, new(false))
	y.SSH.LocalPort = first(o.SSH.LocalPort, y.SSH.LocalPort, d.SSH.LocalPort, new(0))
	y.SSH.LoadDotSSHPubKeys = first(y.SSH.LoadDotSSHPubKeys, new(false))
	y.SSH.ForwardAgent = first(y.SSH.ForwardAgent, new(false))
	y.SSH.ForwardX11 = first(y.SSH.ForwardX11, new(false))
	y.SSH.ForwardX11Trusted = first(y.SSH.ForwardX11Trusted, new(false))
	y.Firmware.LegacyBIOS = first(y.Firmware.LegacyBIOS, new(false))
	y.Audio.Device = first(y.Audio.Device, new(""))
	y.Audio.Interface = first(y.Audio.Interface, new(""))
	y.Video.Display = first(y.Video.Display, new("none"))
	y.Provision = slices.Concat(o.Provision, y.Provision, d.Provision)
	y.UpgradePackages = first(y.UpgradePackages, new(false))
	y.Containerd.System = first(o.Containerd.System, y.Containerd.System, d.Containerd.System, new(false))
	y.Containerd.User = first(o.Containerd.User, y.Containerd.User, d.Containerd.User, new(true))
	if y.Containerd.Archives == nil {
		y.Containerd.Archives = nerdctl()
	}
	y.GuestInstallPrefix = first(y.GuestInstallPrefix, new("/usr/local"))
	y.PortForwards = slices.Concat(o.PortForwards, y.PortForwards, d.PortForwards)
	for i := range y.PortForwards {
		y.PortForwards[i].fill()
	}
	y.HostResolver.Enabled = first(y.HostResolver.Enabled, new(true))
	y.HostResolver.IPv6 = first(y.HostResolver.IPv6, new(false))
	y.PropagateProxyEnv = first(y.PropagateProxyEnv, new(true))
	y.CACertificates.RemoveDefaults = first(y.CACertificates.RemoveDefaults, new(false))
	y.Plain = first(o.Plain, y.Plain, d.Plain, new(false))
	y.TimeZone = first(y.TimeZone, new("Etc/UTC"))
	y.NestedVirtualization = first(y.NestedVirtualization, new(false))
	h.fillUser(y, d, o)
	y.TPM = first(y.TPM, new(false))
}

func (h Host) fillUser(y, d, o *LimaYAML) {
	u := &y.User
	u.Name = first(o.User.Name, u.Name, d.User.Name, new(h.UserName))
	u.Comment = first(u.Comment, new(""))
	u.Home = first(o.User.Home, u.Home, d.User.Home, new("/home/"+*u.Name+".guest"))
	u.Shell = first(o.User.Shell, u.Shell, d.User.Shell, new("/bin/bash"))
	u.UID = first(o.User.UID, u.UID, d.User.UID, new(h.UID))
	u.PasswordlessSudo = first(u.PasswordlessSudo, new(true))
}

// first is the first value that is set.
func first[T any](values ...*T) *T {
	i := slices.IndexFunc(values, func(v *T) bool { return v != nil })
	return values[i]
}

// positive drops a zero, which stands for the default.
func positive(n *int) *int {
	if n != nil && *n == 0 {
		return nil
	}
	return n
}

// fillMounts completes the mounts; a later one of the same place replaces the earlier.
func (h Host) fillMounts(all []Mount) []Mount {
	var mounts []Mount
	for _, m := range all {
		if rest, ok := strings.CutPrefix(m.Location, "~"); ok {
			m.Location = h.Home + rest
		}
		m.MountPoint = first(m.MountPoint, new(m.Location))
		m.Writable = first(m.Writable, new(false))
		i := slices.IndexFunc(mounts, func(other Mount) bool { return other.Location == m.Location })
		if i < 0 {
			mounts = append(mounts, m)
		} else {
			mounts[i] = m
		}
	}
	return mounts
}

func (p *PortForward) fill() {
	p.Proto = cmp.Or(p.Proto, "any")
	if p.GuestIP == "" {
		p.GuestIP = "127.0.0.1"
		if p.GuestIPMustBeZero != nil && *p.GuestIPMustBeZero {
			p.GuestIP = "0.0.0.0"
		}
	}
	p.GuestIPMustBeZero = first(p.GuestIPMustBeZero, new(p.GuestIP == "0.0.0.0"))
	p.HostIP = cmp.Or(p.HostIP, "127.0.0.1")
	if p.GuestPortRange == [2]int{} {
		p.GuestPortRange = [2]int{p.GuestPort, p.GuestPort}
		if p.GuestPort == 0 {
			p.GuestPortRange = [2]int{1, 65535}
		}
	}
	if p.HostSocket == "" && p.HostPortRange == [2]int{} {
		p.HostPortRange = [2]int{p.HostPort, p.HostPort}
		if p.HostPort == 0 {
			p.HostPortRange = p.GuestPortRange
		}
	}
}

// nerdctl are the archives that Lima 2.2 installs containerd from.
func nerdctl() []Image {
	const url = "https://github.com/containerd/nerdctl/releases/download/v2.3.5/nerdctl-full-2.3.5-linux-%s.tar.gz"
	return []Image{
		{Location: fmt.Sprintf(url, "amd64"), Arch: "x86_64", Digest: "sha256:b697295c623639734aaab737523c808fd3cc8d3046039fd94fff1744e4c317aa"},
		{Location: fmt.Sprintf(url, "arm64"), Arch: "aarch64", Digest: "sha256:6e4b687f1d138e750a3c8372abc0f81d3d7490b6359c48c0562fc7dfe98859b2"},
	}
}
