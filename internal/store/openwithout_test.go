package store_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
)

// BenchmarkOpenWithout is a start whose checkpoint was deleted: all logs are read,
// every signature is verified, and the checkpoint is made. The metric "MB-peak" is
// the most memory that the process had meanwhile, on Linux. More than 20,000 turns
// are for -million only: 1,000,000 take minutes to prepare.
func BenchmarkOpenWithout(b *testing.B) {
	for _, n := range []int{20_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 20_000 && !*million {
				b.Skip("-million is not set")
			}
			o, _ := big(b, n)
			peak := 0
			for b.Loop() {
				b.StopTimer()
				for _, more := range []string{"", "-wal", "-shm"} {
					_ = os.Remove(o.Checkpoint + more) // if it is there
				}
				forgetPeak()
				b.StartTimer()
				s, r, err := store.Open(o)
				if err != nil || r.Count != n || r.Checkpoint.Filled+len(r.New) != n {
					b.Fatalf("%+v %v", r, err)
				}
				b.StopTimer()
				peak = max(peak, peakMB())
				s.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(peak), "MB-peak")
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/turn")
		})
	}
}

// forgetPeak gives memory back that the preparation took, and begins to measure.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // Linux
}

// peakMB is the most memory that was resident; 0: it is not known.
func peakMB() int {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	rest, _, _ = strings.Cut(rest, " kB")
	kB, _ := strconv.Atoi(strings.TrimSpace(rest))
	return kB >> 10
}
