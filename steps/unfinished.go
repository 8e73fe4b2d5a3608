package steps

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"dvm/engine"
	"dvm/engine/lima"
)

// unfinished says how to go on from a start that failed. Lima keeps what it has, and a VM that was launched may boot on by
// itself: what there is now tells what helps.
func (s *instance) unfinished(ctx context.Context, err error) error {
	var advised *engine.Advice
	if err == nil || ctx.Err() != nil || errors.As(err, &advised) {
		return err
	}
	url := strings.TrimRight(urls().FindString(err.Error()), ":,;.)")
	switch {
	case noSpace(err.Error()):
		return s.wantsRoom(err)
	case s.lima.Alive(s.vm.Instance) && !s.lima.Booted(s.vm.Instance):
		waits := ""
		if what := s.lima.Awaits(s.vm.Instance); what != "" {
			waits = ", and Lima waits for " + what
		}
		err = fmt.Errorf("%w\n%s boots on%s; its console is in %s", err, s.vm.Instance, waits, s.lima.Console(s.vm.Instance))
		err = engine.Advise(err, "to wait for the boot: %s", s.vm.SyncCommand())
		return engine.Advise(err, "to begin it anew: limactl stop --force %s; %s", s.vm.Instance, s.vm.SyncCommand())
	case s.lima.Alive(s.vm.Instance):
		return engine.Advise(err, "run the same command again: it goes on from there; for the words of the guest: limactl shell --workdir / %s sudo tail /var/log/cloud-init-output.log",
			s.vm.Instance)
	case url != "":
		return engine.Advise(err, "run the same command again once this host gets there: curl -fsSIL %s", lima.Quote([]string{url}))
	}
	return engine.Advise(err, "run the same command again: it goes on from there; for a look at this host first: dvm doctor")
}

// wantsRoom says where to look for it.
func (s *instance) wantsRoom(err error) error {
	return engine.Advise(err, "run the same command again once there is room: df -h %s ~", lima.Quote([]string{s.lima.Home}))
}

// noSpace tells whether the words are those of a system whose disk is full, which are the same wherever a C library or Go
// says them.
func noSpace(words string) bool {
	return strings.Contains(strings.ToLower(words), syscall.ENOSPC.Error())
}

// urls finds what limactl could not fetch.
var urls = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("https?://[^\\s\"'`]+") })
