package lab

import (
	"bytes"
	"reflect"
	"runtime"
	"sync"
	"testing"

	"github.com/papo-chat/papo/internal/trace"
)

const (
	// sameRuns is how often TestSameTrace runs each schedule, sameBeside how many at once.
	sameRuns   = 20
	sameBeside = 4
)

// traced runs a schedule, and gives its trace as a file.
func traced(t *testing.T, s *Schedule) (Result, []byte) {
	t.Helper()
	var b bytes.Buffer
	w, err := trace.NewWriter(&b, Header(s))
	if err != nil {
		t.Error(err)
	}
	r := Run(s, Options{Trace: func(e trace.Event) {
		if err := w.Write(e); err != nil {
			t.Error(err)
		}
	}})
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	return r, b.Bytes()
}

// someSeeds are the first schedules of as many members or more that are as they should be.
func someSeeds(n, members int, is func(*Schedule) bool) (out []*Schedule) {
	for seed := uint64(0); len(out) < n; seed++ {
		if s := Generate(seed, Plan{}); s.Members >= members && is(s) {
			out = append(out, s)
		}
	}
	return out
}

// The same schedule gives the same trace, byte for byte, on one processor and on many,
// alone and beside others. Whether anybody listens changes nothing.
func TestSameTrace(t *testing.T) {
	quick := func(s *Schedule) bool { return !s.Signed && !s.Saved }
	schedules := append(someSeeds(3, 1, quick), someSeeds(3, 5, quick)...)
	runs := sameRuns
	if testing.Short() {
		schedules, runs = schedules[2:5], sameBeside
	}
	schedules = append(schedules, someSeeds(1, 2, func(s *Schedule) bool { return s.Signed })...)
	schedules = append(schedules, someSeeds(1, 2, func(s *Schedule) bool { return s.Saved })...)
	first := make([]Result, len(schedules))
	files := make([][]byte, len(schedules))
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	for i, s := range schedules {
		first[i], files[i] = traced(t, s)
		if len(files[i]) < 1000 || first[i].Steps == 0 {
			t.Errorf("seed %d: %d bytes of a trace, %d steps", s.Seed, len(files[i]), first[i].Steps)
		}
	}
	runtime.GOMAXPROCS(sameBeside)
	var running sync.WaitGroup
	for range sameBeside {
		running.Go(func() {
			for n := range runs / sameBeside {
				for i, s := range schedules {
					r, file := traced(t, s)
					if at := differ(file, files[i]); at >= 0 {
						t.Errorf("seed %d, run %d: the trace is another one from byte %d on: %q", s.Seed, n, at, file[max(0, at-200):min(len(file), at+100)])
						return
					}
					if !reflect.DeepEqual(r, first[i]) {
						t.Errorf("seed %d, run %d: %+v, and it was %+v", s.Seed, n, r, first[i])
					}
				}
			}
		})
	}
	for i, s := range schedules {
		if r := Run(s, Options{}); !reflect.DeepEqual(r, first[i]) {
			t.Errorf("seed %d: %+v without a trace, and %+v with one", s.Seed, r, first[i])
		}
	}
	running.Wait()
}

// differ gives where two files differ first; -1: nowhere.
func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
