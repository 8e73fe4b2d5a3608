package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/kballard/go-shellquote"
)

// Limits of the values, where Lima or the kernel sets them.
const (
	maxCPUs     = math.MaxInt16
	maxPort     = 65535
	sshPort     = 22      // Lima keeps it for itself, on both sides
	maxGiB      = 1 << 20 // a pebibyte: far beyond any host, far below what overflows Lima's int64 of bytes
	minDiskGiB  = 5       // the Fedora cloud image does not fit below
	maxSubIDs   = 1 << 30 // leaves room for a second range beside Lima's own of the same size
	maxUserName = 32
	sudoGroup   = "dvm-sudo" // scripts/user.sh makes it, and a user has a group of the same name
	maxJobs     = 64         // more would wait for the host's disk and for each other
)

// Switch is a variable that is 0 or 1.
type Switch bool

// UnmarshalText accepts 0, 1, false and true.
func (s *Switch) UnmarshalText(text []byte) error {
	switch string(text) {
	case "1", "true":
		*s = true
	case "0", "false":
		*s = false
	default:
		return wants("0 or 1", string(text))
	}
	return nil
}

// MarshalText gives 0 or 1.
func (s Switch) MarshalText() ([]byte, error) {
	if s {
		return []byte("1"), nil
	}
	return []byte("0"), nil
}

// Text is a variable that may hold anything.
type Text string

// UnmarshalText takes the text as it is.
func (t *Text) UnmarshalText(text []byte) error {
	*t = Text(text)
	return nil
}

// CPUs is a number of virtual CPUs.
type CPUs int

// UnmarshalText accepts a whole number from 1.
func (c *CPUs) UnmarshalText(text []byte) error {
	n, err := count(text, 1, maxCPUs)
	*c = CPUs(n)
	return err
}

// GiB is a size in gibibytes, as limactl's --memory and --disk take it.
type GiB float64

// UnmarshalText accepts a positive decimal number, with or without the unit: 0.5, 4, 4GiB.
func (g *GiB) UnmarshalText(text []byte) error {
	size, err := parseGiB(string(text))
	switch {
	case err != nil || size <= 0:
		return wants("a size in GiB above 0, such as 4, 0.5 or 4GiB", string(text))
	case size > maxGiB:
		return wants(fmt.Sprintf("a size of at most %d GiB", maxGiB), string(text))
	}
	*g = size
	return nil
}

// InGiB is a number of bytes in GiB, rounded to what a person would write.
func InGiB(bytes int64) GiB { return GiB(math.Round(float64(bytes)/(1<<30)*1e4) / 1e4) }

// String is the number alone, in its shortest form.
func (g GiB) String() string { return strconv.FormatFloat(float64(g), 'f', -1, 64) }

// DiskGiB is a disk's size in gibibytes.
type DiskGiB struct{ GiB }

// UnmarshalText accepts what GiB accepts, from the size of the image on.
func (d *DiskGiB) UnmarshalText(text []byte) error {
	size, err := parseGiB(string(text))
	switch {
	case err != nil || size < minDiskGiB:
		return wants(fmt.Sprintf("a size in GiB of at least %d, such as 30 or 30GiB", minDiskGiB), string(text))
	case size > maxGiB:
		return wants(fmt.Sprintf("a size of at most %d GiB", maxGiB), string(text))
	}
	d.GiB = size
	return nil
}

func parseGiB(text string) (GiB, error) {
	number := strings.TrimSuffix(text, "GiB")
	if strings.Trim(number, "0123456789.") != "" {
		return 0, errors.New("not a plain decimal number")
	}
	size, err := strconv.ParseFloat(number, 64)
	if err != nil && size == 0 {
		return 0, err
	}
	return GiB(size), nil // of more digits than can be counted it is infinite
}

// wholeNumber reads decimal digits alone: no sign, no base, no spaces.
func wholeNumber(text string) (int, error) {
	if strings.Trim(text, "0123456789") != "" {
		return 0, errors.New("not decimal digits alone")
	}
	return strconv.Atoi(text)
}

// count reads a whole number within limits.
func count(text []byte, least, most int) (int, error) {
	n, err := wholeNumber(string(text))
	if err != nil || n < least || n > most {
		return 0, wants(fmt.Sprintf("a whole number from %d to %d", least, most), string(text))
	}
	return n, nil
}

// SubIDCount is the size of a range of subordinate ids.
type SubIDCount int

// UnmarshalText accepts a whole number from 0.
func (c *SubIDCount) UnmarshalText(text []byte) error {
	n, err := count(text, 0, maxSubIDs)
	*c = SubIDCount(n)
	return err
}

// UserName is the name of the guest user who owns the project.
type UserName string

// UnmarshalText accepts a portable Linux user name that is neither root nor a group of dvm's own.
func (u *UserName) UnmarshalText(text []byte) error {
	name := string(text)
	const first, others = "abcdefghijklmnopqrstuvwxyz_", "0123456789-"
	if len(name) > maxUserName || strings.Trim(name, first+others) != "" || strings.IndexAny(name, first) != 0 {
		return wants(fmt.Sprintf("a user name of at most %d lowercase letters, digits, _ and -, starting with a letter or _",
			maxUserName), name)
	}
	switch name {
	case "root":
		return wants("a user other than root", name)
	case sudoGroup:
		return wants("a user other than "+sudoGroup+", which is the group of who may sudo", name)
	}
	*u = UserName(name)
	return nil
}

// choice reads a variable with a fixed set of values.
func choice(text []byte, of ...string) (string, error) {
	if slices.Contains(of, string(text)) {
		return string(text), nil
	}
	return "", wants("one of "+strings.Join(of, ", "), string(text))
}

// Containerd says which containerd Lima installs when it creates the instance.
type Containerd string

// UnmarshalText accepts the values of limactl's --containerd.
func (c *Containerd) UnmarshalText(text []byte) error {
	value, err := choice(text, "none", "user", "system", "user+system")
	*c = Containerd(value)
	return err
}

// LogLevel is a level of limactl's --log-level.
type LogLevel string

// UnmarshalText accepts limactl's levels, in lower case.
func (l *LogLevel) UnmarshalText(text []byte) error {
	value, err := choice(text, "trace", "debug", "info", "warn", "error", "fatal", "panic")
	*l = LogLevel(value)
	return err
}

// Words is a command line: a program and arguments that come before all others.
type Words []string

// UnmarshalText splits text into words as a POSIX shell does, and expands nothing.
func (w *Words) UnmarshalText(text []byte) error {
	words, err := shellquote.Split(string(text))
	if err != nil {
		return wants("words as a shell splits them ("+strings.ToLower(err.Error())+")", string(text))
	}
	if len(words) == 0 || words[0] == "" {
		return wants("a program, and arguments if it needs them", string(text))
	}
	*w = words
	return nil
}

// MarshalText quotes each word where a shell needs it.
func (w Words) MarshalText() ([]byte, error) { return []byte(shellescape.QuoteCommand(w)), nil }

// Output is the form of what dvm prints on standard output.
type Output string

// UnmarshalText accepts text and json.
func (o *Output) UnmarshalText(text []byte) error {
	value, err := choice(text, "text", "json")
	*o = Output(value)
	return err
}

// Jobs is how many VMs are worked on at once.
type Jobs int

// UnmarshalText accepts a whole number from 1.
func (j *Jobs) UnmarshalText(text []byte) error {
	n, err := count(text, 1, maxJobs)
	*j = Jobs(n)
	return err
}

// Timeout is the most that something may take.
type Timeout time.Duration

// UnmarshalText accepts numbers with units, as Go writes durations.
func (t *Timeout) UnmarshalText(text []byte) error {
	duration, err := time.ParseDuration(string(text))
	if err != nil || duration <= 0 {
		return wants("a duration above 0, such as 90s, 10m or 1h30m", string(text))
	}
	*t = Timeout(duration)
	return nil
}

// String is the duration in a form that UnmarshalText reads.
func (t Timeout) String() string {
	if t == 0 {
		return ""
	}
	return time.Duration(t).String()
}
