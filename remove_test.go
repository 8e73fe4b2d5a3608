package main

import (
	"bufio"
	"context"
	"io"
	"testing"
)

// TestAnswers: what is typed after a question was given up answers the next one, and each question takes one line.
func TestAnswers(t *testing.T) {
	typed, keys := io.Pipe()
	answers := &answers{from: bufio.NewReader(typed)}
	given, up := context.WithCancel(t.Context())
	up()
	if got, err := answers.next(given); err == nil {
		t.Errorf("a question that was given up is answered with %q", got)
	}
	go func() {
		_, _ = io.WriteString(keys, "web\nlast")
		_ = keys.Close()
	}()
	for _, want := range []string{"web\n", "last", ""} {
		if got, err := answers.next(t.Context()); got != want || err != nil {
			t.Errorf("%q, %v, wanted %q", got, err, want)
		}
	}
}
