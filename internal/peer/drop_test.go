package peer

import (
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// Each drop is told under its own reason, and goes on being told when the
// member begins anew as another incarnation.
func TestDropped(t *testing.T) {
	g := newGroup(t, 1, "ana", "bia", "caio")
	ana := g.ms[0]
	g.ms[1].dead, g.ms[2].dead = true, true
	counter := uint32(0)
	const stranger = 99
	say := func(from uint64, m wire.Message) {
		b, err := wire.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		counter++
		ana.input(func(c *Core, now Now) {
			c.Receive(now, Packet{From: "nowhere", Incarnation: from, Counter: counter, Payload: b})
		})
	}
	hello := func(of *mem, name string) wire.Hello {
		h := wire.Hello{Name: name, Signature: seal.SignHello(of.key(), turn.GroupID{9}, stranger, name)}
		copy(h.Key[:], of.key()[32:])
		return h
	}
	piece := func(number uint32, index, count uint8) wire.Frag {
		return wire.Frag{Number: number, Index: index, Count: count, Data: make([]byte, wire.MaxFragData)}
	}
	turns := func(n int) (m wire.Turns) {
		for range n {
			m.Turns = append(m.Turns, []byte("no turn"))
		}
		return m
	}
	want := map[Reason]uint64{}
	check := func(when string) {
		t.Helper()
		ana.events = nil
		ana.input(func(c *Core, now Now) { c.Peers(now, 1, []Drop{{DropForged, 5}}) })
		want[DropForged] = 5
		for _, e := range ana.events {
			r, ok := e.(Result)
			if !ok {
				continue
			}
			for _, d := range r.Dropped {
				if d.Count != want[d.Reason] {
					t.Errorf("%s: %d %s, want %d", when, d.Count, d.Reason, want[d.Reason])
				}
			}
			return
		}
		t.Errorf("%s: no answer", when)
	}
	check("at the start")

	ana.input(func(c *Core, now Now) { c.want(now, turn.ID{1}, stranger) })
	g.pass(10 * time.Second)
	want[DropWantGivenUp] = 1
	check("after a turn that nobody gave")

	for range 2 {
		say(stranger, wire.Release{TS: 1})
	}
	want[DropNoHello] = 2
	forged := hello(g.ms[1], "bia")
	forged.Signature[0] ^= 1
	for range 3 {
		say(stranger, forged)
	}
	want[DropBadHello] = 3
	say(stranger, hello(g.ms[1], "bia"))
	for range 4 {
		say(stranger, hello(g.ms[2], "caio"))
	}
	want[DropOtherKey] = 4
	for range 5 {
		say(stranger, wire.Release{TS: 1 << 53})
	}
	want[DropAhead] = 5
	say(stranger, turns(6))
	want[DropBadTurn] = 6
	for range 8 {
		say(stranger, piece(1, 0, 3))
	}
	want[DropPieceRepeated] = 7
	for range 8 {
		say(stranger, piece(1, 1, 4))
	}
	want[DropPieceInconsistent] = 8
	short := piece(1, 1, 3)
	short.Data = short.Data[1:]
	for range 9 {
		ana.core.fragments.Add(ana.time().Boot, stranger, short)
	}
	want[DropPieceMalformed] = 9
	for i := range uint32(wire.MaxPartialsPerSender + 9) {
		say(stranger, piece(2+i, 0, 3))
	}
	want[DropUnfinishedFull] = 10
	for range 11 {
		counter++
		ana.input(func(c *Core, now Now) {
			c.Receive(now, Packet{From: "nowhere", Incarnation: stranger, Counter: counter, Payload: []byte("no message")})
		})
	}
	want[DropUndecodable] = 11
	ids := make([]turn.ID, 0, ana.core.repair.limit+maxBacklog+12)
	for i := range cap(ids) {
		ids = append(ids, turn.ID{byte(i >> 8), byte(i)})
	}
	ana.input(func(c *Core, now Now) {
		for _, id := range ids {
			c.want(now, id, stranger)
		}
	})
	want[DropWantFull] = 12
	for i := range uint64(127 + 13) { // with the stranger, 128 are there
		say(1000+i, wire.Release{TS: 1})
	}
	want[DropTableFull], want[DropNoHello] = 13, want[DropNoHello]+127+13
	check("after much of it")

	g.pass(5 * time.Second)
	want[DropUnfinishedGivenUp] = wire.MaxPartialsPerSender
	check("after some time")

	before := ana.core.self
	ana.shift += time.Minute
	g.pass(time.Second)
	if ana.core.self == before {
		t.Fatal("still the same incarnation")
	}
	want[DropNoHello]++ // the BYE of the incarnation before, heard by multicast
	check("as another incarnation")
	say(stranger, hello(g.ms[1], "bia"))
	say(stranger, hello(g.ms[2], "caio"))
	want[DropOtherKey]++
	check("as another incarnation, after more")
}
