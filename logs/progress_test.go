package logs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dvm/engine"
)

// show is a sync of two VMs up to a moment, on a terminal of a size, and what it shows then.
func show(t *testing.T, columns, rows int, unicode, animate bool, stateDir string) string {
	var out strings.Builder
	now := time.Unix(0, 0)
	term := newTerminal(&out, animate)
	term.Unicode, term.Now = unicode, func() time.Time { return now }
	term.size = func() (int, int) { return columns, rows }
	app, web := &Progress{term: term, vm: "app", stateDir: stateDir}, &Progress{term: term, vm: "web", stateDir: stateDir}
	var appNow, webNow running
	frame := func() {
		for _, p := range []struct {
			*Progress
			running
		}{{app, appNow}, {web, webNow}} {
			if p.step != "" {
				term.Live(p.vm, p.frame(p.running))
			}
		}
	}
	for _, event := range []engine.Event{
		{Step: "instance", State: engine.Started},
		{Step: "instance", State: engine.OK, Why: "running", Took: 100 * time.Millisecond},
		{Step: "user", State: engine.Started},
		{Step: "user", State: engine.OK, Why: "developer, uid 2202", Took: 50 * time.Millisecond},
		{Step: "setup ssh-key", State: engine.OK, Why: "ssh-ed25519 " + strings.Repeat("A", 40)},
		{Step: "code", State: engine.OK, Why: "/home/developer/code/app"},
		{Step: "packages", State: engine.Started},
		{Step: "packages", State: engine.Failed, Took: time.Second, Err: errors.New("exit status 1")},
		{Step: "setup a", State: engine.NotRun},
		{Step: "setup b", State: engine.NotRun},
	} {
		appNow = app.follow(appNow, event)
		frame()
	}
	app.flush()
	webNow = web.follow(webNow, engine.Event{Step: "instance", State: engine.Started})
	webNow = web.follow(webNow, engine.Event{Step: "instance", State: engine.Applying, Why: "create: 4 CPUs, 8 GiB memory, 60 GiB disk"})
	frame()
	now = now.Add(12 * time.Second)
	webNow = web.follow(webNow, engine.Event{Step: "instance", State: engine.Doing, Why: "downloaded 312 MiB of the image"})
	frame()
	return strings.Join(screen(t, out.String()), "\n")
}

func TestFrames(t *testing.T) {
	state := t.TempDir()
	for vm, seconds := range map[string]string{"a": "90", "b": "41", "c": "30"} {
		text := `{"vm":"x","step":"instance","state":"changed","seconds":` + seconds + `,"reason":"create: 2 CPUs"}
{"vm":"x","step":"instance","state":"changed","seconds":7,"reason":"start: it is stopped"}
{"vm":"x","step":"instance","state":"failed","seconds":1,"reason":"create: 2 CPUs"}
no JSON
`
		if err := os.MkdirAll(filepath.Join(state, vm), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(state, vm, eventsLog), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const stays = `✓ app ok: instance, user (0.1 s)
✓ app setup ssh-key ok (0.0 s): ssh-ed25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
✓ app ok: code (0.0 s)
✗ app packages failed (1.0 s)
– app not run: setup a, setup b`
	for _, c := range []struct {
		name             string
		columns, rows    int
		unicode, animate bool
		state            string
		want             string
	}{
		{"80x24", 80, 24, true, true, state, stays + "\n⠋ web instance 12 s: downloaded 312 MiB of the image (usually 41 s)"},
		{"40x20", 40, 20, true, true, state, stays + "\n⠋ web instance 12 s: downloaded 312 MiB"},
		{"no earlier run", 80, 24, true, true, t.TempDir(), stays + "\n⠋ web instance 12 s: downloaded 312 MiB of the image"},
		{"a pipe", 80, 24, true, false, state, stays},
		{"ASCII", 80, 24, false, true, state, strings.NewReplacer("✓", "+", "✗", "x", "–", "-").Replace(stays) +
			"\n| web instance 12 s: downloaded 312 MiB of the image (usually 41 s)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := show(t, c.columns, c.rows, c.unicode, c.animate, c.state); got != c.want {
				t.Errorf("the screen shows\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}
