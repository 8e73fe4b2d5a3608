package steps

import "golang.org/x/sys/unix"

// hypervisor is Apple's Virtualization.framework, which Lima calls vz.
func hypervisor() []Diagnosis {
	const check = "hypervisor"
	supported, err := unix.SysctlUint32("kern.hv_support")
	if err != nil || supported == 0 {
		return one(check, Bad, "sysctl kern.hv_support", "this host has no support for virtual machines")
	}
	return one(check, Fine, "", "vz: this host supports virtual machines")
}

// hostMemory is in bytes.
func hostMemory() (int64, error) {
	size, err := unix.SysctlUint64("hw.memsize")
	return int64(size), err
}

// holderOf has no answer: the remedy names the program.
func holderOf(int) (pid int) { return 0 }

func holderName(int) string { return "another program" }
