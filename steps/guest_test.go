package steps

import (
	"slices"
	"strings"
	"testing"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

// told takes markers, each `EVENT INDEX`, and gives what a person is told of two steps.
func told(markers string) (ends []string, failed, outOfTurn bool) {
	events := markerEvents{vm: config.VM{Name: "app"}, steps: []guestStep{{name: "user"}, {name: "code"}},
		observe: func(event engine.Event) {
			switch event.State {
			case engine.OK, engine.Changed, engine.Failed:
				ends = append(ends, event.Step+" "+string(event.State))
			}
		}}
	for word := range strings.SplitSeq(markers, ",") {
		event, index, _ := strings.Cut(word, " ")
		if events.report(lima.Marker{Event: event, Index: len(index) - 1}) != nil {
			return ends, events.failed != nil, true
		}
	}
	return ends, events.failed != nil, false
}

// TestMarkersInTurn: steps end in order and once each, whatever the guest says. An index is written in strokes here.
func TestMarkersInTurn(t *testing.T) {
	for _, c := range []struct {
		markers   string
		ends      []string
		failed    bool
		outOfTurn bool
	}{
		{"hello |,begin |,ok |,begin ||,apply ||,changed ||", []string{"user ok", "code changed"}, false, false},
		{"begin |,failed |", []string{"user failed"}, true, false},
		{"begin |,failed |,ok ||", []string{"user failed"}, true, true},
		{"begin |,failed |,ok |", []string{"user failed"}, true, true},
		{"refused |,begin ||", []string{"user failed"}, true, true},
		{"begin |,ok ||", nil, false, true},
		{"begin |,ok |,failed |", []string{"user ok"}, false, true},
		{"begin |,ok |,changed |", []string{"user ok"}, false, true},
		{"ok |,ok ||,ok |||", []string{"user ok", "code ok"}, false, true},
		{"ok ", nil, false, true},
		{"whatever |,change |,ok |", []string{"user ok"}, false, false},
		{"begin |,apply |" + strings.Repeat(",waits |", 600) + ",ok |", []string{"user ok"}, false, false},
		{strings.Repeat("waits |,", 1000) + "ok |", nil, false, true}, // there would be no end to the log of events
	} {
		ends, failed, outOfTurn := told(c.markers)
		if !slices.Equal(ends, c.ends) || failed != c.failed || outOfTurn != c.outOfTurn {
			t.Errorf("%.100s: steps ended as %q, failed: %v, out of turn: %v", c.markers, ends, failed, outOfTurn)
		}
	}
}

// FuzzMarkers: no step ends twice, none before those before it, and none after one that failed.
func FuzzMarkers(f *testing.F) {
	f.Add("begin |,ok |,failed ||,ok ||")
	f.Add("refused ||||||,changed ,locked |")
	f.Fuzz(func(t *testing.T, markers string) {
		ends, failed, _ := told(markers)
		for i, end := range ends {
			step, state, _ := strings.Cut(end, " ")
			if i >= 2 || step != []string{"user", "code"}[i] {
				t.Errorf("%q: steps ended as %q", markers, ends)
			}
			if (state == string(engine.Failed)) != (failed && i == len(ends)-1) {
				t.Errorf("%q: steps ended as %q, failed: %v", markers, ends, failed)
			}
		}
	})
}
