package steps

import (
	"testing"

	"dvm/config"
)

// BenchmarkProgram makes the guest's program of a sync, and says how large it is on the wire.
func BenchmarkProgram(b *testing.B) {
	vm := config.VM{Name: "app", Instance: "dvm-app", User: "developer", SubUIDCount: 65536, SubGIDCount: 65536}
	stage := guest{vm: vm, steps: guestSteps(vm)}
	b.ReportAllocs()
	for b.Loop() {
		b.ReportMetric(float64(len(stage.program("apply"))), "bytes")
	}
}
