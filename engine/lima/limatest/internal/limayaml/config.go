// Package limayaml is lima.yaml: what it may hold, its defaults, its rules and how flags edit it.
//
// It uses the decoder and the yq library that Lima itself uses, so that what they say of a bad file is said
// in the same words.
package limayaml

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// LimaYAML is lima.yaml; its name and its fields' order are seen in messages and in `list --json`. Parts that
// nobody asks the stand-in about are kept as they are.
type LimaYAML struct {
	Base                  any               `yaml:"base,omitempty" json:"base,omitempty"`
	MinimumLimaVersion    *string           `yaml:"minimumLimaVersion,omitempty" json:"minimumLimaVersion,omitempty"`
	VMType                *string           `yaml:"vmType,omitempty" json:"vmType,omitempty"`
	VMOpts                map[string]any    `yaml:"vmOpts,omitempty" json:"vmOpts,omitempty"`
	OS                    *string           `yaml:"os,omitempty" json:"os,omitempty"`
	Arch                  *string           `yaml:"arch,omitempty" json:"arch,omitempty"`
	Images                []Image           `yaml:"images,omitempty" json:"images,omitempty"`
	CPUType               map[string]string `yaml:"cpuType,omitempty" json:"cpuType,omitempty"`
	CPUs                  *int              `yaml:"cpus,omitempty" json:"cpus,omitempty"`
	Memory                *string           `yaml:"memory,omitempty" json:"memory,omitempty"`
	Disk                  *string           `yaml:"disk,omitempty" json:"disk,omitempty"`
	AdditionalDisks       []any             `yaml:"additionalDisks,omitempty" json:"additionalDisks,omitempty"`
	Mounts                []Mount           `yaml:"mounts,omitempty" json:"mounts,omitempty"`
	MountTypesUnsupported []string          `yaml:"mountTypesUnsupported,omitempty" json:"mountTypesUnsupported,omitempty"`
	MountType             *string           `yaml:"mountType,omitempty" json:"mountType,omitempty"`
	MountInotify          *bool             `yaml:"mountInotify,omitempty" json:"mountInotify,omitempty"`
	SSH                   SSH               `yaml:"ssh,omitempty" json:"ssh"`
	Firmware              Firmware          `yaml:"firmware,omitempty" json:"firmware"`
	Audio                 Audio             `yaml:"audio,omitempty" json:"audio"`
	Video                 Video             `yaml:"video,omitempty" json:"video"`
	Provision             []map[string]any  `yaml:"provision,omitempty" json:"provision,omitempty"`
	UpgradePackages       *bool             `yaml:"upgradePackages,omitempty" json:"upgradePackages,omitempty"`
	Containerd            Containerd        `yaml:"containerd,omitempty" json:"containerd"`
	GuestInstallPrefix    *string           `yaml:"guestInstallPrefix,omitempty" json:"guestInstallPrefix,omitempty"`
	Probes                []any             `yaml:"probes,omitempty" json:"probes,omitempty"`
	PortForwards          []PortForward     `yaml:"portForwards,omitempty" json:"portForwards,omitempty"`
	CopyToHost            []any             `yaml:"copyToHost,omitempty" json:"copyToHost,omitempty"`
	Message               string            `yaml:"message,omitempty" json:"message,omitempty"`
	Networks              []any             `yaml:"networks,omitempty" json:"networks,omitempty"`
	Env                   map[string]string `yaml:"env,omitempty" json:"env,omitempty"`
	Param                 map[string]string `yaml:"param,omitempty" json:"param,omitempty"`
	DNS                   []string          `yaml:"dns,omitempty" json:"dns,omitempty"`
	HostResolver          HostResolver      `yaml:"hostResolver,omitempty" json:"hostResolver"`
	PropagateProxyEnv     *bool             `yaml:"propagateProxyEnv,omitempty" json:"propagateProxyEnv,omitempty"`
	CACertificates        CACertificates    `yaml:"caCerts,omitempty" json:"caCerts"`
	Rosetta               map[string]any    `yaml:"rosetta,omitempty" json:"rosetta,omitempty"`
	Plain                 *bool             `yaml:"plain,omitempty" json:"plain,omitempty"`
	TimeZone              *string           `yaml:"timezone,omitempty" json:"timezone,omitempty"`
	NestedVirtualization  *bool             `yaml:"nestedVirtualization,omitempty" json:"nestedVirtualization,omitempty"`
	User                  User              `yaml:"user,omitempty" json:"user"`
	TPM                   *bool             `yaml:"tpm,omitempty" json:"tpm,omitempty"`
	OsOpts                map[string]any    `yaml:"osOpts,omitempty" json:"osOpts,omitempty"`
}

// Image is a disk image for one architecture.
type Image struct {
	Location string         `yaml:"location" json:"location"`
	Arch     string         `yaml:"arch,omitempty" json:"arch,omitempty"`
	Digest   string         `yaml:"digest,omitempty" json:"digest,omitempty"`
	Kernel   map[string]any `yaml:"kernel,omitempty" json:"kernel,omitempty"`
	Initrd   map[string]any `yaml:"initrd,omitempty" json:"initrd,omitempty"`
	Variant  string         `yaml:"variant,omitempty" json:"variant,omitempty"`
}

// Mount is a host directory in the guest.
type Mount struct {
	Location   string         `yaml:"location" json:"location"`
	MountPoint *string        `yaml:"mountPoint,omitempty" json:"mountPoint,omitempty"`
	Writable   *bool          `yaml:"writable,omitempty" json:"writable,omitempty"`
	SSHFS      map[string]any `yaml:"sshfs,omitempty" json:"sshfs,omitempty"`
	NineP      map[string]any `yaml:"9p,omitempty" json:"9p,omitempty"`
	Virtiofs   map[string]any `yaml:"virtiofs,omitempty" json:"virtiofs,omitempty"`
}

// SSH is how the host reaches the guest.
type SSH struct {
	LocalPort         *int  `yaml:"localPort,omitempty" json:"localPort,omitempty"`
	LoadDotSSHPubKeys *bool `yaml:"loadDotSSHPubKeys,omitempty" json:"loadDotSSHPubKeys,omitempty"`
	ForwardAgent      *bool `yaml:"forwardAgent,omitempty" json:"forwardAgent,omitempty"`
	ForwardX11        *bool `yaml:"forwardX11,omitempty" json:"forwardX11,omitempty"`
	ForwardX11Trusted *bool `yaml:"forwardX11Trusted,omitempty" json:"forwardX11Trusted,omitempty"`
	OverVsock         *bool `yaml:"overVsock,omitempty" json:"overVsock,omitempty"`
}

// Firmware is the guest's firmware.
type Firmware struct {
	LegacyBIOS *bool `yaml:"legacyBIOS,omitempty" json:"legacyBIOS,omitempty"`
	Images     []any `yaml:"images,omitempty" json:"images,omitempty"`
}

// Audio is the guest's sound card.
type Audio struct {
	Device    *string `yaml:"device,omitempty" json:"device,omitempty"`
	Interface *string `yaml:"interface,omitempty" json:"interface,omitempty"`
}

// Video is the guest's display.
type Video struct {
	Display *string        `yaml:"display,omitempty" json:"display,omitempty"`
	VNC     map[string]any `yaml:"vnc,omitempty" json:"vnc,omitempty"`
}

// Containerd says which containerd Lima installs.
type Containerd struct {
	System   *bool   `yaml:"system,omitempty" json:"system,omitempty"`
	User     *bool   `yaml:"user,omitempty" json:"user,omitempty"`
	Archives []Image `yaml:"archives,omitempty" json:"archives,omitempty"`
}

// PortForward is one rule of what leaves the guest.
type PortForward struct {
	GuestIPMustBeZero *bool  `yaml:"guestIPMustBeZero,omitempty" json:"guestIPMustBeZero,omitempty"`
	GuestIP           string `yaml:"guestIP,omitempty" json:"guestIP,omitempty"`
	GuestPort         int    `yaml:"guestPort,omitempty" json:"guestPort,omitempty"`
	GuestPortRange    [2]int `yaml:"guestPortRange,omitempty" json:"guestPortRange,omitempty"`
	GuestSocket       string `yaml:"guestSocket,omitempty" json:"guestSocket,omitempty"`
	HostIP            string `yaml:"hostIP,omitempty" json:"hostIP,omitempty"`
	HostPort          int    `yaml:"hostPort,omitempty" json:"hostPort,omitempty"`
	HostPortRange     [2]int `yaml:"hostPortRange,omitempty" json:"hostPortRange,omitempty"`
	HostSocket        string `yaml:"hostSocket,omitempty" json:"hostSocket,omitempty"`
	Proto             string `yaml:"proto,omitempty" json:"proto,omitempty"`
	Reverse           bool   `yaml:"reverse,omitempty" json:"reverse,omitempty"`
	Ignore            bool   `yaml:"ignore,omitempty" json:"ignore,omitempty"`
	Static            bool   `yaml:"static,omitempty" json:"static,omitempty"`
}

// HostResolver is Lima's DNS for the guest.
type HostResolver struct {
	Enabled *bool             `yaml:"enabled,omitempty" json:"enabled,omitempty"`
	IPv6    *bool             `yaml:"ipv6,omitempty" json:"ipv6,omitempty"`
	Hosts   map[string]string `yaml:"hosts,omitempty" json:"hosts,omitempty"`
}

// CACertificates are the authorities that the guest trusts.
type CACertificates struct {
	RemoveDefaults *bool    `yaml:"removeDefaults,omitempty" json:"removeDefaults,omitempty"`
	Files          []string `yaml:"files,omitempty" json:"files,omitempty"`
	Certs          []string `yaml:"certs,omitempty" json:"certs,omitempty"`
}

// User is Lima's login account in the guest.
type User struct {
	Name             *string `yaml:"name,omitempty" json:"name,omitempty"`
	Comment          *string `yaml:"comment,omitempty" json:"comment,omitempty"`
	Home             *string `yaml:"home,omitempty" json:"home,omitempty"`
	Shell            *string `yaml:"shell,omitempty" json:"shell,omitempty"`
	UID              *int    `yaml:"uid,omitempty" json:"uid,omitempty"`
	PasswordlessSudo *bool   `yaml:"passwordlessSudo,omitempty" json:"passwordlessSudo,omitempty"`
}

// Warn is told of what Lima would log as a warning, with the record's fields.
type Warn func(msg string, fields map[string]string)

// Loader reads lima.yaml as Lima does: mixed with _config's files and with its defaults filled in.
type Loader struct {
	ConfigDir string // $LIMA_HOME/_config
	Host      Host
	Warn      Warn
}

// Load reads content, which is or will be in the file at path.
func (l Loader) Load(content []byte, path string) (*LimaYAML, error) {
	y, err := l.unmarshal(content, fmt.Sprintf("main file %#q", path))
	if err != nil {
		return nil, err
	}
	d, err := l.loadExtra("default")
	if err != nil {
		return nil, err
	}
	o, err := l.loadExtra("override")
	if err != nil {
		return nil, err
	}
	l.Host.fill(y, d, o)
	return y, nil
}

// loadExtra reads _config/default.yaml or _config/override.yaml, which may be missing.
func (l Loader) loadExtra(which string) (*LimaYAML, error) {
	path := filepath.Join(l.ConfigDir, which+".yaml")
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return &LimaYAML{}, nil
	}
	if err != nil {
		return nil, err
	}
	return l.unmarshal(content, fmt.Sprintf("%s file %#q", which, path))
}

func (l Loader) unmarshal(content []byte, comment string) (*LimaYAML, error) {
	var y LimaYAML
	if err := yaml.Unmarshal(content, &y); err != nil {
		return nil, fmt.Errorf("failed to unmarshal YAML (%s): %w", comment, err)
	}
	var ignored LimaYAML
	if err := yaml.UnmarshalWithOptions(content, &ignored, yaml.Strict()); err != nil {
		l.Warn("Non-strict YAML detected; please check for typos", map[string]string{"comment": comment, "error": err.Error()})
	}
	return &y, nil
}
