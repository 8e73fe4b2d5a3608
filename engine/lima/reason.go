package lima

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	reasonLooks = 5 // for the reason of an agent that ends: it tells limactl first, and its log last
	reasonPause = 100 * time.Millisecond
)

// runAgent runs a limactl that acts by the instance's host agent, under its start lock.
func (c *Client) runAgent(ctx context.Context, lock *Lock, instance string, args []string) error {
	begin, before := time.Now(), written(c.agentLog(instance))
	err := c.runUnder(ctx, lock, args)
	var failed *CommandError
	if !errors.As(err, &failed) || written(c.agentLog(instance)).Equal(before) {
		return err
	}
	return c.withReason(instance, begin, err)
}

// agentLog is where the host agent logs, at level debug whatever limactl's own level is.
func (c *Client) agentLog(instance string) string {
	return filepath.Join(c.Dir(instance), "ha.stderr.log")
}

// written is when a file was last written, if ever.
func written(path string) (when time.Time) {
	if info, err := os.Stat(path); err == nil {
		when = info.ModTime()
	}
	return when
}

// withReason puts what the host agent logged last of what went wrong before an error: limactl itself often knows no more
// than that the agent has ended. What it logged before since is another start's.
func (c *Client) withReason(instance string, since time.Time, err error) error {
	for range reasonLooks {
		if reason := lastReason(c.agentLog(instance), since); reason != "" {
			return fmt.Errorf("%s\n%w", reason, err)
		}
		if c.Alive(instance) {
			break
		}
		time.Sleep(reasonPause)
	}
	return err
}

// lastReason gives the host agent's last record of level error or fatal, else the last line that the driver itself wrote,
// which Lima logs as mere debugging.
func lastReason(path string, since time.Time) (reason string) {
	since = since.Truncate(time.Second) // as precise as the records are
	words := ""
	eachRecord(path, func(record agentRecord) {
		if record.Time.Before(since) {
			return
		}
		if record.Error != "" {
			record.Msg += ": " + record.Error
		}
		text := oneLine(record.Msg)
		switch {
		case record.Level == "error" || record.Level == "fatal":
			reason = "the host agent's last error: " + text
		case strings.Contains(text, "[stderr]: "):
			words = "the driver's last words: " + text
		}
	})
	return cmp.Or(reason, words)
}

// Awaits is what the host agent of an instance that boots waits for, in Lima's words, or nothing.
func (c *Client) Awaits(instance string) (what string) {
	eachRecord(c.agentLog(instance), func(record agentRecord) {
		if rest, waits := strings.CutPrefix(record.Msg, "Waiting for "); waits {
			what = oneLine(rest)
		}
	})
	return what
}

func oneLine(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n") // as ssh ends its lines
	return strings.ReplaceAll(text, "\n", "; ")
}

// agentRecord is one line of the host agent's log.
type agentRecord struct {
	Level, Msg, Error string
	Time              time.Time
}

func eachRecord(path string, do func(agentRecord)) {
	_ = eachLine(path, func(line []byte) bool {
		var record agentRecord
		if json.Unmarshal(line, &record) == nil {
			do(record)
		}
		return true
	})
}
