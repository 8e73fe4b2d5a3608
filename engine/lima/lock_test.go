package lima

import (
	"context"
	"os/exec"
	"testing"
	"time"
)

// TestOrphanThatNobodyReaps: a limactl that has ended is not waited for, though its number is still there.
func TestOrphanThatNobodyReaps(t *testing.T) {
	cmd := exec.Command("sleep", "0.3")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }() // only now it is reaped
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	waits := false
	if err := awaitOrphan(ctx, &Holder{PID: cmd.Process.Pid, Command: "sleep 0.3"}, func(Holder) { waits = true }); err != nil {
		t.Error(err)
	}
	if !waits {
		t.Error("it was not waited for while it ran")
	}
}
