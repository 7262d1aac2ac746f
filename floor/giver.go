package floor

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

// receiveReq is F6 to F9.
func (f *Floor) receiveReq(now time.Duration, from Member, r Req) {
	if r.TS >= MaxTime {
		return
	}
	s := f.seenOf(from)
	if s.hasK && r.K <= s.k && !f.without.Has(broken.F9NewestRequest) {
		f.refused[RefusedOldRequest]++
		return // an older or repeated sending
	}
	s.k, s.hasK = max(s.k, r.K), true
	f.seenBy[from] = s

	f.Observe(r.TS) // F6
	if r.TS <= s.released {
		f.refused[RefusedReleased]++
		return
	}
	inside := f.view.Has(from)
	other := inside && r.View != f.view.hash // who is outside has another hash anyway
	if f.quiet || !inside && !f.without.Has(broken.F6Membership) || other && !f.without.Has(broken.F6ViewHash) {
		f.refused[RefusedStranger]++
		if f.quiet {
			f.refused[RefusedQuiet]++
		}
		f.tell(now, Event{Kind: Mismatch, Who: from, WhoTS: r.TS})
		return
	}
	d := f.deferrals[from]
	if r.TS < d.ts {
		return
	}
	again := r.TS == d.ts
	d.ts, d.k = r.TS, r.K
	f.deferrals[from] = d
	if why := f.keepsWaiting(from, now); why != 0 {
		f.refused[deferrals[why]]++
		f.wait(from, now, again)
		return
	}
	f.reply([]Member{from}, now, false)
}

// keepsWaiting gives the reason why the deferred request of m is not answered
// now; 0: it can be.
func (f *Floor) keepsWaiting(m Member, now time.Duration) Why {
	switch f.state { // F7
	case holding, leaving:
		if !f.without.Has(broken.F7DeferWhileHolding) {
			return WhyHolding
		}
	case asking:
		mine := f.stamp()
		if f.without.Has(broken.F7RequestTime) {
			mine.TS = f.clock
		}
		given := f.without.Has(broken.F7TieByID) && f.deferrals[m].ts == f.ts || f.without.Has(broken.F7DeferWhileLower)
		if mine.Before(f.deferredStamp(m)) && !given {
			return WhyAsking
		}
	}
	for o, g := range f.grants { // F8
		if o != m && now < g.until && !f.view.Has(o) && !f.without.Has(broken.F8OutsideGrants) {
			return WhyGrant
		}
	}
	return 0
}

// wait tells that a request is deferred: people at once, the asker when it
// asks again, so that a quick hand-over costs no WAIT.
func (f *Floor) wait(m Member, now time.Duration, again bool) {
	d := f.deferrals[m]
	d.why = f.keepsWaiting(m, now)
	if !again {
		f.tell(now, Event{Kind: Deferred, Who: m, WhoTS: d.ts, Why: d.why})
	} else if d.told == 0 || now-d.told >= waitEvery {
		d.told = now
		w := Wait{To: m.Incarnation, TS: d.ts, Why: d.why, Place: uint16(slices.Index(f.Queue(), m))}
		switch d.why {
		case WhyHolding:
			w.Left = max(0, f.until-now)
		case WhyAsking:
			w.Place++ // this member itself
		case WhyGrant:
			for o, g := range f.grants {
				if !f.view.Has(o) {
					w.Left = max(w.Left, g.until-now)
				}
			}
		}
		f.send(w, m)
	}
	f.deferrals[m] = d
}

func (f *Floor) deferredStamp(m Member) Stamp { return Stamp{f.deferrals[m].ts, m.Incarnation} }

// answerable returns the deferred members that can be answered now, in the
// order of their requests.
func (f *Floor) answerable(now time.Duration) []Member {
	queue := f.queue(func(m Member) bool { return f.keepsWaiting(m, now) == 0 })
	if f.without.Has(broken.F7AllDeferred) {
		half := queue[:0]
		for i, m := range queue {
			if i%2 == 0 {
				half = append(half, m)
			} else {
				delete(f.deferrals, m)
			}
		}
		return half
	}
	return queue
}

// reply answers these deferred members, each by itself.
func (f *Floor) reply(queue []Member, now time.Duration, handOver bool) {
	for _, m := range queue {
		had := f.permits(m, now)
		f.send(f.grant([]Member{m}, now, handOver), m)
		if had && f.state == asking {
			// Its permission is gone, and needed. (If there was none, it has the
			// request already, or is asked again in its time.)
			f.request(now, []Member{m}, []Member{m})
		}
	}
}

// grant is F9: it records the permissions and returns the message that gives
// them. A permission that this member kept of one that it answers is gone.
func (f *Floor) grant(queue []Member, now time.Duration, handOver bool) Rep {
	r := Rep{View: f.view.hash, Clock: f.clock, HandOver: handOver}
	for _, m := range queue {
		d := f.deferrals[m]
		delete(f.deferrals, m)
		if !f.without.Has(broken.F9PermissionGone) {
			delete(f.perms, m)
		}
		g := f.grants[m]
		g.until = now + f.life
		if d.ts > g.ts || f.without.Has(broken.F9NewestRequest) {
			g.ts = d.ts
		}
		f.grants[m] = g
		r.Grants = append(r.Grants, Grant{To: m, TS: d.ts, K: d.k})
		f.tell(now, Event{Kind: Granted, Who: m, WhoTS: d.ts})
	}
	return r
}

// receiveRelease drops the grant and the deferral of that request or an older one.
func (f *Floor) receiveRelease(from Member, r Release) {
	if r.TS >= MaxTime {
		return
	}
	f.Observe(r.TS)
	if !f.without.Has(broken.F10DropOnRelease) {
		f.release(from, r.TS)
	}
}

func (f *Floor) release(from Member, ts uint64) {
	s := f.seenOf(from)
	s.released = max(s.released, ts)
	f.seenBy[from] = s
	if g, ok := f.grants[from]; ok && g.ts <= ts {
		delete(f.grants, from)
	}
	if d, ok := f.deferrals[from]; ok && d.ts <= ts {
		delete(f.deferrals, from)
	}
}
