package fuzzloop

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

var (
	executions = flag.Int("fuzzloop", 0, "run each chosen fuzz target of a decoder `N` times on mutants of its seeds, and one of schedules a hundredth of that")
	seed       = flag.Uint64("fuzzseed", 1, "what decides the mutants of -fuzzloop")
	from       = flag.String("fuzzfrom", "", "try the files in this `folder` before all mutants, such as what Go's fuzzer found")
	keep       = flag.Bool("fuzzkeep", false, "with -fuzzloop and -cover, add what reaches a new statement to the seeds in testdata/fuzz")
)

// scheduleShare is how many executions of a decoder stand for one of a schedule.
const scheduleShare = 100

// Decoder runs a target that decodes its input once or a few times. The check fails
// by t.Fatal, t.Error or a panic; it must neither change nor keep the input, and must
// depend on nothing else.
func Decoder(f *testing.F, check func(t testing.TB, b []byte)) {
	run(f, *executions, check)
}

// Schedule is Decoder for a target that takes its input as many steps, or as a whole
// file: a hundredth of the executions is asked of it.
func Schedule(f *testing.F, check func(t testing.TB, b []byte)) {
	run(f, (*executions+scheduleShare-1)/scheduleShare, check)
}

func run(f *testing.F, n int, check func(t testing.TB, b []byte)) {
	seeds := Seeds(f, f.Name())
	if len(seeds) == 0 {
		f.Fatalf("%s has no seeds in testdata/fuzz: it would test nothing", f.Name())
	}
	if n > 0 {
		l := loop{f: f, t: unhelped{f}, check: check, own: len(seeds)}
		if *from != "" {
			found := read(f, *from)
			slices.SortStableFunc(found, func(a, b []byte) int { return cmp.Compare(len(a), len(b)) })
			seeds = append(seeds, found...)
		}
		l.given = len(seeds) - l.own
		most := inputMost
		for _, s := range seeds {
			most = max(most, len(s))
		}
		l.mutator = newMutator(*seed, seeds, most)
		l.run(n)
	}
	f.Fuzz(func(t *testing.T, b []byte) { check(t, b) })
}

// The bounds of a loop.
const (
	// inputMost bounds a mutant, unless a seed is longer: what is beyond is cut off.
	inputMost = 4 << 10
	// poolMost bounds what is mutated: at the bound, what reaches something new is
	// only told and kept.
	poolMost = 1 << 14
	// batch is how many mutants are tried before one looks what they have reached, as
	// that takes longer than most checks: with -fuzzkeep, one.
	batch = 16
	// longest bounds one execution: what takes longer is taken for endless.
	longest = time.Minute
)

// loop runs one target.
type loop struct {
	f     *testing.F
	t     testing.TB
	check func(t testing.TB, b []byte)
	own   int // seeds in testdata, at the front of the pool
	given int // and behind them those of -fuzzfrom
	mutator

	count   atomic.Int64 // executions that were begun
	found   int          // batches that reached something new, the seeds aside
	covered float64
	now     []byte // the input that is being checked; nil: none. It is written before count
}

func (l *loop) run(n int) {
	begun := time.Now()
	defer l.tell(begun)
	done := make(chan struct{})
	defer close(done)
	go l.watch(done)
	for i, s := range l.pool {
		l.try(s)
		if l.reached() && i >= l.own {
			l.keep(s)
		}
	}
	var tried [batch][]byte
	for k := 0; l.count.Load() < int64(n) && !l.f.Failed(); {
		b := l.mutator.next()
		l.try(b)
		tried[k] = append(tried[k][:0], b...)
		if k++; k < batch && !*keep {
			continue
		}
		if l.reached() {
			l.found++
			for _, b := range tried[:k] {
				l.keep(b)
				if len(l.pool) < poolMost {
					l.pool = append(l.pool, bytes.Clone(b))
				}
			}
		}
		k = 0
	}
}

// try checks one input.
func (l *loop) try(b []byte) {
	l.now = b
	l.count.Add(1)
	l.check(l.t, b)
	if !l.f.Failed() {
		l.now = nil // else it stays, for tell
	}
}

// reached tells whether a statement was reached since the last time that never was
// before, as far as go test -cover counts that.
func (l *loop) reached() bool {
	if testing.CoverMode() == "" {
		return false
	}
	before := l.covered
	l.covered = testing.Coverage()
	return l.covered > before
}

// tell ends the loop, also by a panic or t.Fatal in the check.
func (l *loop) tell(begun time.Time) {
	took, count := time.Since(begun), l.count.Load()
	fmt.Printf("fuzzloop: %s: %d executions in %.1f s, %.0f a second; %d seeds, %d new interesting, %.1f %% of the statements\n",
		l.f.Name(), count, took.Seconds(), float64(count)/took.Seconds(), l.own+l.given, l.found, 100*l.covered)
	if l.now != nil {
		fmt.Printf("fuzzloop: %s FAILED; the input is now %s\n", l.f.Name(), write(l.f, l.now))
	}
}

// watch ends the program if one execution does not end.
func (l *loop) watch(done chan struct{}) {
	ticker := time.NewTicker(longest)
	defer ticker.Stop()
	for before := int64(-1); ; {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		count := l.count.Load()
		if count == before {
			panic(fmt.Sprintf("fuzzloop: %s does not come to an end with this input, which is now %s: %q", l.f.Name(), write(l.f, l.now), l.now))
		}
		before = count
	}
}

func (l *loop) keep(b []byte) {
	if *keep {
		write(l.f, b)
	}
}

// unhelped is a test that is not told which functions are helpers: that takes longer
// than most checks.
type unhelped struct{ testing.TB }

func (unhelped) Helper() {}

// write adds a seed, named as Go's own fuzzer names them.
func write(f *testing.F, b []byte) (path string) {
	name := fmt.Sprintf("%x", sha256.Sum256(format(b)))[:16]
	WriteSeed(f, f.Name(), name, b)
	return filepath.Join(folder(f.Name()), name)
}
