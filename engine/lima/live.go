package lima

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const forwardWithin = 10 * time.Second // for ssh's master to answer

// CanForward tells whether a running instance has the control socket that Forward needs. It costs one stat.
func (c *Client) CanForward(instance string) bool {
	info, err := os.Stat(filepath.Join(c.Dir(instance), "ssh.sock"))
	return err == nil && info.Mode()&os.ModeSocket != 0
}

// Forward opens a port of the host through the connection that Lima has with a running instance, for as long as that lasts.
// One that is open stays so.
func (c *Client) Forward(ctx context.Context, instance string, pair Pair) error {
	// Noted first: what is noted and is not there is opened again.
	before := c.liveNote(instance)
	note := before
	note.Pairs = append(slices.Clip(note.Pairs), pair)
	if err := c.keepLive(instance, note); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, forwardWithin, fmt.Errorf("no answer within %s", forwardWithin))
	defer cancel()
	said, err := c.askMaster(ctx, instance, pair)
	if err != nil && ctx.Err() == nil {
		// A master that was killed has left its socket, which the next ssh that Lima runs puts right.
		if _, shellErr := c.run(ctx, c.shellArgs(instance, "true")); shellErr == nil {
			said, err = c.askMaster(ctx, instance, pair)
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if err != nil {
		err = errors.Join(err, c.keepLive(instance, before))
	}
	if err != nil {
		return fmt.Errorf("forward %s by ssh: %w: %s", pair, err, oneLine(strings.TrimSpace(string(said))))
	}
	return nil
}

// askMaster has the ssh that keeps Lima's connection forward a pair. It gives what was said.
func (c *Client) askMaster(ctx context.Context, instance string, pair Pair) (said []byte, err error) {
	local := fmt.Sprintf("127.0.0.1:%d:127.0.0.1:%d", pair.Host, pair.Guest)
	return c.ssh(ctx, instance, []string{"-O", "forward", "-L", local}).CombinedOutput()
}

// liveNote is what dvm remembers of the forwards that it opened in a running instance. They end with the instance, or with
// Lima's connection, as limactl shell --reconnect ends it; Lima itself knows nothing of them.
type liveNote struct {
	Agent    string // what ha.pid said: the note is of this run of the instance alone
	Pairs    []Pair
	Amending *amending `json:",omitempty"`
}

// Live lists the pairs that were forwarded by ssh since the instance started, whether they still are or not.
func (c *Client) Live(instance string) []Pair { return c.liveNote(instance).Pairs }

func (c *Client) liveNote(instance string) liveNote {
	var note liveNote
	text, err := os.ReadFile(c.livePath(instance))
	if agent := c.agent(instance); err != nil || json.Unmarshal(text, &note) != nil || note.Agent != agent {
		return liveNote{Agent: agent}
	}
	return note
}

func (c *Client) keepLive(instance string, note liveNote) error {
	slices.SortFunc(note.Pairs, func(a, b Pair) int { return a.Host - b.Host })
	note.Pairs = slices.Compact(note.Pairs)
	text, err := json.Marshal(note)
	if err == nil {
		err = replaceFile(c.livePath(instance), text)
	}
	if err != nil {
		return fmt.Errorf("note a forward: %w", err)
	}
	return nil
}

func (c *Client) livePath(instance string) string {
	return filepath.Join(c.lockDir(), instance+".live.json")
}

func (c *Client) agent(instance string) string {
	text, _ := os.ReadFile(filepath.Join(c.Dir(instance), "ha.pid"))
	return string(text)
}
