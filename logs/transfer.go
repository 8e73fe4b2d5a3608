package logs

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

const (
	transferAfter = time.Second // what is over sooner needs no bar
	barWidth      = 16
)

// Transfer shows how far a copy is, on a live line, once it has taken a second. Its methods may be called while it shows.
type Transfer struct {
	term  *Terminal
	what  string
	total atomic.Int64 // bytes; 0 where it is not known
	done  atomic.Int64
	end   chan struct{}
	ended chan struct{}
}

// NewTransfer begins to show; End must be called.
func NewTransfer(term *Terminal, what string) *Transfer {
	t := &Transfer{term: term, what: Clean(what), end: make(chan struct{}), ended: make(chan struct{})}
	go t.show()
	return t
}

// Size is told how many bytes are to come, where that is known.
func (t *Transfer) Size(total int64) { t.total.Store(total) }

// Count is told the bytes of each piece.
func (t *Transfer) Count(n int) { t.done.Add(int64(n)) }

// End removes the line.
func (t *Transfer) End() {
	close(t.end)
	<-t.ended
}

func (t *Transfer) show() {
	defer close(t.ended)
	defer t.term.Live(t.what, "")
	tick := time.NewTicker(frameTime)
	defer tick.Stop()
	var begin time.Time // of the copy itself: a VM may have to boot first
	for {
		select {
		case <-t.end:
			return
		case <-tick.C:
		}
		now := t.term.Now()
		if begin.IsZero() && t.done.Load() > 0 {
			begin = now.Add(-frameTime)
		}
		if took := now.Sub(begin); !begin.IsZero() && took >= transferAfter {
			t.term.Live(t.what, t.frame(took))
		}
	}
}

// frame is `[######      ]  25%  256 MiB of 1.0 GiB  85 MiB/s  9 s left  big.img`, or what of it is known.
func (t *Transfer) frame(took time.Duration) string {
	done, total := t.done.Load(), t.total.Load()
	speed := float64(done) / took.Seconds()
	if total <= 0 {
		return fmt.Sprintf("%s  %s/s  %s", byteText(float64(done)), byteText(speed), t.what)
	}
	done = min(done, total)
	part := float64(done) / float64(total)
	full := strings.Repeat(t.mark("█", "#"), int(part*barWidth))
	empty := strings.Repeat(t.mark("░", "."), barWidth-int(part*barWidth))
	left := time.Duration(float64(total-done) / speed * float64(time.Second))
	return fmt.Sprintf("%s%s %3.0f%%  %s of %s  %s/s  %.0f s left  %s", full, empty, part*100,
		byteText(float64(done)), byteText(float64(total)), byteText(speed), left.Seconds(), t.what)
}

func (t *Transfer) mark(unicode, ascii string) string {
	if t.term.Unicode {
		return unicode
	}
	return ascii
}

// byteText is a size as a person reads it.
func byteText(n float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; n >= 1000 && i < len(units)-1; i++ {
		n /= 1024
	}
	if i == 0 || n >= 9.95 {
		return fmt.Sprintf("%.0f %s", n, units[i])
	}
	return fmt.Sprintf("%.1f %s", n, units[i])
}
