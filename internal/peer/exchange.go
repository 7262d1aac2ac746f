package peer

import (
	"maps"
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/member"
	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// drainMembers carries what the membership wants; it tells whether it wanted anything.
func (c *Core) drainMembers(now Now) bool {
	r := c.members.Ready(now.Boot)
	c.wake = r.Wake
	if r.ViewChanged {
		c.screen.parts(now, c.floor.View(), r.View)
		c.floor.SetView(now.Boot, r.View)
	}
	for _, e := range r.Events {
		c.memberEvent(now, e)
	}
	if r.ViewChanged || len(r.Events) > 0 {
		c.tellJoined(now)
	}
	if r.ViewChanged {
		c.tellStarted(now)
	}
	for _, o := range r.Send {
		switch m := o.Msg.(type) {
		case wire.Hello:
			m.Key, m.Name = c.key, c.cfg.Name
			m.Signature = c.cfg.Signatures.SignHello(c.cfg.Private, c.cfg.Group, c.self.Incarnation, c.cfg.Name)
			c.say(now, o.To, m)
		case wire.Beat:
			c.say(now, o.To, c.beat(now, m))
		default:
			c.say(now, o.To, o.Msg)
		}
	}
	return r.ViewChanged || len(r.Send) > 0 || len(r.Events) > 0
}

// beat adds to a heartbeat what the membership does not know.
func (c *Core) beat(now Now, b wire.Beat) wire.Beat {
	ts, isAsking, isHolding := c.floor.Request()
	switch {
	case isHolding:
		b.Activity, b.TS = wire.Holding, ts
		until, _ := c.floor.Holds(now.Boot)
		if h := c.speaker.hold; h != nil && h.since != 0 {
			until = max(until, h.since+h.limit)
		}
		b.Left = max(0, until-now.Boot)
	case isAsking:
		b.Activity, b.TS = wire.Asking, ts
	}
	b.Heads = c.newestHeads(wire.MaxBeatHeads)
	b.Gaps = c.history.Gaps()
	if s := c.settledStamp(now); s > 0 && !c.history.Partial() {
		b.SettledStamp, b.Settled = s, c.settledPrint(s)
	}
	return b
}

// newestHeads returns at most limit heads, sorted by id.
func (c *Core) newestHeads(limit int) []turn.ID {
	heads := c.history.ParentsForNext()
	for len(heads) > limit {
		low := 0
		for i := range heads {
			a, _ := c.history.Item(heads[i])
			b, _ := c.history.Item(heads[low])
			if a.Less(b) {
				low = i
			}
		}
		heads = append(heads[:low:low], heads[low+1:]...)
	}
	return heads
}

// settledPrint is the fingerprint of all turns with a stamp of at most s. While nobody
// speaks, all heartbeats tell of the same turns.
func (c *Core) settledPrint(s uint64) [16]byte {
	if c.cfg.Without.Has(broken.SettledSame) {
		s--
	}
	p := &c.settled
	if n := c.history.Len(); p.stamp != s || p.turns != n || n == 0 {
		*p = settledPrint{s, n, reconcile.Fingerprint(c.history, 0, c.history.Index(turn.Item{Stamp: s + 1}))}
	}
	return p.print
}

// settledPrint is the latest answer of Core.settledPrint, and what it holds for: the
// record only grows.
type settledPrint struct {
	stamp uint64
	turns int
	print [16]byte
}

// tellPeer tells a change of what is thought of another member. One that has
// left may be in the view of the leader for a moment longer: it is left out.
func (c *Core) tellPeer(now Now, i member.Info, s PeerState, bye bool) {
	c.told = slices.DeleteFunc(slices.Clone(c.floor.View().Members()), func(m floor.Member) bool {
		return s == PeerLeft && m == i.Member
	})
	c.event(Peer{
		At: At(now.Boot), Name: c.names.shown(i.Name, i.Member.Key), Member: i.Member.Key, State: s, Bye: bye, View: c.namesOf(c.told),
	})
}

// tellJoined tells who is in the view for the first time, and who is in it
// again after an event showed a view without it. Those who were there when this
// member began to take part are told by Started. One that was told as having left
// may be in its leader's view for a while: it has to come back first.
func (c *Core) tellJoined(now Now) {
	if !c.started {
		return
	}
	maps.DeleteFunc(c.met, func(m floor.Member, here bool) bool { return !here && !c.floor.View().Has(m) })
	for _, m := range c.floor.View().Members() {
		i, ok := c.members.Lookup(m.Incarnation)
		here, met := c.met[m]
		switch {
		case !ok || m == c.self || met && !here && !c.isHere(m.Incarnation):
		case !here:
			c.met[m] = true
			c.tellPeer(now, i, PeerJoined, false)
		case !slices.Contains(c.told, m):
			c.tellPeer(now, i, PeerLetIn, false)
		}
	}
}

func (c *Core) memberEvent(now Now, e member.Event) {
	switch e := e.(type) {
	case member.Joined:
		c.heardOther = true
		c.names.meet(e.Who.Name, e.Who.Member.Key)
	case member.Suspected:
		if c.met[e.Who.Member] {
			c.tellPeer(now, e.Who, PeerSuspected, false)
		}
	case member.Recovered:
		if c.met[e.Who.Member] {
			c.tellPeer(now, e.Who, PeerRecovered, false)
		}
	case member.Left:
		if c.met[e.Who.Member] {
			c.met[e.Who.Member] = false
			c.tellPeer(now, e.Who, PeerLeft, e.Bye)
		}
		c.memberGone(e.Who.Member.Incarnation)
	case member.LeftOut:
		if e.Self {
			c.event(Notice{At: At(now.Boot), Code: CodeLeftOut})
		} else {
			c.tellPeer(now, e.Who, PeerLeftOut, false)
		}
	case member.LetIn:
		if !e.Self && c.met[e.Who.Member] {
			c.tellPeer(now, e.Who, PeerLetIn, false)
		}
	case member.Full:
		c.floor.Listen(now.Boot, e.On)
		if e.On {
			c.event(Notice{At: At(now.Boot), Code: CodeFull, Count: MaxMembers})
		} else if c.joined != 0 {
			c.joined = now.Boot
			c.tellStarted(now)
		}
	case member.Misused:
		c.doubt.misused = true
	case member.Copied:
		c.event(Error{At: At(now.Boot), Code: CodeCopied})
		c.ending.exit(c, now, 1)
	}
}

// drainFloor carries what the floor wants; it tells whether it wanted anything.
func (c *Core) drainFloor(now Now) bool {
	r := c.floor.Ready(now.Boot)
	if r.Wake != 0 && (c.wake == 0 || r.Wake < c.wake) {
		c.wake = r.Wake
	}
	for _, e := range r.Events {
		c.floorEvent(now, e)
	}
	for _, s := range r.Send {
		c.sendFloor(now, s)
	}
	return len(r.Events) > 0 || len(r.Send) > 0
}

func (c *Core) sendFloor(now Now, s floor.Send) {
	var m wire.Message
	var ts uint64
	var k uint32
	var why floor.Why
	var place int
	kind := ""
	switch f := s.Msg.(type) {
	case floor.Req:
		m, kind, ts, k = wire.Req(f), "REQ", f.TS, f.K
	case floor.Rep:
		c.sendRep(now, f, s.To)
		return
	case floor.Wait:
		m, kind, ts, why, place = wire.Wait(f), "WAIT", f.TS, f.Why, int(f.Place)
	case floor.Release:
		m, kind, ts = wire.Release(f), "RELEASE", f.TS
	}
	if s.To == nil {
		c.sentMsg(now, kind, "", ts, k, why, place)
		c.say(now, 0, m)
	}
	for _, to := range s.To {
		c.sentMsg(now, kind, c.nameOf(to), ts, k, why, place)
		c.say(now, to.Incarnation, m)
	}
}

// sendRep sends permissions, with the newest heads so that who enters can see
// what was said before. A hand-over to several goes to everybody.
func (c *Core) sendRep(now Now, r floor.Rep, to []floor.Member) {
	if len(r.Grants) == 0 {
		return
	}
	for _, part := range wire.SplitGrants(c.wireRep(now, r)) {
		if to == nil {
			c.say(now, 0, part)
		}
		for _, m := range to {
			c.say(now, m.Incarnation, part)
		}
	}
}

func (c *Core) wireRep(now Now, r floor.Rep) wire.Rep {
	w := wire.Rep{View: r.View, Clock: r.Clock, HandOver: r.HandOver, Heads: c.newestHeads(wire.MaxRepHeads)}
	for _, g := range r.Grants {
		c.sentMsg(now, "REP", c.nameOf(g.To), g.TS, g.K, 0, 0)
		w.Grants = append(w.Grants, wire.Grant(g))
	}
	return w
}

// floorEvent tells people what happened at the floor, and acts on it.
func (c *Core) floorEvent(now Now, e floor.Event) {
	switch e.Kind {
	case floor.Mismatch:
		c.members.BeatSoon(now.Boot)
		return
	case floor.QuietOver:
		c.members.SetQuiet(now.Boot, false)
		c.quietOver(now)
		return
	case floor.Waited:
		return // told by heardMsg
	}
	out := Floor{
		At: At(e.At), TS: e.TS, Stamp: e.Clock, View: e.View, Until: e.Until, Kept: e.Kept,
		WaitingFor: c.namesOf(c.floor.Missing(now.Boot)), Queue: c.namesOf(c.floor.Queue()), WhoTS: e.WhoTS,
	}
	if e.Who != (floor.Member{}) {
		out.Who = c.nameOf(e.Who)
	}
	switch e.Kind {
	case floor.Requested:
		out.State, out.WaitingFor = FloorRequested, c.namesOf(e.Members)
		c.speaker.asked = e.At
		c.speaker.told = 0
		clear(c.repair.awaited)
		c.floor.Await(now.Boot, false)
	case floor.Deferred:
		out.TS = c.requestTime()
		out.State, out.Why = FloorDeferred, e.Why.String()
	case floor.Granted:
		out.TS = c.requestTime()
		out.State = FloorGrant
	case floor.Entered:
		out.State, out.WaitingFor = FloorGranted, nil
		c.speaker.asked, c.speaker.entered = 0, e.At
		clear(c.repair.awaited)
		c.floor.Await(now.Boot, false)
	case floor.Renewed:
		out.State = FloorRenewed
	case floor.Left:
		out.State, out.Queue = FloorReleased, c.namesOf(e.Members)
		c.event(out)
		c.leftFloor(now, e)
		return
	case floor.Cancelled:
		out.State = FloorCancelled
		c.speaker.asked = 0
	}
	c.event(out)
	if e.Kind == floor.Entered {
		c.entered(now)
	}
}

// requestTime is the time of this member's request or hold; 0: it has none.
func (c *Core) requestTime() uint64 {
	ts, isAsking, isHolding := c.floor.Request()
	if isAsking || isHolding {
		return ts
	}
	return 0
}

// sentMsg and heardMsg tell single messages of the protocol, when asked to.
func (c *Core) sentMsg(now Now, msg, to string, ts uint64, k uint32, why floor.Why, place int) {
	c.message(now, FloorSent, msg, to, ts, k, why, place)
}

func (c *Core) heardMsg(now Now, msg string, from member.Info, ts uint64, k uint32, why floor.Why, place int) {
	if c.verbose {
		c.message(now, FloorReceived, msg, c.nameOf(from.Member), ts, k, why, place)
	}
}

func (c *Core) message(now Now, s FloorState, msg, peer string, ts uint64, k uint32, why floor.Why, place int) {
	if !c.verbose {
		return
	}
	e := Floor{At: At(now.Boot), State: s, Msg: msg, Peer: peer, TS: ts, K: k, Place: place, Stamp: c.floor.Clock(), View: c.floor.View().Hash()}
	if why != 0 {
		e.Why = why.String()
	}
	c.event(e)
}

// memberGone forgets what waits for an incarnation that left.
func (c *Core) memberGone(inc uint64) {
	if s := c.sync.session; s != nil && s.with == inc {
		c.sync.session = nil
	}
}

// earlier returns the earlier of two times of which 0 means never.
func earlier(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
