package logs

import (
	"strings"
	"testing"
)

// printed is what a setup script may print, as much of it as comes at once.
func printed(line string) string {
	return strings.Repeat(line+"\n", (64<<10)/(len(line)+1))
}

func BenchmarkClean(b *testing.B) {
	for name, line := range map[string]string{
		"plain":    strings.Repeat("x", 99),
		"coloured": "\x1b[32m" + strings.Repeat("x", 80) + "\x1b[0m ✓",
	} {
		b.Run(name, func(b *testing.B) {
			lines := printed(line)
			b.SetBytes(int64(len(lines)))
			b.ReportAllocs()
			for b.Loop() {
				if CleanLines(lines) == "" {
					b.Fatal("nothing is left")
				}
			}
		})
	}
}

func BenchmarkMask(b *testing.B) {
	lines := printed("the key is " + strings.Repeat("x", 80) + " not here")
	masking := maskedLines{mask: NewMask([]string{"hunter2", "correct horse battery staple"})}
	b.SetBytes(int64(len(lines)))
	b.ReportAllocs()
	for b.Loop() {
		if masking.add(lines) == "" {
			b.Fatal("nothing is left")
		}
	}
}

func BenchmarkTail(b *testing.B) {
	for name, lines := range map[string]string{
		"short": printed(strings.Repeat("x", 99)),
		"long":  strings.Repeat("x", 128<<10) + "\n", // a part of a line without end
	} {
		b.Run(name, func(b *testing.B) {
			var kept logged
			part := []byte(lines)
			b.SetBytes(int64(len(part)))
			b.ReportAllocs()
			for b.Loop() {
				kept.remember(part)
			}
			if kept.tail == "" {
				b.Fatal("nothing is kept")
			}
		})
	}
}
