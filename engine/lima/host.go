package lima

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/semver"

	"dvm/engine"
)

// Version is limactl's own, such as 2.2.0.
func (c *Client) Version(ctx context.Context) (string, error) {
	answer, err := c.run(ctx, c.versionArgs())
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(strings.TrimSpace(string(answer)), "limactl version "), nil
}

// OldestVersion is the first that knows all that dvm asks of limactl.
const OldestVersion = "2.0"

// TooOld tells a version of limactl that is older, and whether what it says of itself is a version at all.
func TooOld(version string) (old, known bool) {
	canonical := "v" + strings.TrimPrefix(version, "v")
	known = semver.IsValid(canonical)
	return known && semver.Compare(canonical, "v"+OldestVersion) < 0, known
}

// unlessTooOld gives err, or the reason behind it where limactl is too old to be asked for an instance.
func (c *Client) unlessTooOld(ctx context.Context, err error) error {
	var failed *CommandError
	if !errors.As(err, &failed) || ctx.Err() != nil {
		return err
	}
	version, versionErr := c.Version(ctx)
	if old, _ := TooOld(version); versionErr != nil || !old {
		return err
	}
	return engine.Advise(fmt.Errorf("limactl is version %s, and dvm needs %s or later: %w", version, OldestVersion, err), "%s", InstallHint())
}

// MountingFiles lists the files of Lima's own configuration that give every instance mounts, whatever dvm asks for, and
// those that can't be read.
func (c *Client) MountingFiles() (mounting []string, err error) {
	for _, name := range []string{"override.yaml", "default.yaml"} {
		path := filepath.Join(c.Home, "_config", name)
		text, readErr := os.ReadFile(path)
		var content struct {
			Mounts []any `yaml:"mounts"`
		}
		switch {
		case errors.Is(readErr, fs.ErrNotExist):
			continue
		case readErr == nil:
			readErr = yaml.Unmarshal(text, &content)
		}
		if readErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", path, readErr))
		}
		if len(content.Mounts) > 0 {
			mounting = append(mounting, path)
		}
	}
	return mounting, err
}

// DiskUsed is what an instance's directory takes on the host's disk, in bytes.
func (c *Client) DiskUsed(instance string) int64 {
	entries, _ := os.ReadDir(c.Dir(instance))
	var used int64
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			used += allocated(info)
		}
	}
	return used
}

// allocated counts the blocks of a file, since disks are sparse.
func allocated(info fs.FileInfo) int64 {
	const block = 512 // the unit of st_blocks on Linux and macOS
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Blocks * block
	}
	return info.Size()
}
