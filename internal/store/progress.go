package store

import "time"

// progressEvery is how often progress is told at most.
const progressEvery = 100 * time.Millisecond

// progress tells how far long work is. The zero value tells nobody.
type progress struct {
	tell        func(done, total int64)
	done, total int64
	last        time.Time
}

// begin begins a piece of work.
func (p *progress) begin(total int64) { p.done, p.total = 0, total }

// add tells that n more are done.
func (p *progress) add(n int64) {
	p.done += n
	if p.tell == nil || p.done < p.total && time.Since(p.last) < progressEvery {
		return
	}
	p.tell(p.done, p.total)
	p.last = time.Now()
}
