package steps

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dvm/config"
	"dvm/engine/lima"
)

// newDoctor is one whose limactl has these instances.
func newDoctor(t *testing.T, instances ...lima.Instance) *doctor {
	return &doctor{
		lima:      &lima.Client{Home: t.TempDir(), Log: io.Discard},
		instances: func() ([]lima.Instance, error) { return instances, nil },
	}
}

func forwarding(name string, status lima.Status, port int) lima.Instance {
	return lima.Instance{Name: name, Status: status, Config: &lima.Config{PortForwards: []lima.PortForward{{HostPort: port, GuestPort: port}}}}
}

func TestDoctorPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port
	app := config.VM{Name: "app"}
	for _, c := range []struct {
		name      string
		instances []lima.Instance
		health    Health
		text      string
	}{
		{"somebody's", nil, Odd, "is taken by "},
		{"the VM's own", []lima.Instance{forwarding("dvm-app", lima.Running, taken)}, Fine, "is forwarded to the VM app"},
		{"another VM's", []lima.Instance{forwarding("dvm-web", lima.Running, taken)}, Odd, "is forwarded to the running VM web"},
		{"the VM's own, which is stopped", []lima.Instance{forwarding("dvm-app", lima.Stopped, taken)}, Odd, "is taken by "},
		{"an instance's that is not dvm's", []lima.Instance{forwarding("web", lima.Running, taken)}, Odd, "is taken by "},
		{"an instance's without a configuration", []lima.Instance{{Name: "dvm-web", Status: lima.Running}}, Odd, "is taken by "},
	} {
		got := newDoctor(t, c.instances...).port(app, taken)[0]
		if got.Health != c.health || !strings.HasPrefix(got.Text, c.text) {
			t.Errorf("%s: %+v, want %s: %s…", c.name, got, c.health, c.text)
		}
		if got.Health != Fine && got.Remedy == "" {
			t.Errorf("%s: %+v has no remedy", c.name, got)
		}
	}
}

func TestDoctorResources(t *testing.T) {
	d := newDoctor(t, lima.Instance{Name: "dvm-app", Status: lima.Running, Memory: 1 << 50, Disk: 1 << 60}, lima.Instance{Name: "other", Memory: 1 << 60})
	if got := d.memory()[0]; got.Health != Odd || got.Remedy != "dvm stop app" {
		t.Errorf("a pebibyte of memory: %+v", got)
	}
	if got := d.disk()[0]; got.Health == Fine {
		t.Errorf("an exbibyte of disk: %+v", got)
	}
	// What a disk has taken already does not count, and its holes do.
	dir := filepath.Join(d.lima.Home, "dvm-app")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "disk"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "disk"), 1<<30); err != nil {
		t.Fatal(err)
	}
	if used := d.lima.DiskUsed("dvm-app"); used < 1<<20 || used > 1<<24 {
		t.Errorf("a mebibyte and a hole take %d bytes", used)
	}
}

func TestWouldFail(t *testing.T) {
	if err := WouldFail([]Diagnosis{{Health: Fine}, {Health: Odd}}); err != nil {
		t.Errorf("a warning fails: %v", err)
	}
	if err := WouldFail([]Diagnosis{{Health: Fine}, {Health: Bad}}); err == nil {
		t.Error("an error does not fail")
	}
}
