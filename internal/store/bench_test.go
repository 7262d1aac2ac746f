package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

// BenchmarkAppend appends a turn of one line to three logs. The metric "x-raw"
// is how many times as long that takes as one write of the same size to a file,
// measured in the same run.
func BenchmarkAppend(b *testing.B) {
	ts := chain(b, group, 1)
	o := options(nil)
	o.Dir = b.TempDir()
	s, _ := open(b, o)
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "raw"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	line := store.AppendLine(nil, ts[0])
	var raw time.Duration
	for b.Loop() {
		if res := s.Append(ts); res.Kept() != 3 {
			b.Fatal(res.Replicas)
		}
		b.StopTimer()
		start := time.Now()
		if _, err := f.Write(line); err != nil {
			b.Fatal(err)
		}
		raw += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(raw), "x-raw")
}

// filled is a directory with n turns in three logs.
func filled(b *testing.B, n int) store.Options {
	o := options(nil)
	o.Dir = b.TempDir()
	s, _ := open(b, o)
	ts := chain(b, group, n)
	s.Append(ts)
	if err := s.SyncAll(); err != nil {
		b.Fatal(err)
	}
	s.Close()
	return o
}

func BenchmarkOpen10000(b *testing.B) {
	o := filled(b, 10_000)
	for b.Loop() {
		s, r, err := store.Open(o)
		if err != nil || len(r.Turns) != 10_000 {
			b.Fatal(err)
		}
		s.Close()
	}
}

// BenchmarkOpenUnsigned10000 is what all but the signatures costs.
func BenchmarkOpenUnsigned10000(b *testing.B) {
	o := filled(b, 10_000)
	o.Parse = turn.ParseTrusted
	for b.Loop() {
		s, _, err := store.Open(o)
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

func BenchmarkCompare10000(b *testing.B) {
	s, _ := open(b, filled(b, 10_000))
	for b.Loop() {
		if reports, _ := s.Compare(); !reports[2].Consistent() {
			b.Fatalf("%+v", reports)
		}
	}
}
