package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// editFlags are the flags that change lima.yaml, of any command.
func editFlags(f *pflag.FlagSet) {
	f.Int("cpus", 0, "Number of CPUs")
	f.IPSlice("dns", nil, "Specify custom DNS (disable host resolver)")
	f.Float32("memory", 0, "Memory in GiB")
	f.StringSlice("mount", nil, "Directories to mount, suffix ':w' for writable")
	f.StringSlice("mount-only", nil, "Similar to --mount, but overrides the existing mounts")
	f.Bool("mount-none", false, "Remove all mounts")
	f.String("mount-type", "", "Mount type (reverse-sshfs, 9p, virtiofs)")
	f.Bool("mount-writable", false, "Make all mounts writable")
	f.Bool("mount-inotify", false, "Enable inotify for mounts")
	f.StringSlice("network", nil, "Additional networks")
	f.Bool("nested-virt", false, "Enable nested virtualization")
	f.Bool("rosetta", false, "Enable Rosetta (for vz instances)")
	f.StringArray("set", nil, "Modify the template inplace, using yq syntax. Can be passed multiple times.")
	f.StringArray("param", nil, "Set a template parameter, e.g. name=value. Can be passed multiple times.")
	f.Uint16("ssh-port", 0, "SSH port (0 for random)")
	f.Bool("video", false, "Enable video output")
	f.Float32("disk", 0, "Disk size in GiB")
	f.String("vm-type", "", "Virtual machine type")
	f.String("shell", "", "User login shell in the guest")
}

// editCommandFlags are those of edit and clone.
func editCommandFlags(f *pflag.FlagSet) {
	editFlags(f)
	f.Bool("start", false, "Start the instance after editing")
}

// createFlags are those of create, and of start too.
func createFlags(f *pflag.FlagSet) {
	f.String("name", "", "Override the instance name")
	editFlags(f)
	f.String("arch", "", "Machine architecture")
	f.String("image-variant", "", "Image variant")
	f.String("containerd", "", "containerd mode (user, system, user+system, none)")
	f.Bool("plain", false, "Plain mode. Disables mounts, port forwarding, containerd, etc.")
	f.StringArray("port-forward", nil, "Port forwards (host:guest), e.g., '8080:80' or '9090:9090,static=true' for static port-forwards")
	f.String("audio-device", "", "Audio device backend")
	f.String("audio-interface", "", "Audio virtual hardware interface")
}

// edit turns one flag into yq expressions.
type edit struct {
	flag    string
	newOnly bool
	exprs   func(*pflag.FlagSet) ([]string, error)
}

// format makes an edit of a flag's value as it is.
func format(flag, expr string) edit {
	return edit{flag: flag, exprs: func(f *pflag.FlagSet) ([]string, error) {
		return []string{fmt.Sprintf(expr, f.Lookup(flag).Value)}, nil
	}}
}

// edits are in the order in which Lima evaluates the flags, which is not that of the command line.
func (a *App) edits() []edit {
	return []edit{
		{flag: "cpus", exprs: cpusEdit},
		{flag: "dns", exprs: dnsEdit},
		format("memory", `.memory = "%sGiB"`),
		{flag: "mount", exprs: a.mountEdit},
		{flag: "mount-only", exprs: a.mountOnlyEdit},
		{flag: "mount-none", exprs: mountNoneEdit},
		format("mount-type", ".mountType = %q"),
		format("vm-type", ".vmType = %q"),
		format("mount-inotify", ".mountInotify = %s"),
		format("mount-writable", ".mounts[].writable = %s"),
		format("nested-virt", ".nestedVirtualization = %s"),
		{flag: "set", exprs: func(f *pflag.FlagSet) ([]string, error) {
			return f.Lookup("set").Value.(pflag.SliceValue).GetSlice(), nil
		}},
		{flag: "param", exprs: paramEdit},
		{flag: "video", exprs: videoEdit},
		format("audio-device", ".audio.device = %q"),
		format("audio-interface", ".audio.interface = %q"),
		format("ssh-port", ".ssh.localPort = %s"),
		newOnly(format("arch", ".arch = %q")),
		{flag: "containerd", newOnly: true, exprs: containerdEdit},
		format("disk", `.disk = "%sGiB"`),
		newOnly(format("plain", ".plain = %s")),
		{flag: "port-forward", exprs: portForwardEdit},
		format("shell", ".user.shell = %q"),
	}
}

func newOnly(e edit) edit {
	e.newOnly = true
	return e
}

// yqExpressions are the edits that this invocation's flags ask for.
func (a *App) yqExpressions(newInstance bool) ([]string, error) {
	var all []string
	for _, e := range a.edits() {
		f := a.flags.Lookup(e.flag)
		if f == nil || !f.Changed {
			continue
		}
		if e.newOnly && !newInstance {
			a.log.warnf("`--%[1]s` is not applicable to an existing instance (Hint: create a new instance with `limactl create --%[1]s=%[2]s --name=NAME`)", e.flag, f.Value)
			continue
		}
		exprs, err := e.exprs(a.flags)
		if err != nil {
			return nil, fmt.Errorf("error while processing flag %#q: %w", e.flag, err)
		}
		all = append(all, exprs...)
	}
	return all, nil
}

func cpusEdit(f *pflag.FlagSet) ([]string, error) {
	n, err := f.GetInt("cpus")
	if err == nil && n < 0 {
		err = errors.New("invalid value for number of cpus, must be >= 0")
	}
	return []string{fmt.Sprintf(".cpus = %d", n)}, err
}

func dnsEdit(f *pflag.FlagSet) ([]string, error) {
	ips, err := f.GetIPSlice("dns")
	var quoted []string
	for _, ip := range ips {
		quoted = append(quoted, strconv.Quote(ip.String()))
	}
	return []string{fmt.Sprintf(".dns += [%s] | .dns |= unique | .hostResolver.enabled=false", strings.Join(quoted, ","))}, err
}

func (a *App) mountEdit(f *pflag.FlagSet) ([]string, error) {
	mounts, err := f.GetStringSlice("mount")
	if err != nil {
		return nil, err
	}
	if f.Changed("mount-only") {
		return nil, errors.New("flag `--mount` conflicts with `--mount-only`")
	}
	slices.Reverse(mounts)
	return []string{".mounts = " + a.mountList(mounts) + " + .mounts"}, nil
}

func (a *App) mountOnlyEdit(f *pflag.FlagSet) ([]string, error) {
	mounts, err := f.GetStringSlice("mount-only")
	return []string{".mounts = " + a.mountList(mounts)}, err
}

func (a *App) mountList(mounts []string) string {
	var items []string
	for _, m := range mounts {
		location, writable := strings.CutSuffix(m, ":w")
		if rest, ok := strings.CutPrefix(location, "~"); ok {
			location = a.userDir + rest
		}
		items = append(items, fmt.Sprintf(`{"location": %q, "mountPoint": %q, "writable": %v}`, location, location, writable))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func mountNoneEdit(f *pflag.FlagSet) ([]string, error) {
	for _, other := range []string{"mount", "mount-only"} {
		if f.Changed(other) {
			return nil, errors.New("flag `--mount-none` conflicts with `" + other + "`")
		}
	}
	return []string{".mounts = null"}, nil
}

// paramEdit refuses every parameter: the stand-in's templates have none.
func paramEdit(f *pflag.FlagSet) ([]string, error) {
	params, err := f.GetStringArray("param")
	if err != nil || len(params) == 0 {
		return nil, err
	}
	key, _, ok := strings.Cut(params[0], "=")
	if !ok {
		return nil, fmt.Errorf("invalid parameter %#q, expected NAME=VALUE", params[0])
	}
	return nil, fmt.Errorf("template does not define param %#q", key)
}

func videoEdit(f *pflag.FlagSet) ([]string, error) {
	on, err := f.GetBool("video")
	if on {
		return []string{`.video.display = "default"`}, err
	}
	return []string{`.video.display = "none"`}, err
}

func containerdEdit(f *pflag.FlagSet) ([]string, error) {
	mode, err := f.GetString("containerd")
	if err != nil {
		return nil, err
	}
	var user, system bool
	switch mode {
	case "none":
	case "user":
		user = true
	case "system":
		system = true
	case "user+system", "system+user":
		user, system = true, true
	default:
		return nil, fmt.Errorf("expected one of [\"user\" \"system\" \"user+system\" \"none\"], got %q", mode)
	}
	return []string{fmt.Sprintf(".containerd.user = %v | .containerd.system = %v", user, system)}, nil
}

func portForwardEdit(f *pflag.FlagSet) ([]string, error) {
	specs, err := f.GetStringArray("port-forward")
	if err != nil {
		return nil, err
	}
	if len(specs) == 0 {
		return []string{""}, nil
	}
	var rules []string
	for _, spec := range specs {
		rule, err := portForwardRule(spec)
		if err != nil {
			return nil, err
		}
		rules = append(rules, rule)
	}
	return []string{".portForwards += [" + strings.Join(rules, ",") + "]"}, nil
}

// portForwardRule reads HOST:GUEST[,static=BOOL].
func portForwardRule(spec string) (string, error) {
	ports, option, hasOption := strings.Cut(spec, ",")
	if strings.Contains(option, ",") {
		return "", fmt.Errorf("invalid port forward format %#q, expected HOST:GUEST or HOST:GUEST,static=true", spec)
	}
	host, guest, ok := strings.Cut(strings.TrimSpace(ports), ":")
	if !ok || strings.Contains(guest, ":") {
		return "", fmt.Errorf("invalid port forward format %#q, expected HOST:GUEST", ports)
	}
	static := false
	if hasOption {
		option = strings.TrimSpace(option)
		value, ok := strings.CutPrefix(option, "static=")
		if !ok {
			return "", fmt.Errorf("invalid parameter %#q, expected `static=` followed by a boolean value", option)
		}
		var err error
		if static, err = strconv.ParseBool(value); err != nil {
			return "", fmt.Errorf("invalid value for static parameter: %#q", value)
		}
	}
	return fmt.Sprintf(`{"guestPort": %q, "hostPort": %q, "static": %v}`, strings.TrimSpace(guest), strings.TrimSpace(host), static), nil
}
