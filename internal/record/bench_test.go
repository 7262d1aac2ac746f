package record_test

import (
	"crypto/ed25519"
	"io"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/turn"
)

// long is a chain of turns.
func long(b testing.TB, n int) []*turn.Signed {
	var ts []*turn.Signed
	for i := range n {
		ts = append(ts, say(b, "ana", uint64(i+1), "a line of the usual length, about so", ts[max(0, i-1):]...))
	}
	return ts
}

// BenchmarkVerify10000 verifies a file of 10,000 turns. The metric "x-raw" is how
// many times as long that takes as ed25519.Verify of the same signatures, one after
// the other, in the same run.
func BenchmarkVerify10000(b *testing.B) {
	ts := long(b, 10_000)
	file := write(b, ts)
	var raw time.Duration
	for b.Loop() {
		if r := verify(b, file); !r.Whole() {
			b.Fatalf("%+v", r.Faults)
		}
		b.StopTimer()
		start := time.Now()
		for _, s := range ts {
			id, author, signed := s.ID(), s.Turn().Author, s.Bytes()
			if !ed25519.Verify(author[:], id[:], signed[len(signed)-ed25519.SignatureSize:]) {
				b.Fatal("a signature does not hold")
			}
		}
		raw += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(raw), "x-raw")
	b.ReportMetric(float64(len(file))/10_000, "bytes/turn")
}

func BenchmarkWrite10000(b *testing.B) {
	ts := long(b, 10_000)
	h := header(group, ts, created)
	for b.Loop() {
		if err := record.Write(io.Discard, h, each(ts)); err != nil {
			b.Fatal(err)
		}
	}
}
