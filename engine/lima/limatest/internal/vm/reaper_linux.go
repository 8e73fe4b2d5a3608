package vm

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// reaper starts PID 1's children and waits for all there are: also for the orphans, which become children of PID 1 and
// for which nobody else waits.
type reaper struct {
	mu      sync.Mutex
	waiting map[int]chan syscall.WaitStatus
}

func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan syscall.WaitStatus{}}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			r.reap()
		}
	}()
	return r
}

// start runs a program; its status comes over the channel when it has ended.
func (r *reaper) start(path string, argv []string, attr *syscall.ProcAttr) (pid int, status <-chan syscall.WaitStatus, err error) {
	// The lock keeps reap from taking the child's status before anybody waits for it.
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err = syscall.ForkExec(path, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	c := make(chan syscall.WaitStatus, 1)
	r.waiting[pid] = c
	return pid, c, nil
}

func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if c, ok := r.waiting[pid]; ok {
			c <- status
			delete(r.waiting, pid)
		}
	}
}
