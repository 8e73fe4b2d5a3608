package steps

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dvm/config"
	"dvm/engine"
	"dvm/engine/lima"
)

const (
	bootWithin  = 10 * time.Minute // as long as limactl itself waits
	flushWithin = 10 * time.Second
	// An instance is broken when it is so three times over five seconds: list says so too while a start is under way.
	brokenLooks = 3
	brokenPause = 2500 * time.Millisecond

	// writtenPause is what limactl may take to write a configuration.
	writtenPause = 250 * time.Millisecond
)

// instance is the step that makes the VM's Lima instance exist and run. Where the instance seems to run, its check
// connects the guest session beside the list, for the guest steps to use.
type instance struct {
	vm      config.VM
	lima    *lima.Client
	roster  *lima.Roster    // answers the first look
	observe engine.Observer // may be called by another goroutine, until Apply ends
	warned  map[string]bool
	session *lima.Session // connected and unused, or nil
	created bool
	planned bool   // nothing is applied, so what would keep the step from it is looked for by the check
	away    string // why nothing can be run in it, or empty
}

const instanceStep = "instance"

func (s *instance) Name() string { return instanceStep }

func (s *instance) waiting(why string) { tell(s.observe, engine.Waiting, why) }

func (s *instance) doing(what string) { tell(s.observe, engine.Doing, what) }

// tell says what is waited for before something is done to an instance, or what is done.
func tell(observe engine.Observer, state engine.State, why string) {
	observe(engine.Event{Step: instanceStep, State: state, Why: why})
}

// Check leaves a session open only where the guest can be reached.
func (s *instance) Check(ctx context.Context) (engine.Finding, error) {
	exists, err := s.lima.Exists(s.vm.Instance)
	if err != nil {
		return engine.Finding{}, err
	}
	if !exists {
		return s.missing()
	}
	if s.lima.Alive(s.vm.Instance) {
		if s.session, err = s.lima.Connect(s.vm.Instance); err != nil {
			return engine.Finding{}, err
		}
	}
	found, err := s.look(ctx)
	if err != nil || s.away != "" {
		s.disconnect()
	}
	return found, err
}

const newVM = "the VM is new"

// missing is the finding of a VM that has to be made. One that would boot with directories of the host is not.
func (s *instance) missing() (engine.Finding, error) {
	if files, _ := s.lima.MountingFiles(); len(files) > 0 {
		return engine.Finding{}, engine.Advise(fmt.Errorf("%s would have directories of the host mounted, from %s", s.vm.Instance, files[0]),
			"take the mounts out of that file, then: %s", s.vm.SyncCommand())
	}
	s.away = newVM
	pairs := machine(s.vm).Forwards.Pairs
	s.shadowed(pairs)
	s.conflicts(pairs, noPair)
	size := fmt.Sprintf("%d CPUs, %s GiB memory, %s GiB disk", s.vm.CPUs, s.vm.Memory, s.vm.Disk)
	return engine.Finding{Change: true, Why: "create: " + size, From: "no VM", To: size}, nil
}

func (s *instance) look(ctx context.Context) (engine.Finding, error) {
	found, err := s.find(ctx)
	if err == nil && found != nil && !whole(found) {
		if err = pause(ctx, writtenPause); err == nil {
			found, err = s.find(ctx)
		}
	}
	if err != nil {
		return engine.Finding{}, err
	}
	if found == nil {
		return s.missing()
	}
	if err := s.refuse(found); err != nil {
		return engine.Finding{}, err
	}
	a, err := s.adjustment(found)
	if err != nil {
		return engine.Finding{}, err
	}
	s.report(a, found.Status == lima.Running)
	if have := containerdOf(found.Config); s.vm.Containerd != "" && have != s.vm.Containerd {
		s.warn(fmt.Sprintf("containerd %s, and %s wants %s; it stays as it was made", have, s.vm.Given.Containerd, s.vm.Containerd), "")
	}
	switch {
	case found.Status == lima.Stopped:
		return s.absent(a, "start: it is stopped", "stopped"), nil
	case found.Status == lima.Broken:
		return s.absent(a, "repair: Lima says that it is broken", "broken"), nil
	case !s.lima.Booted(s.vm.Instance):
		return s.absent(a, "wait: it boots", "booting"), nil
	}
	s.away = ""
	s.conflicts(a.added(), a.hasPort)
	if a.restart && s.planned {
		s.disconnect() // or the session would be work
		err = s.idle(ctx)
	}
	return s.adjusting(a), err
}

// absent is the finding of a VM that has to be made to run first.
func (s *instance) absent(a adjustment, why, is string) engine.Finding {
	s.away = "the VM is " + is
	found := engine.Finding{Change: true, Why: why, From: is, To: "running"}
	if is == "booting" {
		return found // what it is to have is looked at once it runs
	}
	// What is left of a broken one may still hold its ports.
	s.conflicts(a.want.Pairs, func(lima.Pair) bool { return is == "broken" })
	if from := a.from(s.vm.Resize); from != "" {
		to := a.to(s.vm.Resize)
		found.Why += "; " + from + " -> " + to
		found.From += ", " + from
		found.To += ", " + to
	}
	return found
}

// find asks the roster at the first look, and limactl from then on.
func (s *instance) find(ctx context.Context) (*lima.Instance, error) {
	if roster := s.roster; roster != nil {
		s.roster = nil
		return roster.Find(ctx, s.lima, s.vm.Instance)
	}
	return s.lima.Find(ctx, s.vm.Instance)
}

// whole tells a configuration from what a list may meet of one while limactl writes it anew: for another dvm, or for one that
// was killed.
func whole(found *lima.Instance) bool {
	return found.Status != "" && found.Config != nil && found.Config.Fedora()
}

// unreadable is what is wrong with an instance that has no status. Lima does not know then what of it runs, and can end none of it.
func unreadable(client *lima.Client, instance string) error {
	file := client.Dir(instance) + "/lima.yaml"
	err := engine.Advise(fmt.Errorf("%s: Lima can't read %s", instance, file), "to see in which line: limactl list %s", instance)
	return engine.Advise(err, "to fix it: ${EDITOR:-vi} %s", lima.Quote([]string{file}))
}

// refuse names what must not be provisioned.
func (s *instance) refuse(found *lima.Instance) error {
	name := s.vm.Instance
	switch found.Status {
	case lima.Running, lima.Stopped, lima.Broken:
	case "":
		return unreadable(s.lima, name)
	default:
		return engine.Advise(fmt.Errorf("%s has the status %q, which dvm does not know", name, found.Status), "limactl list %s", name)
	}
	if found.Config == nil {
		return noConfig(s.lima, name)
	}
	if len(found.Config.Mounts) > 0 {
		mounts := make([]string, len(found.Config.Mounts))
		for i, mount := range found.Config.Mounts {
			mounts[i] = mount.Location
		}
		return engine.Advise(fmt.Errorf("%s has directories of the host mounted (%s), from %s", name, lima.Quote(mounts),
			s.lima.MountedBy(name)), "take the mounts out of that file, then: dvm stop %s; %s", s.vm.Name, s.vm.SyncCommand())
	}
	if !found.Config.Fedora() {
		return fmt.Errorf("%s was not made from a Fedora image, so it is left alone; a VM of dvm's takes another name", name)
	}
	return nil
}

// noConfig is an instance of which limactl can do nothing. Its directory may hold all of a VM but that file.
func noConfig(client *lima.Client, name string) error {
	dir := client.Dir(name)
	err := fmt.Errorf("%s is broken: %s has no lima.yaml that Lima can read", name, dir)
	if client.Alive(name) || client.HasDisk(name) {
		return engine.Advise(err, "put lima.yaml back; all else of the VM is there: ls -la %s", lima.Quote([]string{dir}))
	}
	err = engine.Advise(err, "to see what is in it: ls -la %s", lima.Quote([]string{dir}))
	return engine.Advise(err, "where nothing in it is of use: rm -r %s", lima.Quote([]string{dir}))
}

// Apply looks again once it holds the lock: between the check and the lock, another dvm may have acted.
func (s *instance) Apply(ctx context.Context) (err error) {
	s.disconnect()
	lock, err := startLock(ctx, s.lima, s.vm, s.observe)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	exists, err := s.lima.Exists(s.vm.Instance)
	if err != nil {
		return err
	}
	if !exists {
		s.created = true
		return s.unfinished(ctx, s.watched(func() error { return s.lima.Create(ctx, lock, machine(s.vm)) }))
	}
	found, err := s.settled(ctx)
	switch {
	case err != nil:
		return err
	case found == nil:
		return fmt.Errorf("%s came and went while dvm looked", s.vm.Instance)
	}
	if err := s.refuse(found); err != nil {
		return err
	}
	return s.bringUp(ctx, lock, found)
}

// bringUp makes an instance run, with the configuration that is asked for.
func (s *instance) bringUp(ctx context.Context, lock *lima.Lock, found *lima.Instance) error {
	if found.Status == lima.Running {
		boot := func() error { return s.lima.AwaitBoot(ctx, s.vm.Instance, bootWithin) }
		if err := s.unfinished(ctx, s.watched(boot)); err != nil {
			return err
		}
	}
	a, err := s.adjustment(found)
	if err != nil {
		return err
	}
	switch {
	case found.Status == lima.Broken:
		// What the guest has in memory is worth a try; whether it worked can't be told, and nothing else can be done.
		_ = s.lima.Flush(ctx, s.vm.Instance, flushWithin)
		err = s.lima.StopForce(ctx, lock, s.vm.Instance)
	case a.restart:
		if err = s.idle(ctx); err == nil {
			err = s.lima.Stop(ctx, lock, s.vm.Instance)
		}
	case found.Status == lima.Running:
		return s.amend(ctx, lock, a)
	}
	if err == nil {
		err = s.start(ctx, lock, a)
	}
	return err
}

// start starts a stopped instance, once its configuration is the one that is asked for.
func (s *instance) start(ctx context.Context, lock *lima.Lock, a adjustment) error {
	if err := s.edit(ctx, lock, a); err != nil {
		return err
	}
	if err := s.watched(func() error { return s.lima.Start(ctx, lock, s.vm.Instance) }); err != nil {
		return s.unfinished(ctx, err)
	}
	return s.unfinished(ctx, s.lima.AwaitBoot(ctx, s.vm.Instance, bootWithin))
}

// watched runs what makes an instance boot, and tells meanwhile what Lima does.
func (s *instance) watched(start func() error) error {
	stop := s.lima.Watch(s.vm.Instance, s.doing)
	defer stop()
	return start()
}

// settled is what limactl says of the instance, once it no longer says Broken or has said so long enough.
func (s *instance) settled(ctx context.Context) (found *lima.Instance, err error) {
	for look := 1; ; look++ {
		found, err = s.lima.Find(ctx, s.vm.Instance)
		if err != nil || found == nil || found.Status != lima.Broken || found.Config == nil || look == brokenLooks {
			return found, err
		}
		if look == 1 {
			s.waiting("to see whether it stays broken")
		}
		if err := pause(ctx, brokenPause); err != nil {
			return nil, err
		}
	}
}

// pause waits, and fails with the cause where ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// connect gives the session that the check opened, or a new one.
func (s *instance) connect() (*lima.Session, error) {
	if s.session == nil {
		return s.lima.Connect(s.vm.Instance)
	}
	session := s.session
	s.session = nil
	return session, nil
}

func (s *instance) disconnect() {
	if s.session != nil {
		s.session.Close()
		s.session = nil
	}
}

// machine is the VM in Lima's words.
func machine(vm config.VM) lima.Machine {
	m := lima.Machine{
		Instance:   vm.Instance,
		CPUs:       vm.CPUs,
		MemoryGiB:  vm.Memory.String(),
		DiskGiB:    vm.Disk.String(),
		Containerd: vm.Containerd,
	}
	m.Forwards = wantedForwards(vm, lima.Forwards{})
	return m
}
