package floor

import (
	"cmp"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/broken"
)

// Ask asks for the floor. If the permissions kept from before suffice the
// member enters at once, without a message. While it asks, or holds the floor,
// Ask does nothing; while it is quiet the request waits for the end of that.
func (f *Floor) Ask(now time.Duration) { f.ask(now, false) }

// AskAll asks for the floor and uses no kept permission: every member of the
// view answers anew. It is for a long hold, which should begin with full leases.
func (f *Floor) AskAll(now time.Duration) { f.ask(now, true) }

func (f *Floor) ask(now time.Duration, fresh bool) {
	f.expire(now)
	if f.state != idle {
		return
	}
	f.wanted, f.fresh = true, fresh
	f.advance(now)
}

func (f *Floor) begin(now time.Duration) {
	f.wanted = false
	for m := range f.perms {
		if !f.permits(m, now) {
			f.refused[RefusedLeaseOver]++
		}
		if f.fresh || !f.permits(m, now) {
			delete(f.perms, m)
		}
	}
	f.state, f.ts, f.entry, f.began = asking, f.Stamp(), f.view.hash, now
	f.eligible, f.replies = 0, 0
	clear(f.targets)
	f.forgetWaits()
	if missing := f.Missing(now); len(missing) > 0 {
		f.tell(now, Event{Kind: Requested, Members: missing})
		f.askMissing(now)
	}
}

// askMissing sends the request to those whose permission is missing: to
// everybody when they are more than half.
func (f *Floor) askMissing(now time.Duration) {
	missing := f.Missing(now)
	switch {
	case len(missing) == 0 || f.quiet:
	case 2*len(missing) > f.view.Len()-1:
		f.request(now, nil, missing)
	default:
		f.request(now, missing, missing)
	}
}

// request sends REQ once, under a new number, to these members.
func (f *Floor) request(now time.Duration, to, asked []Member) {
	f.k++
	f.sendings[f.k%sendingsKept] = sending{k: f.k, at: now}
	for _, m := range asked {
		t := f.targets[m]
		t.last = now
		if t.vain++; t.vain == 1 {
			t.since = now
		}
		if t.step == 0 {
			t.step = resendFirst
		} else {
			t.step = min(2*t.step, resendMax)
		}
		f.targets[m] = t
	}
	f.send(Req{TS: f.ts, K: f.k, View: f.entry}, to...)
}

// renews tells whether replies are wanted: while asking, and in a hold that
// may be prolonged.
func (f *Floor) renews() bool {
	switch f.state {
	case asking:
		return !f.quiet
	case holding:
		return !f.stale
	}
	return false
}

// permits is F2 for one member.
func (f *Floor) permits(m Member, now time.Duration) bool {
	p, ok := f.perms[m]
	return ok && (now < p.until || f.without.Has(broken.F2Lease))
}

// due returns when m is to be asked (again) for the present request. Who gave
// neither REP nor WAIT is asked at the normal pace; who gave a fresh WAIT, more
// slowly; who replied, when its reply is over half its lease old. While others
// wait before this member, it asks only the first kind, and of the second the
// one that it waits for: what the rest would say is of use only to who is next.
func (f *Floor) due(m Member, now time.Duration) time.Duration {
	t := f.targets[m]
	again := t.last + t.step
	p, replied := f.perms[m]
	w, waited := f.waits[m]
	switch {
	case f.place > 0 && (replied || waited && m != f.ahead):
		return f.waitsEnd
	case waited && now < w.until:
		pause := resendRest
		if f.place == 0 {
			pause = resendNext
		}
		return min(t.last+pause, max(again, w.until))
	case !replied || now >= p.until:
		return again
	case f.state == holding && !t.soon:
		again = max(again, f.began+resendFirst) // a short hold needs no renewal
	}
	return max(again, p.sent+Lease/2)
}

func (f *Floor) resend(now time.Duration) {
	if !f.renews() {
		return
	}
	if f.state == holding && f.view.Len() == 1 {
		if now >= f.until-Lease/2 { // nobody to ask
			f.until = now + Lease
			f.tell(now, Event{Kind: Renewed, Until: f.until})
		}
		return
	}
	f.rank(now)
	if f.waitsEnd <= now {
		clear(f.waits)
	}
	var due []Member
	for _, m := range f.view.members {
		if m != f.self && now >= f.due(m, now) {
			due = append(due, m)
		}
	}
	if len(due) > 0 {
		f.request(now, due, due)
	}
}

// receiveRep is F2's acceptance: only while asking or holding, with that very
// ts and view hash, and measured from the sending that it answers.
func (f *Floor) receiveRep(now time.Duration, from Member, r Rep) {
	if r.Clock >= MaxTime {
		return
	}
	f.Observe(r.Clock)
	mine := -1
	for i, g := range r.Grants {
		if g.To == f.self || f.without.Has(broken.F9Addressee) {
			mine = i
			break
		}
	}
	if mine < 0 {
		if r.HandOver { // it left, and does not know of this request any more
			f.endWait(now, from)
		}
		return
	}
	g := r.Grants[mine]
	if !f.answers(now, from, r, g) {
		return
	}
	f.endWait(now, from)
	if !r.HandOver || f.state != asking {
		return
	}
	if mine > 0 {
		// The first of the queue is now asked by all that come after it.
		first := r.Grants[0].To
		if first != f.self && f.view.Has(first) && !f.permits(first, now) {
			f.waits[first] = wait{until: now + waitFresh, place: mine - 1, why: WhyHolding}
			f.rank(now)
		}
		return
	}
	for _, m := range f.view.members {
		if w := f.waits[m]; m != f.self && now >= w.until {
			if p, ok := f.perms[m]; !ok || now-p.sent > Lease/2 {
				f.targets[m] = target{soon: f.targets[m].soon} // due now
			}
		}
	}
}

// answers tells whether the reply is to the present request, and takes the
// permission if anything of its lease is left.
func (f *Floor) answers(now time.Duration, from Member, r Rep, g Grant) bool {
	late := f.without.Has(broken.F2NotIdle) || f.without.Has(broken.F2NotIdleHandOver) && r.HandOver
	if f.state == idle && !late || f.state == leaving || g.TS != f.ts && !f.without.Has(broken.F2Tag) {
		f.refused[RefusedLateReply]++
		return false
	}
	if f.state == holding && f.stale {
		return false
	}
	if !f.view.Has(from) {
		return false
	}
	if r.View != f.entry && !f.without.Has(broken.F6ViewHash) && !f.without.Has(broken.F6Membership) {
		f.refused[RefusedOtherView]++
		return false
	}
	s := f.sendings[g.K%sendingsKept]
	if s.k != g.K || g.K == 0 {
		return false // so long ago that its time is forgotten
	}
	if f.without.Has(broken.F2LeaseFromSending) {
		s.at = now
	}
	if now >= s.at+Lease {
		if !f.permits(from, now) {
			delete(f.perms, from)
			f.targets[from] = target{} // due now: it defers no longer
		}
		return true
	}
	f.replies++
	if p, ok := f.perms[from]; ok && p.sent >= s.at {
		return true
	}
	f.perms[from] = permission{sent: s.at, until: s.at + Lease}
	t := target{last: f.targets[from].last}
	if f.state == asking && s.at+Lease-now < leaseLow {
		t = target{soon: true}
	}
	f.targets[from] = t
	if f.state == holding {
		f.prolong(now)
	}
	return true
}

// prolong sets the end of the hold to the first end of a lease.
func (f *Floor) prolong(now time.Duration) {
	until := f.firstEnd(now)
	if until > f.until {
		f.until = until
		f.tell(now, Event{Kind: Renewed, Until: until})
	}
}

func (f *Floor) firstEnd(now time.Duration) time.Duration {
	until := now + Lease
	for _, m := range f.view.members {
		if p, ok := f.perms[m]; ok && !f.without.Has(broken.F2Lease) {
			until = min(until, p.until)
		}
	}
	return until
}

func (f *Floor) receiveWait(now time.Duration, from Member, n uint32, w Wait) {
	if w.TS != f.ts || w.To != f.self.Incarnation || !f.view.Has(from) {
		return
	}
	if f.state == holding {
		f.tell(now, Event{Kind: Waited, Who: from, Why: w.Why, Place: int(w.Place), Left: w.Left})
	}
	if f.state != asking {
		return
	}
	if f.without.Has(broken.F2WaitIsNoReply) {
		f.perms[from] = permission{sent: now, until: now + Lease}
	}
	if f.permits(from, now) {
		return // it has replied since
	}
	t := f.targets[from]
	t.vain = 0
	f.targets[from] = t
	f.waits[from] = wait{n: n, until: now + waitFresh, place: int(w.Place), why: w.Why}
	f.rank(now)
	f.tell(now, Event{Kind: Waited, Who: from, Why: w.Why, Place: int(w.Place), Left: w.Left})
}

// Activity tells what a heartbeat, datagram n of its sender, says of the
// sender's floor: whether it asks or holds, and the time of its request. A
// WAIT ends when its sender is seen to be idle or behind this member.
func (f *Floor) Activity(now time.Duration, from Member, n uint32, isAsking, isHolding bool, ts uint64) {
	if ts >= MaxTime {
		return
	}
	if isAsking {
		f.Observe(ts)
	}
	if w, ok := f.waits[from]; ok && n > w.n {
		behind := isAsking && f.stamp().Before(Stamp{ts, from.Incarnation})
		idle := !isAsking && !isHolding && w.why != WhyGrant // who waits for a grant to end is idle itself
		if idle || behind {
			f.endWait(now, from)
		}
	}
	if t := f.targets[from]; f.state == asking && (isHolding || isAsking && (Stamp{ts, from.Incarnation}).Before(f.stamp())) {
		t.vain = 0 // a WAIT would say no more, and may be lost
		f.targets[from] = t
	}
	f.advance(now)
}

func (f *Floor) endWait(now time.Duration, m Member) {
	if _, ok := f.waits[m]; ok {
		delete(f.waits, m)
		f.rank(now)
	}
}

func (f *Floor) forgetWaits() {
	clear(f.waits)
	f.place, f.ahead, f.waitsEnd = 0, Member{}, 0
}

// rank computes, of the fresh WAITs, how many wait before this member: the most
// that anybody knows of. Who told that is the one that it waits for; the holder
// rather than the first that asks, who tells the same number.
func (f *Floor) rank(now time.Duration) {
	f.place, f.ahead, f.waitsEnd = 0, Member{}, 0
	var best wait
	for m, w := range f.waits {
		if now >= w.until {
			continue
		}
		order := cmp.Or(cmp.Compare(w.place, best.place), cmp.Compare(best.why, w.why), f.ahead.compare(m))
		if f.waitsEnd == 0 || order > 0 {
			f.place, f.ahead, best = w.place, m, w
		}
		f.waitsEnd = max(f.waitsEnd, w.until)
	}
}

// Await tells whether this member lacks something that those who replied have
// seen (their heads). While it does, it does not enter until 50 ms after it
// could have: so that it does not answer what it has not seen, and is not held
// up by what cannot be had.
func (f *Floor) Await(now time.Duration, on bool) {
	f.awaiting = on
	f.advance(now)
}

// tryEnter is entry: F1 to F4, at one moment.
func (f *Floor) tryEnter(now time.Duration) {
	if f.state != asking {
		return
	}
	if !f.mayEnter(now) {
		f.eligible = 0
		return
	}
	if f.awaiting {
		if f.eligible == 0 {
			f.eligible = now
		}
		if now < f.eligible+entryWait {
			return
		}
	}
	kept := len(f.targets) == 0
	f.state, f.stale, f.until, f.began = holding, false, f.firstEnd(now), now
	f.held = f.view
	f.forgetWaits()
	f.tell(now, Event{Kind: Entered, Until: f.until, Kept: kept && f.view.Len() > 1})
}

func (f *Floor) mayEnter(now time.Duration) bool {
	if f.quiet { // F4
		return false
	}
	if f.entry != f.view.hash && !f.without.Has(broken.F1VoidReplies) { // F1
		return false
	}
	if len(f.Outstanding(now)) > 0 && !f.without.Has(broken.F3OwnGrants) { // F3
		f.refused[RefusedOwnGrant]++
		return false
	}
	if f.without.Has(broken.F2AllReplies) && now-f.began > time.Second {
		return true
	}
	if f.without.Has(broken.F2SetOfReplies) && f.replies >= f.view.Len()-1 {
		return true
	}
	for _, m := range f.view.members { // F2
		if m != f.self && !f.permits(m, now) {
			return false
		}
	}
	return true
}

// Leave ends the hold: those that waited are answered, in one message to
// everybody, and the other permissions are kept. It does nothing unless the
// member holds the floor.
func (f *Floor) Leave(now time.Duration) {
	f.expire(now)
	if f.state == holding {
		f.leave(now, false)
		f.advance(now)
	}
}

func (f *Floor) leave(now time.Duration, expired bool) {
	if r := f.handOver(now); len(r.Grants) > 0 {
		f.send(r)
	}
	f.left(now, expired)
}

// HandOver begins to leave: it returns the permissions of all that waited, to
// be sent together with the last thing that is said in the hold. From now on
// the member says nothing more; the hold is over when Left is called, and until
// then every request is deferred. The Rep is good however late it is sent.
func (f *Floor) HandOver(now time.Duration) Rep {
	f.expire(now)
	if f.state != holding {
		return Rep{View: f.view.hash, Clock: f.clock, HandOver: true}
	}
	r := f.handOver(now)
	f.state = leaving
	return r
}

func (f *Floor) handOver(now time.Duration) Rep {
	f.state = idle // for F7: who waits may be answered now
	queue := f.answerable(now)
	if f.without.Has(broken.F7QueueOrder) {
		slices.Reverse(queue)
	}
	f.granted = queue
	return f.grant(queue, now, true)
}

// Left ends the hold that HandOver began. at is a time before the last thing
// said in it left this machine, and not before it was written down. It may be
// earlier than the inputs since; who was deferred meanwhile is answered as of
// the latest of them, so that no permission seems older than it is.
func (f *Floor) Left(at time.Duration) {
	if f.state == leaving {
		f.left(at, at >= f.until)
		if !f.without.Has(broken.F9AnswerTime) {
			at = max(at, f.latest)
		}
		f.advance(at)
	}
}

func (f *Floor) left(at time.Duration, expired bool) {
	stale := f.stale
	f.tell(at, Event{Kind: Left, View: f.entry, Expired: expired, Stale: stale, Members: f.granted})
	f.state, f.stale, f.until, f.granted = idle, false, 0, nil
	if stale { // F10
		f.send(Release{TS: f.ts})
		f.forgetReleased()
	}
}

// Cancel gives the request up (F10): RELEASE to all that were asked. It tells
// whether there was a request.
func (f *Floor) Cancel(now time.Duration) bool {
	if f.wanted {
		f.wanted = false
		f.tell(now, Event{Kind: Cancelled})
		return true
	}
	if f.state != asking {
		return false
	}
	f.state = idle
	f.send(Release{TS: f.ts})
	f.forgetReleased()
	f.forgetWaits()
	f.tell(now, Event{Kind: Cancelled})
	f.advance(now)
	return true
}

// forgetReleased: RELEASE and keeping permissions are exclusive, because who
// gets the RELEASE drops its grant.
func (f *Floor) forgetReleased() {
	if !f.without.Has(broken.F10ForgetOnRelease) {
		clear(f.perms)
	}
}

func (f *Floor) stamp() Stamp { return Stamp{f.ts, f.self.Incarnation} }
