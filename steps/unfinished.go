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
		return engine.Advise(err, "%[1]s waits for the boot; to begin it anew: limactl stop --force %[2]s; %[1]s", s.vm.SyncCommand(), s.vm.Instance)
	case s.lima.Alive(s.vm.Instance):
		return engine.Advise(err, "limactl shell --workdir / %s sudo tail /var/log/cloud-init-output.log shows the guest's side; the same again goes on from there",
			s.vm.Instance)
	case url != "":
		return engine.Advise(err, "curl -fsSIL %s tells whether this host gets there; then the same again", lima.Quote([]string{url}))
	}
	return engine.Advise(err, "dvm doctor looks at this host; the same again goes on from there")
}

// wantsRoom says where to look for it.
func (s *instance) wantsRoom(err error) error {
	return engine.Advise(err, "df -h %s ~ shows where there is no room; then the same again", lima.Quote([]string{s.lima.Home}))
}

// noSpace tells whether the words are those of a system whose disk is full, which are the same wherever a C library or Go
// says them.
func noSpace(words string) bool {
	return strings.Contains(strings.ToLower(words), syscall.ENOSPC.Error())
}

// urls finds what limactl could not fetch.
var urls = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("https?://[^\\s\"'`]+") })
