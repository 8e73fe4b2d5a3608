package config

import "testing"

func BenchmarkLoad(b *testing.B) {
	b.Setenv("DVM_NAME", "app")
	b.Setenv("DVM_PORTS", "3000:3000 8080:80")
	b.Setenv("DVM_MEMORY__WEB", "8")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseCommand(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseCommand([]string{"ssh", "app", "--", "make", "test"}); err != nil {
			b.Fatal(err)
		}
	}
}
