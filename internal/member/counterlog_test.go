package member

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestCounterLog compares the log with a list of all that was noted.
func TestCounterLog(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		l := counterLog{every: 10 * time.Millisecond, limit: 1 + r.IntN(20)}
		var all []counterMark
		now, counter := time.Duration(0), uint32(r.IntN(3))
		for range r.IntN(200) {
			now += time.Duration(r.IntN(20)) * time.Millisecond
			counter += uint32(r.IntN(4)) // 0: not higher
			l.note(now, counter)
			if n := len(all); n == 0 || all[n-1].counter < counter {
				all = append(all, counterMark{time: now, counter: counter})
			}
			if len(l.marks) > l.limit {
				t.Fatalf("%d marks, and %d are allowed", len(l.marks), l.limit)
			}
			for range 5 {
				c := uint32(r.IntN(int(counter) + 2))
				noted, passed := never, never // by the list
				for _, m := range all {
					if m.counter <= c {
						noted = m.time
					}
					if m.counter > c && passed == never {
						passed = m.time
					}
				}
				switch got, ok := l.noted(c); {
				case c > counter && ok:
					t.Fatalf("%d was never noted", c)
				case ok && (got > noted || noted-got >= l.every):
					t.Fatalf("%d was noted at %v, and the log says %v", c, noted, got)
				case !ok && c <= counter && noted != never && noted >= l.mark(0).time+l.every:
					t.Fatalf("%d, noted at %v, is forgotten; the oldest mark is of %v", c, noted, l.mark(0).time)
				}
				switch got, ok := l.passed(c); {
				case ok != (passed != never):
					t.Fatalf("%d was passed at %v, and the log says %v", c, passed, ok)
				case ok && (got < passed || c >= l.mark(0).counter && got-passed > l.every):
					t.Fatalf("%d was passed at %v, and the log says %v", c, passed, got)
				}
			}
		}
	}
}
