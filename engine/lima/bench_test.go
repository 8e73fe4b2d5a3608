package lima

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

func BenchmarkArgv(b *testing.B) {
	client := Client{LogLevel: "warn"}
	machine := Machine{Instance: "dvm-app", CPUs: 4, MemoryGiB: "8", DiskGiB: "60", Forwards: Forwards{Pairs: []Pair{{3000, 3000}, {8080, 80}}}}
	b.ReportAllocs()
	for b.Loop() {
		_ = Quote(client.CreateArgs(machine))
		_ = client.sessionArgs("dvm-app")
	}
}

// BenchmarkList reads what limactl says of 32 instances.
func BenchmarkList(b *testing.B) {
	recorded, err := os.ReadFile("limatest/testdata/recorded/02-list-json-running.txt")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := bytes.Cut(recorded, []byte("--- stdout\n"))
	instance, _, _ := bytes.Cut(rest, []byte("\n"))
	answer := bytes.Repeat(append(instance, '\n'), 32)
	b.SetBytes(int64(len(answer)))
	b.ReportAllocs()
	for b.Loop() {
		if found, err := decodeInstances(answer); err != nil || len(found) != 32 {
			b.Fatal(len(found), err)
		}
	}
}

func BenchmarkParseMarker(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := parseMarker("QWERTYUIOPASDFGHJKLZXCVBNM changed 2 0 /home/developer/code/app", "QWERTYUIOPASDFGHJKLZXCVBNM"); !ok {
			b.Fatal("not read")
		}
	}
}

// BenchmarkReadBlocks reads lines as they come from a pipe.
func BenchmarkReadBlocks(b *testing.B) {
	text := strings.Repeat(strings.Repeat("x", 99)+"\n", 10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		readBlocks(strings.NewReader(text), func(block []byte, _ bool) { read += len(block) })
		if read != len(text) {
			b.Fatal(read)
		}
	}
}

func BenchmarkTrailer(b *testing.B) {
	text := bytes.Repeat(append(bytes.Repeat([]byte("x"), 99), '\n'), 300)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newTrailer(io.Discard, "QWERTYUIOPASDFGHJKLZXCVBNM").Write(text); err != nil {
			b.Fatal(err)
		}
	}
}
