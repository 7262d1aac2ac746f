package lab

import (
	"context"
	"runtime"
	"sync"
)

// Outcome is what came of one seed.
type Outcome struct {
	Seed uint64
	Result
}

// Many runs n seeds from a first one on, on all processors, and gives the outcomes to
// each in the order of the seeds, from the caller's goroutine. It ends early when ctx
// does, or when each returns false; it tells how many outcomes it gave.
func Many(ctx context.Context, from, n uint64, plan Plan, o Options, each func(Outcome) bool) (done uint64) {
	ctx, stop := context.WithCancel(ctx)
	workers := uint64(runtime.GOMAXPROCS(0))
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	// Worker i runs each workers-th seed, so the outcomes come in order by asking the
	// workers in turn.
	outcomes := make([]chan Outcome, workers)
	for i := range workers {
		outcomes[i] = make(chan Outcome, 16)
		running.Go(func() {
			defer close(outcomes[i])
			for k := i; k < n && ctx.Err() == nil; k += workers {
				out := Outcome{from + k, Run(Generate(from+k, plan), o)}
				select {
				case outcomes[i] <- out:
				case <-ctx.Done():
				}
			}
		})
	}
	for ; done < n; done++ {
		out, ok := <-outcomes[done%workers]
		if !ok || ctx.Err() != nil || !each(out) {
			return done
		}
	}
	return done
}
