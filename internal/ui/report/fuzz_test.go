package report_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/fuzzloop"
	"github.com/papo-chat/papo/internal/ui/report"
)

var whens = []string{
	"2026-01-02", "15:04", "15:04:05", "2026-01-02T15:04", "2026-01-02 15:04", "2026-01-02T15:04:05", "2026-01-02 15:04:05.678",
	"2026-01-02T15:04:05Z", "2026-01-02T15:04:05.5+05:45", "2h", "3d", "1h30m", "3d 2h ago", "ago", "", "0s", "1.5h", "99999d", "2540400h", "2018-11-04",
	"2018-11-04 00:30", "0000-01-01", "9999-12-31", "24:00", " 10:00 ", "9999-12-31T23:59:59-23:59", "1..5h", "100000d", "99999d 2540400h",
}

// The seeds are read in each way, and not read.
func TestSeeds(t *testing.T) {
	if *update {
		for i, s := range whens {
			fuzzloop.WriteSeed(t, "FuzzWhen", fmt.Sprintf("%02d", i), []byte(s))
		}
	}
	spans := map[time.Duration]int{}
	bad := 0
	for _, b := range fuzzloop.Seeds(t, "FuzzWhen") {
		from, to, ok := report.ParseWhen(string(b), fuzzNow(t))
		if ok {
			spans[to.Sub(from)]++
		} else {
			bad++
		}
	}
	if spans[0] == 0 || spans[time.Millisecond] == 0 || spans[time.Second] == 0 || spans[time.Minute] == 0 || spans[24*time.Hour] == 0 || bad == 0 {
		t.Errorf("so many reach so far: %v, and %d are not read", spans, bad)
	}
}

// fuzzNow is where clocks were put forward at midnight.
func fuzzNow(t testing.TB) time.Time {
	zone, err := time.LoadLocation("America/Sao_Paulo")
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2018, 11, 5, 9, 30, 0, 0, zone)
}

// FuzzWhen takes what a person may type as a time: it does not end before it begins,
// and how long ago something was is not in the future.
func FuzzWhen(f *testing.F) {
	now := fuzzNow(f)
	fuzzloop.Decoder(f, func(t testing.TB, b []byte) {
		from, to, ok := report.ParseWhen(string(b), now)
		if !ok {
			if !from.IsZero() || !to.IsZero() {
				t.Fatalf("%q is not read, and yet %v to %v", b, from, to)
			}
			return
		}
		if to.Before(from) || to.Sub(from) > 25*time.Hour {
			t.Fatalf("%q is from %v to %v", b, from, to)
		}
		if from.Equal(to) && from.After(now) {
			t.Fatalf("%q is at %v, in the future", b, from)
		}
	})
}
