package limayaml

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Validate checks a loaded config by Lima's rules; the errors' words are Lima's.
func Validate(y *LimaYAML) error {
	var errs []error
	if len(y.Images) == 0 {
		errs = append(errs, errors.New("field `images` must be set"))
	}
	if *y.CPUs < 0 {
		errs = append(errs, errors.New("field `cpus` must be set"))
	}
	if _, err := ParseSize(*y.Memory); err != nil {
		errs = append(errs, fmt.Errorf("field `memory` has an invalid value: %w", err))
	}
	if _, err := ParseSize(*y.Disk); err != nil {
		errs = append(errs, fmt.Errorf("field `memory` has an invalid value: %w", err))
	}
	if *y.VMType != "qemu" && *y.VMType != "vz" {
		errs = append(errs, fmt.Errorf("vmType %#q is not a registered driver", *y.VMType))
	}
	for i, p := range y.PortForwards {
		errs = append(errs, p.validate(fmt.Sprintf("portForwards[%d]", i)))
	}
	return errors.Join(errs...)
}

// ValidateChange refuses what an instance cannot become: its disk only grows.
func (l Loader) ValidateChange(after, before []byte) error {
	latest, err := l.Load(before, "")
	if err != nil {
		return err
	}
	next, err := l.unmarshal(after, "Unmarshal new YAML bytes")
	if err != nil || next.Disk == nil {
		return err
	}
	from, err := ParseSize(*latest.Disk)
	if err != nil {
		return err
	}
	to, err := ParseSize(*next.Disk)
	if err != nil {
		return err
	}
	if to < from {
		return fmt.Errorf("field `disk`: shrinking the disk (%s --> %s) is not supported", *latest.Disk, *next.Disk)
	}
	return nil
}

func (p PortForward) validate(field string) error {
	var errs []error
	if *p.GuestIPMustBeZero && p.GuestIP != "0.0.0.0" {
		errs = append(errs, fmt.Errorf("field `%s.guestIPMustBeZero` can only be true when field `%s.guestIP` is 0.0.0.0", field, field))
	}
	if p.GuestPort != 0 {
		if p.GuestPort != p.GuestPortRange[0] {
			errs = append(errs, fmt.Errorf("field `%s.guestPort` must match field `%s.guestPortRange[0]`", field, field))
		}
		errs = append(errs, validatePort(field+".guestPort", p.GuestPort))
	}
	if p.HostPort != 0 {
		if p.HostPort != p.HostPortRange[0] {
			errs = append(errs, fmt.Errorf("field `%s.hostPort` must match field `%s.hostPortRange[0]`", field, field))
		}
		errs = append(errs, validatePort(field+".hostPort", p.HostPort))
	}
	for i := range 2 {
		errs = append(errs, validatePort(fmt.Sprintf("%s.guestPortRange[%d]", field, i), p.GuestPortRange[i]))
		if p.HostSocket == "" {
			errs = append(errs, validatePort(fmt.Sprintf("%s.hostPortRange[%d]", field, i), p.HostPortRange[i]))
		}
	}
	if p.HostSocket == "" && p.GuestPortRange[1]-p.GuestPortRange[0] != p.HostPortRange[1]-p.HostPortRange[0] {
		errs = append(errs, fmt.Errorf("field `%s.hostPortRange` must specify the same number of ports as field `%s.guestPortRange`", field, field))
	}
	switch p.Proto {
	case "tcp", "udp", "any":
	default:
		errs = append(errs, fmt.Errorf("field `%s.proto` must be `tcp`, `udp`, or `any`", field))
	}
	return errors.Join(errs...)
}

func validatePort(field string, port int) error {
	switch {
	case port < 0:
		return fmt.Errorf("field `%s` must be > 0", field)
	case port == 0:
		return fmt.Errorf("field `%s` must be set", field)
	case port == 22:
		return fmt.Errorf("field `%s` must not be 22", field)
	case port > 65535:
		return fmt.Errorf("field `%s` must be < 65536", field)
	}
	return nil
}

// ParseSize reads "8GiB", "512M" or plain bytes; all units are powers of 1024.
func ParseSize(text string) (int64, error) {
	number := strings.TrimRight(text, "kKmMgGtTpPiIbB ")
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 {
		return 0, fmt.Errorf("invalid size: '%s'", text)
	}
	unit := strings.ToLower(strings.TrimSpace(text[len(number):]))
	power := 0
	if unit != "" && unit != "b" {
		power = strings.IndexByte("bkmgtp", unit[0])
	}
	if power < 0 {
		return 0, fmt.Errorf("invalid suffix: '%s'", unit)
	}
	return int64(f * math.Pow(1024, float64(power))), nil
}

// FormatSize is the inverse of ParseSize, as Lima's table shows it.
func FormatSize(n int64) string {
	size := float64(n)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if size < 1024 {
			return fmt.Sprintf("%.4g%s", size, unit)
		}
		size /= 1024
	}
	return fmt.Sprintf("%.4gTiB", size)
}
