package store_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
)

// BenchmarkOpenWithout is a start whose checkpoint was deleted.
func BenchmarkOpenWithout(b *testing.B) {
	for _, n := range []int{20_000, 200_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 20_000 && !*million {
				b.Skip("-million is not set")
			}
			o, _ := big(b, n)
			for b.Loop() {
				b.StopTimer()
				for _, more := range []string{"", "-wal", "-shm"} {
					os.Remove(o.Checkpoint + more)
				}
				debug.FreeOSMemory() // what the preparation took
				os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
				calls := 0
				o.Progress = func(done, total int64) { calls++ }
				b.StartTimer()
				start := time.Now()
				s, r, err := store.Open(o)
				if err != nil || r.Count != n {
					b.Fatalf("%+v %v", r, err)
				}
				took := time.Since(start)
				b.StopTimer()
				status, _ := os.ReadFile("/proc/self/status")
				for line := range strings.Lines(string(status)) {
					if strings.HasPrefix(line, "VmHWM") {
						b.Log(took, line, len(r.New), r.Checkpoint.Filled, calls)
					}
				}
				s.Close()
				b.StartTimer()
			}
		})
	}
}
