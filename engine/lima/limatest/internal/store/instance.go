package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"dvm/engine/lima/limatest/internal/limayaml"
)

// An instance's status, which is derived at each look and never stored.
const (
	Running = "Running"
	Stopped = "Stopped"
	Broken  = "Broken"
	Unknown = "" // lima.yaml cannot be read
)

// Instance is one instance as `list --json` shows it, in its order of fields.
type Instance struct {
	Name            string             `json:"name"`
	Hostname        string             `json:"hostname"`
	Status          string             `json:"status"`
	Dir             string             `json:"dir"`
	VMType          string             `json:"vmType"`
	Arch            string             `json:"arch"`
	CPUs            int                `json:"cpus,omitempty"`
	Memory          int64              `json:"memory,omitempty"`
	Disk            int64              `json:"disk,omitempty"`
	Message         string             `json:"message,omitempty"`
	AdditionalDisks []any              `json:"additionalDisks,omitempty"`
	Networks        []any              `json:"network,omitempty"`
	SSHLocalPort    int                `json:"sshLocalPort,omitempty"`
	SSHConfigFile   string             `json:"sshConfigFile,omitempty"`
	HostAgentPID    int                `json:"hostAgentPID,omitempty"`
	DriverPID       int                `json:"driverPID,omitempty"`
	Errors          Errors             `json:"errors,omitempty"`
	Config          *limayaml.LimaYAML `json:"config,omitempty"`
	SSHAddress      string             `json:"sshAddress,omitempty"`
	Protected       bool               `json:"protected"`
	LimaVersion     string             `json:"limaVersion"`
	Param           map[string]string  `json:"param,omitempty"`
	HostOS          string
	HostArch        string
	LimaHome        string
	IdentityFile    string
}

// Errors are an instance's problems. Lima loses their texts in JSON: a plain error becomes an empty object, which
// is then dropped, and only an *fs.PathError keeps its fields.
type Errors []error

// MarshalJSON writes what Lima leaves of the errors.
func (e Errors) MarshalJSON() ([]byte, error) {
	kept := []any{}
	for _, err := range e {
		if path, ok := err.(*fs.PathError); ok { //nolint:errorlint // a wrapped one loses its fields
			kept = append(kept, path)
		}
	}
	return json.Marshal(kept)
}

// Inspect looks at an instance. Its own troubles are in Instance.Errors; the error is for one that is not there,
// in which case it is an fs.ErrNotExist, and for a name that cannot be one.
func (h Home) Inspect(name string, loader limayaml.Loader) (*Instance, error) {
	if err := ValidateName(name); err != nil {
		return nil, err
	}
	inst := &Instance{Name: name, Hostname: Hostname(name), Dir: h.Dir(name)}
	path := filepath.Join(inst.Dir, "lima.yaml")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	h.addGlobals(inst)
	y, err := loader.Load(content, path)
	if err != nil {
		inst.Errors = append(inst.Errors, err)
		return inst, nil
	}
	inst.describe(y)
	inst.inspectProcesses()
	return inst, nil
}

// BrokenInstance stands for a directory that holds no lima.yaml.
func (h Home) BrokenInstance(name string, err error) *Instance {
	inst := &Instance{Name: name, Dir: h.Dir(name), Status: Broken, Errors: Errors{err}}
	h.addGlobals(inst)
	return inst
}

func (h Home) addGlobals(inst *Instance) {
	inst.HostOS = runtime.GOOS
	inst.HostArch = limayaml.Arch()
	inst.LimaHome = string(h)
	inst.IdentityFile = filepath.Join(h.ConfigDir(), "user")
}

// describe fills in what the configuration and the plain files say.
func (inst *Instance) describe(y *limayaml.LimaYAML) {
	inst.Config = y
	inst.VMType, inst.Arch = *y.VMType, *y.Arch
	inst.CPUs = *y.CPUs
	if n, err := limayaml.ParseSize(*y.Memory); err == nil {
		inst.Memory = n
	}
	if n, err := limayaml.ParseSize(*y.Disk); err == nil {
		inst.Disk = n
	}
	inst.Message = strings.TrimSuffix(y.Message, "\n")
	inst.AdditionalDisks, inst.Networks, inst.Param = y.AdditionalDisks, y.Networks, y.Param
	inst.SSHAddress = "127.0.0.1"
	inst.SSHLocalPort = *y.SSH.LocalPort
	inst.SSHConfigFile = filepath.Join(inst.Dir, "ssh.config")
	if _, err := os.Lstat(filepath.Join(inst.Dir, "protected")); err == nil {
		inst.Protected = true
	}
	version, err := os.ReadFile(filepath.Join(inst.Dir, "lima-version"))
	if err == nil {
		inst.LimaVersion = strings.TrimSpace(string(version))
	} else if !errors.Is(err, fs.ErrNotExist) {
		inst.Errors = append(inst.Errors, err)
	}
}

// inspectProcesses derives the status from the processes behind the PID files.
func (inst *Instance) inspectProcesses() {
	var err error
	if inst.HostAgentPID, err = ReadPID(filepath.Join(inst.Dir, "ha.pid")); err != nil {
		inst.breakBy(err)
	}
	if inst.HostAgentPID != 0 {
		sock := filepath.Join(inst.Dir, "ha.sock")
		if port, err := agentPort(sock); err != nil {
			inst.breakBy(fmt.Errorf("failed to get Info from %#q: %w", sock, err))
		} else {
			inst.SSHLocalPort = port
		}
	}
	if inst.SSHLocalPort == 0 {
		inst.SSHLocalPort = portOf(inst.SSHConfigFile)
	}
	if inst.DriverPID, err = ReadPID(filepath.Join(inst.Dir, DriverPIDFile(inst.VMType))); err != nil {
		inst.breakBy(err)
	}
	switch {
	case inst.Status != Unknown:
	case inst.HostAgentPID > 0 && inst.DriverPID > 0:
		inst.Status = Running
	case inst.HostAgentPID == 0 && inst.DriverPID == 0:
		inst.Status = Stopped
	case inst.HostAgentPID > 0:
		inst.breakBy(errors.New("host agent is running but driver is not"))
	default:
		inst.breakBy(fmt.Errorf("%s driver is running but host agent is not", inst.VMType))
	}
}

func (inst *Instance) breakBy(err error) {
	inst.Status = Broken
	inst.Errors = append(inst.Errors, err)
}

// DriverPIDFile is the name of the file with the driver's PID.
func DriverPIDFile(vmType string) string { return vmType + ".pid" }

// portOf is the port in an ssh.config, 0 where there is none.
func portOf(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		var port int
		if _, err := fmt.Sscanf(line, " Port %d", &port); err == nil {
			return port
		}
	}
	return 0
}
