package lima

import "sync/atomic"

// flow tells whether what came from the guest is still being passed on: who reads it may take longer than the guest.
type flow struct {
	passing atomic.Bool
	passed  atomic.Int64
	seen    int64 // of passed
}

// pass does what passes something on. It is for one goroutine.
func (f *flow) pass(do func()) {
	f.passing.Store(true)
	do()
	f.passed.Add(1)
	f.passing.Store(false)
}

// moves tells whether something is being passed on, or was since the last call. It is for one goroutine, which may be another.
func (f *flow) moves() bool {
	passed := f.passed.Load()
	moved := f.passing.Load() || passed != f.seen
	f.seen = passed
	return moved
}
