package lab

import (
	"sync/atomic"
	"testing"
)

// benchmarks are the kinds of runs that BenchmarkRun measures.
var benchmarks = []struct {
	name string
	plan Plan
}{
	{"mixed", Plan{}}, // what papo lab run --seeds does
	{"members=5/ops=200", Plan{Members: 5, Ops: 200}},                  // with faults
	{"members=5/ops=200/calm", Plan{Members: 5, Ops: 200, Calm: true}}, // without
}

// BenchmarkRun runs seed after seed on as many processors as -cpu says. A run is the
// making of a schedule, the run itself and all checks.
func BenchmarkRun(b *testing.B) {
	for _, bench := range benchmarks {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			var seed, steps, turns atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := uint64(seed.Add(1))
					r := Run(Generate(n, bench.plan), Options{})
					if r.Wrong != nil {
						b.Errorf("seed %d: %v", n, r.Wrong)
					}
					steps.Add(int64(r.Steps))
					turns.Add(int64(r.Turns))
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
			b.ReportMetric(float64(steps.Load())/float64(b.N), "steps/run")
			b.ReportMetric(float64(turns.Load())/float64(b.N), "turns/run")
		})
	}
}
