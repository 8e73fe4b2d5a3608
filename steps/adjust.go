package steps

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"dvm/engine"
	"dvm/engine/lima"
)

// adjustment is what a sync makes of an instance's drift. Of a stopped one all is written before it starts. In a running one
// pairs of ports can be added; everything else waits for its next start, which DVM_RESTART=1 brings about.
type adjustment struct {
	drift
	edited  bool        // the configuration is not the one that the instance was started with
	opened  []lima.Pair // were added to the running instance, as far as dvm knows
	live    []lima.Pair // are added to the running instance
	blocked []lima.Pair // are to be added, once something else has given the host's port back
	lost    []lima.Pair // were added, and are no longer forwarded
	restart bool        // the sync stops and starts it
}

// adjustment says what a sync makes of an instance as it was found.
func (s *instance) adjustment(found *lima.Instance) (adjustment, error) {
	have, err := s.lima.Forwards(s.vm.Instance)
	if err != nil {
		return adjustment{}, err
	}
	a := adjustment{drift: compare(s.vm, found, have)}
	if found.Status != lima.Running {
		return a, nil
	}
	a.edited = s.lima.EditedSinceStart(s.vm.Instance)
	a.opened = s.lima.Live(s.vm.Instance)
	canForward := s.lima.CanForward(s.vm.Instance)
	for _, pair := range a.added() {
		bySSH := canForward && sshMayListen(pair.Host)
		switch {
		case !a.needsSSH(pair), bySSH && (slices.Contains(a.opened, pair) || freePort(pair.Host)):
			a.live = append(a.live, pair)
		case bySSH && (!a.hasPort(pair) || isForeign(s.lima, s.vm.Instance, pair.Host)):
			a.blocked = append(a.blocked, pair)
		}
	}
	if canForward {
		a.lost = a.closed()
	}
	a.restart = s.vm.Restart && a.waits(s.vm.Resize)
	return a, nil
}

// sshMayListen tells whether ssh can have a port of this host's loopback address. A Mac gives those below 1024 to everybody on all
// addresses together, and on a single one to root alone.
func sshMayListen(port int) bool { return runtime.GOOS != "darwin" || port >= privilegedPorts }

// closed are the pairs of the configuration that dvm had opened and that nobody listens for.
func (a adjustment) closed() (pairs []lima.Pair) {
	for _, pair := range a.opened {
		if slices.Contains(a.have.Pairs, pair) && freePort(pair.Host) {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// needsSSH tells a pair that has to be forwarded from one that Lima forwards by itself, as it does with every listener that
// no other rule is for.
func (d drift) needsSSH(pair lima.Pair) bool {
	return pair.Host != pair.Guest || d.have.Only ||
		slices.ContainsFunc(d.have.Pairs, func(other lima.Pair) bool { return other.Guest == pair.Guest })
}

// hasPort tells whether this VM may have the pair's host port already: from Lima, for another port of the guest, or from a sync
// that was cut short.
func (a adjustment) hasPort(pair lima.Pair) bool {
	sameHost := func(other lima.Pair) bool { return other.Host == pair.Host }
	return !a.needsSSH(pair) || slices.ContainsFunc(a.have.Pairs, sameHost) || slices.ContainsFunc(a.opened, sameHost)
}

// amended are the rules with the pairs that are added to the running instance.
func (a adjustment) amended() lima.Forwards {
	return lima.Forwards{Pairs: slices.Concat(a.have.Pairs, a.live), Only: a.have.Only}
}

// waits tells whether something can't be had without a restart.
func (a adjustment) waits(resize bool) bool {
	return a.edited || len(a.removed())+len(a.reordered()) > 0 || len(a.added()) > len(a.live)+len(a.blocked) || a.have.Only != a.want.Only ||
		resize && len(a.resized()) > 0
}

// adjusting is the finding of an instance that runs.
func (s *instance) adjusting(a adjustment) engine.Finding {
	switch {
	case a.restart:
		from, to := a.from(s.vm.Resize), a.to(s.vm.Resize)
		if from == "" {
			from, to = "an older configuration", "the one in lima.yaml"
		}
		return engine.Finding{Change: true, Why: "restart: " + from + " -> " + to, From: "running, " + from, To: "restarted, " + to}
	case len(a.live) > 0:
		from, to := "ports "+inWords(a.have), "ports "+inWords(a.amended())
		return engine.Finding{Change: true, Why: from + " -> " + to, From: from, To: to}
	case len(a.lost) > 0:
		from := listed(a.lost) + " no longer forwarded"
		return engine.Finding{Change: true, Why: from, From: from, To: "forwarded"}
	}
	return engine.Finding{Why: "running"}
}

// report warns of what a sync leaves as it is, with one hint for all that another could change.
func (s *instance) report(a adjustment, running bool) {
	var left []string
	if running && !a.restart {
		s.shadowed(without(a.have.Pairs, a.opened)) // what dvm has opened leads to the guest until the VM stops
		if waiting := s.awaitsRestart(a); len(waiting) > 0 {
			left = append(left, strings.Join(waiting, "; ")+"; that takes a restart")
		}
		for _, pair := range a.blocked {
			s.warn(pair.String()+" is not yet forwarded", fmt.Sprintf("once port %d of this host is free, run the same command again", pair.Host))
		}
	} else {
		s.shadowed(a.want.Pairs)
	}
	var missing []string // of the variables that would change it
	if !s.vm.Restart {
		missing = append(missing, s.vm.Named.Restart+"=1")
	}
	if !s.vm.Resize && len(a.resized()) > 0 {
		missing = append(missing, s.vm.Named.Resize+"=1")
	}
	for _, size := range a.sizes {
		switch {
		case size.shrinks:
			s.warn(size.String()+"; a disk only grows", "")
		case !s.vm.Resize:
			left = append(left, size.String())
		}
	}
	for i, text := range left {
		hint := ""
		if i == len(left)-1 {
			hint = "run the same command again, with " + strings.Join(missing, " ")
		}
		s.warn(text, hint)
	}
}

// awaitsRestart says what of a running instance waits for its next start.
func (s *instance) awaitsRestart(a adjustment) (waiting []string) {
	if removed := a.removed(); len(removed) > 0 {
		waiting = append(waiting, listed(removed)+" is not in DVM_PORTS, and stays forwarded")
	}
	if added := without(without(a.added(), a.live), a.blocked); len(added) > 0 {
		waiting = append(waiting, listed(added)+" is not yet forwarded")
	}
	if reordered := a.reordered(); len(reordered) > 0 {
		waiting = append(waiting, listed(reordered)+" is not yet the first for that port of the guest")
	}
	switch {
	case a.want.Only && !a.have.Only:
		waiting = append(waiting, "every listener of the guest is forwarded, not DVM_PORTS only")
	case a.have.Only && !a.want.Only:
		waiting = append(waiting, "DVM_PORTS only is forwarded, not every listener of the guest")
	}
	if a.edited {
		waiting = append(waiting, "lima.yaml was written since the VM started, which goes on with what it was started with")
	}
	if s.vm.Resize {
		for _, size := range a.resized() {
			waiting = append(waiting, size.String())
		}
	}
	return waiting
}

// warn says something once in a sync.
func (s *instance) warn(text, hint string) {
	if s.warned[text] {
		return
	}
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	s.warned[text] = true
	s.observe(engine.Event{Step: instanceStep, State: engine.Warning, Why: text, Hint: hint})
}

// edit writes what the variables ask for into the configuration of a stopped instance.
func (s *instance) edit(ctx context.Context, lock *lima.Lock, a adjustment) error {
	edit, changes := a.drift.edit(s.vm.Resize)
	if !changes {
		return nil
	}
	return s.lima.Edit(ctx, lock, s.vm.Instance, edit)
}

// amend adds pairs to a running instance: at once, and in its configuration for the next start.
func (s *instance) amend(ctx context.Context, lock *lima.Lock, a adjustment) error {
	pairs := a.lost
	for _, pair := range a.live {
		if a.needsSSH(pair) {
			pairs = append(pairs, pair)
		}
	}
	if err := s.forward(ctx, pairs); err != nil {
		return err
	}
	// Where that made a dead connection anew, what was open in the old one went with it.
	if err := s.forward(ctx, a.closed()); err != nil {
		return err
	}
	if len(a.live) == 0 {
		return nil
	}
	return s.lima.Amend(ctx, lock, s.vm.Instance, a.amended())
}

func (s *instance) forward(ctx context.Context, pairs []lima.Pair) error {
	for _, pair := range pairs {
		if err := s.lima.Forward(ctx, s.vm.Instance, pair); err != nil {
			if noSpace(err.Error()) {
				return s.wantsRoom(err)
			}
			return engine.Advise(err, "run the same command again after: dvm stop %s", s.vm.Name)
		}
	}
	return nil
}

// What a dvm that was killed had started in the guest takes a moment to end, and is nobody's work.
const (
	workLooks = 3
	workPause = time.Second
)

// idle refuses to go on where a restart would end what somebody runs.
func (s *instance) idle(ctx context.Context) error {
	if s.vm.Force {
		return nil
	}
	hint := fmt.Sprintf("run the same command again after: dvm stop %s", s.vm.Name)
	for look := 1; ; look++ {
		found, err := s.lima.Work(ctx, s.vm.Instance)
		if err != nil {
			return engine.Advise(fmt.Errorf("look for work that a restart would end: %w", err), "%s", hint)
		}
		if found == "" {
			return nil
		}
		found = strings.ReplaceAll(strings.TrimSpace(found), "\n", ", ")
		if look == workLooks {
			return engine.Advise(fmt.Errorf("a restart would end what runs in it: %s", found), "%s", hint)
		}
		if look == 1 {
			s.waiting("to see whether it ends: " + found)
		}
		if err := pause(ctx, workPause); err != nil {
			return err
		}
	}
}
