package lab

import (
	"slices"
	"time"
)

// shrinkRuns bounds how many runs Shrink takes.
const shrinkRuns = 2000

// Shrink makes a schedule that breaks a promise as small as it gets while it breaks that
// one: fewer operations (delta debugging; Zeller and Hildebrandt, 2002), fewer members,
// plain surroundings, less time. It gives what to cut and how the run of the rest ends;
// with a schedule that breaks nothing, it gives the zero Cut. progress, if not nil, is
// told after each run how many operations are left.
func Shrink(s *Schedule, o Options, progress func(runs, ops int)) (Cut, Result) {
	o.Trace = nil
	sh := shrinking{s: s, o: o, progress: progress}
	first := Run(s, o)
	if first.Wrong == nil {
		return Cut{}, first
	}
	sh.promise, sh.last = first.Wrong.Promise, first
	c := Cut{}
	for before := -1; sh.runs < shrinkRuns && before != sh.kept; {
		before = sh.kept
		c = sh.round(c)
	}
	return c, sh.last
}

type shrinking struct {
	s        *Schedule
	o        Options
	promise  string
	last     Result
	runs     int
	kept     int // cuts that broke the promise too
	progress func(runs, ops int)
}

// breaks tells whether a cut schedule breaks the promise, and remembers how.
func (sh *shrinking) breaks(c Cut) bool {
	if sh.runs >= shrinkRuns {
		return false
	}
	sh.runs++
	small := c.Apply(sh.s)
	r := Run(small, sh.o)
	ok := r.Wrong != nil && r.Wrong.Promise == sh.promise
	if ok {
		sh.last = r
		sh.kept++
	}
	if sh.progress != nil {
		sh.progress(sh.runs, len(small.Ops))
	}
	return ok
}

// round tries everything once.
func (sh *shrinking) round(c Cut) Cut {
	try := func(d Cut) bool {
		if sh.breaks(d) {
			c = d
			return true
		}
		return false
	}
	for n := 1; c.Members != 1 && n < max(c.Members, sh.s.Members); n++ {
		d := c
		if d.Members = n; c.Members == 0 || n < c.Members {
			if try(d) {
				break
			}
		}
	}
	c = sh.fewerOps(c)
	for _, name := range Plains() {
		if !slices.Contains(c.Plain, name) {
			d := c
			d.Plain = append(slices.Clone(c.Plain), name)
			try(d)
		}
	}
	if !c.Lines {
		d := c
		d.Lines = true
		try(d)
	}
	until := c.Until
	if until == 0 {
		until = sh.s.Until
	}
	for _, share := range []time.Duration{8, 4, 2} {
		d := c
		if d.Until = (until / share).Truncate(time.Millisecond); d.Until > 0 && try(d) {
			break
		}
	}
	return c
}

// fewerOps takes operations out, half of them at first, then less at a time.
func (sh *shrinking) fewerOps(c Cut) Cut {
	small := c.Apply(sh.s)
	var left []int // places of those that are left, in sh.s
	for i, op := range sh.s.Ops {
		if (c.Ops == nil || slices.Contains(c.Ops, i)) && op.M < small.Members && op.At <= small.Until {
			left = append(left, i)
		}
	}
	for size := max(1, len(left)/2); len(left) > 0; {
		removed := false
		for at := 0; at < len(left); {
			rest := slices.Delete(slices.Clone(left), at, min(at+size, len(left)))
			d := c
			if d.Ops = rest; d.Ops == nil {
				d.Ops = []int{}
			}
			if sh.breaks(d) {
				c, left, removed = d, rest, true
			} else {
				at += size
			}
		}
		if size == 1 && !removed {
			break
		}
		if !removed || size > 1 {
			size = max(1, size/2)
		}
		if sh.runs >= shrinkRuns {
			break
		}
	}
	return c
}
