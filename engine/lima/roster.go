package lima

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"time"
)

// Roster is one list that answers for several instances. It is asked for in the background, and answers once it is there.
// It is safe for use by several goroutines.
type Roster struct {
	begun     time.Time
	cancel    context.CancelFunc
	done      chan struct{} // closed once the rest is known
	instances []Instance
	err       error
	said      bytes.Buffer
}

// Ask begins to list the instances named, and none where none is. Close must be called.
func (c *Client) Ask(ctx context.Context, instances []string) *Roster {
	if len(instances) == 0 {
		r := &Roster{cancel: func() {}, done: make(chan struct{})}
		close(r.done)
		return r
	}
	return c.ask(ctx, instances...)
}

// AskAll begins to list all instances. Close must be called.
func (c *Client) AskAll(ctx context.Context) *Roster { return c.ask(ctx) }

func (c *Client) ask(ctx context.Context, instances ...string) *Roster {
	ctx, cancel := context.WithCancel(ctx)
	r := &Roster{begun: time.Now(), cancel: cancel, done: make(chan struct{})}
	asking := *c
	asking.Log = &r.said
	go func() {
		defer close(r.done)
		var answer []byte
		answer, r.err = asking.run(ctx, asking.listArgs(instances...))
		var unreadable error
		if r.instances, unreadable = decodeInstances(answer); r.err == nil {
			r.err = unreadable
		}
	}()
	return r
}

// Close ends a list that nobody waits for any more.
func (r *Roster) Close() {
	r.cancel()
	<-r.done
}

// Names lists the instances, once the list is whole.
func (r *Roster) Names() (names []string, err error) {
	<-r.done
	for _, found := range r.instances {
		names = append(names, found.Name)
	}
	return names, r.err
}

// Find gives what the list says of an instance; limactl's words go to the client's log. Where the list says nothing, as one
// that stumbled over another instance does, or may be out of date, the client asks for that instance alone.
func (r *Roster) Find(ctx context.Context, c *Client, instance string) (*Instance, error) {
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	_, _ = c.Log.Write(r.said.Bytes())
	for _, found := range r.instances {
		if found.Name == instance && c.holds(&found, r.begun) {
			return &found, nil
		}
	}
	return c.Find(ctx, instance)
}

// holds tells whether what was said of an instance is still so: since then it was neither started nor stopped, nor was
// its configuration written. It costs three looks at files.
func (c *Client) holds(said *Instance, since time.Time) bool {
	for _, name := range []string{"ha.pid", "lima.yaml"} {
		if info, err := os.Stat(filepath.Join(c.Dir(said.Name), name)); err == nil && !info.ModTime().Before(since) {
			return false
		}
	}
	return said.Status != Running || c.Alive(said.Name)
}
