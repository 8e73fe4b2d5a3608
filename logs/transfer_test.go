package logs

import (
	"testing"
	"time"
)

func TestTransferFrame(t *testing.T) {
	for _, c := range []struct {
		name        string
		done, total int64
		took        time.Duration
		unicode     bool
		want        string
	}{
		{"a quarter", 256 << 20, 1 << 30, 4 * time.Second, false, "####............  25%  256 MiB of 1.0 GiB  64 MiB/s  12 s left  x"},
		{"in Unicode", 1 << 30, 2 << 30, time.Second, true, "████████░░░░░░░░  50%  1.0 GiB of 2.0 GiB  1.0 GiB/s  1 s left  x"},
		{"all", 5, 5, time.Second, false, "################ 100%  5 B of 5 B  5 B/s  0 s left  x"},
		{"more than was known", 9, 5, time.Second, false, "################ 100%  5 B of 5 B  9 B/s  0 s left  x"},
		{"no total", 1500, 0, 2 * time.Second, false, "1.5 KiB  750 B/s  x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			transfer := &Transfer{term: &Terminal{Unicode: c.unicode}, what: "x"}
			transfer.Size(c.total)
			transfer.Count(int(c.done))
			if got := transfer.frame(c.took); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
