package member

import (
	"sort"
	"time"
)

// counterLog remembers when the counters of one incarnation were sent or
// heard, closely enough to tell fresh from old: one mark per `every`, and at
// most `limit` of them. At the bound the oldest mark is overwritten, and
// counters before it count as old.
type counterLog struct {
	every time.Duration
	limit int

	marks []counterMark // a ring, oldest at head
	head  int
	last  uint32
	any   bool
}

// counterMark stands for all that was noted from time on for `every`: counter
// was the first, at time itself, and highest the last.
type counterMark struct {
	time             time.Duration
	counter, highest uint32
}

// note records that counter was sent or heard now. Counters that do not rise
// change nothing.
func (l *counterLog) note(now time.Duration, counter uint32) {
	if l.any && counter <= l.last {
		return
	}
	l.last, l.any = counter, true
	if n := len(l.marks); n > 0 {
		if newest := &l.marks[(l.head+n-1)%n]; now-newest.time < l.every {
			newest.highest = counter
			return
		}
	}
	m := counterMark{now, counter, counter}
	if len(l.marks) < l.limit {
		l.marks = append(l.marks, m)
		return
	}
	l.marks[l.head] = m
	l.head = (l.head + 1) % l.limit
}

// mark returns the i-th oldest mark.
func (l *counterLog) mark(i int) counterMark {
	return l.marks[(l.head+i)%len(l.marks)]
}

// noted returns a time at or before which counter was noted, at most `every`
// too early. It is false for a counter that never was or is forgotten.
func (l *counterLog) noted(counter uint32) (time.Duration, bool) {
	i := sort.Search(len(l.marks), func(i int) bool { return l.mark(i).counter > counter })
	if i == 0 || counter > l.last {
		return 0, false
	}
	return l.mark(i - 1).time, true
}

// passed returns when a counter above this one was first noted, at most
// `every` too late; where that is forgotten, it goes by the oldest mark. It is
// false if none was.
func (l *counterLog) passed(counter uint32) (time.Duration, bool) {
	i := sort.Search(len(l.marks), func(i int) bool { return l.mark(i).highest > counter })
	if i == len(l.marks) {
		return 0, false
	}
	return l.mark(i).time + l.every, true
}
