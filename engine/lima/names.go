package lima

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Names lists the instances that Lima has, broken ones too. limactl does not look at each for this.
func (c *Client) Names(ctx context.Context) ([]string, error) {
	answer, err := c.run(ctx, c.namesArgs())
	return strings.Fields(string(answer)), err
}

// NamesSeen is Names as Lima's directory tells them, which costs no call of limactl. What else lies there is among them.
func (c *Client) NamesSeen() (names []string) {
	entries, _ := os.ReadDir(c.Home)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// RecentNames is Names, or its answer to another dvm that asked a moment ago: a shell asks at each press of a key. The
// cache is a file that may be missing or hold anything.
func (c *Client) RecentNames(ctx context.Context, cache string, moment time.Duration) ([]string, error) {
	if info, err := os.Stat(cache); err == nil && time.Since(info.ModTime()).Abs() < moment {
		text, err := os.ReadFile(cache)
		home, names, found := strings.Cut(string(text), "\n")
		if err == nil && found && home == c.Home {
			return strings.Fields(names), nil
		}
	}
	names, err := c.Names(ctx)
	if err == nil {
		remember(cache, c.Home+"\n"+strings.Join(names, "\n")+"\n")
	}
	return names, err
}

// remember puts the file in its place in one go. Where it can't, the next one asks limactl again.
func remember(cache, text string) {
	if os.MkdirAll(filepath.Dir(cache), 0o700) != nil {
		return
	}
	_ = replaceFile(cache, []byte(text))
}

// replaceFile writes a file of mode 0600 whole, or leaves the one that is there.
func replaceFile(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}
