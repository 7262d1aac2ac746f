package member

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestBeatInterval(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		least time.Duration
		n     int
		want  time.Duration
	}{
		{250 * ms, 1, 250 * ms},
		{250 * ms, 23, 250 * ms},
		{250 * ms, 24, 252 * ms},
		{250 * ms, 64, 672 * ms},
		{250 * ms, 129, MaxBeat},
		{500 * ms, 24, 500 * ms},
	} {
		if got := beatInterval(c.least, c.n); got != c.want {
			t.Errorf("beatInterval(%v, %d) = %v, not %v", c.least, c.n, got, c.want)
		}
	}
	for n := 1; n <= 121; n++ {
		if rate := float64(n) / beatInterval(250*ms, n).Seconds(); rate >= 100 {
			t.Errorf("%d members: %.1f heartbeats a second", n, rate)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	low, high := time.Hour, time.Duration(0)
	for range 10000 {
		d := jitter(r, 250*ms)
		low, high = min(low, d), max(high, d)
	}
	if low < 225*ms || low > 226*ms || high > 275*ms || high < 274*ms {
		t.Errorf("jitter of 250 ms: from %v to %v", low, high)
	}
}
