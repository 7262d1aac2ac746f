package peer

import (
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// nonsense is a message that decodes and makes no sense, or nearly does.
func nonsense(r *rand.Rand, g *group, to *mem) wire.Message {
	inc := func() uint64 {
		if r.IntN(2) == 0 {
			return g.ms[r.IntN(len(g.ms))].core.self.Incarnation
		}
		return r.Uint64()
	}
	number := func() uint64 {
		top := to.core.history.MaxStamp()
		return []uint64{0, 1, top, top + 1, to.core.floor.Clock(), top + 1<<31, 1<<53 - 1, 1 << 53, 1<<64 - 1, r.Uint64()}[r.IntN(10)]
	}
	var view floor.ViewHash
	if r.IntN(3) > 0 {
		view = to.core.floor.View().Hash()
	}
	ids := func(n int) (out []turn.ID) {
		for range n {
			var id turn.ID
			if h := to.core.history; h.Len() > 0 && r.IntN(2) == 0 {
				id = h.At(r.IntN(h.Len())).ID
			} else {
				id[0], id[1], id[2] = byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())
			}
			out = append(out, id)
		}
		return out
	}
	rep := func() wire.Rep {
		m := wire.Rep{View: view, Clock: number(), HandOver: true, Heads: ids(r.IntN(5))}
		for range r.IntN(9) {
			m.Grants = append(m.Grants, wire.Grant{To: g.ms[r.IntN(len(g.ms))].core.self, TS: number(), K: r.Uint32N(100)})
		}
		return m
	}
	data := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	switch r.IntN(13) {
	case 0:
		m := wire.Beat{
			Interval: time.Duration(r.IntN(60000)) * time.Millisecond, Quiet: r.IntN(2) == 0, Gaps: r.Uint64N(3),
			Activity: wire.Activity(r.IntN(3)), TS: number(), Left: time.Hour, View: view, Leader: inc(),
			Heads: ids(r.IntN(5)), SettledStamp: number(),
		}
		for range r.IntN(8) {
			m.Heard = append(m.Heard, wire.Heard{Incarnation: inc(), Counter: r.Uint32N(1000), InView: r.IntN(2) == 0})
		}
		slices.SortFunc(m.Heard, func(a, b wire.Heard) int {
			if a.Incarnation < b.Incarnation {
				return -1
			}
			return 1
		})
		return m
	case 1:
		return wire.Req{TS: number(), K: r.Uint32N(50), View: view}
	case 2:
		return rep()
	case 3:
		return wire.Wait{To: inc(), TS: number(), Place: uint16(r.Uint32()), Why: floor.Why(1 + r.IntN(3)), Left: time.Hour}
	case 4:
		return wire.Release{TS: number()}
	case 5, 6:
		return wire.Turns{Rep: new(rep()), Turns: [][]byte{wrong(r, ids(r.IntN(9)), number())}}
	case 7:
		return wire.Want{IDs: ids(1 + r.IntN(wire.MaxWant))}
	case 8:
		count := 1 + r.IntN(wire.MaxFragments)
		return wire.Frag{Number: r.Uint32N(20), Index: uint8(r.IntN(count)), Count: uint8(count), Data: data(wire.MaxFragData)}
	case 9:
		return wire.FragWant{Of: inc(), Number: r.Uint32N(20), Missing: 1 + r.Uint64()>>1}
	case 10:
		from := number()
		return wire.Recon{Session: r.Uint32N(9), Round: r.Uint32N(9), Response: r.IntN(2) == 0, From: from, To: from + 1 + number()>>1, Data: data(r.IntN(200))}
	case 11:
		return wire.Ping{Origin: inc(), Target: inc()}
	}
	return wire.Pong{Of: inc(), To: inc(), Counter: r.Uint32()}
}

// wrong is a signed turn with parents and a stamp that no member would choose.
func wrong(r *rand.Rand, parents []turn.ID, stamp uint64) []byte {
	slices.SortFunc(parents, func(a, b turn.ID) int { return slices.Compare(a[:], b[:]) })
	s, err := turn.Sign(turn.GroupID{9}, turn.Turn{
		Version: 1 + r.Uint64N(2), Name: "eve", Stamp: stamp, Parents: slices.Compact(parents[:min(len(parents), turn.MaxParents)]),
		LineIDs: []turn.LineID{{byte(r.Uint32())}}, Texts: []string{"nonsense"},
	}, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		return []byte{1, 2, 3}
	}
	return s.Bytes()
}

// An insider's nonsense makes nobody panic, fills no table beyond its bound, and
// once she is gone the others talk on.
func TestNonsenseOfAnInsider(t *testing.T) {
	for seed := range few(4, 1) {
		g := newGroup(t, seed, "ana", "bia", "caio", "eve")
		r := rand.New(rand.NewPCG(seed, 99))
		g.pass(3 * time.Second)
		eve := g.ms[3]
		for i := range 4000 {
			to := g.ms[r.IntN(3)]
			msg := nonsense(r, g, to)
			if _, err := wire.Append(nil, msg); err == nil { // with numbers of what she sends besides
				to.tell(eve, eve.core.counter+r.Uint32N(5), msg)
			}
			if i%50 == 0 {
				to.say("%d", i)
			}
			g.pass(time.Duration(r.IntN(4)) * time.Millisecond)
		}
		eve.dead = true
		for _, m := range g.ms[:3] {
			c := m.core
			for _, b := range []struct {
				what    string
				n, most int
			}{
				{"awaited", len(c.repair.awaited), maxWanted}, {"wants", len(c.repair.wants), maxWanted},
				{"order", len(c.repair.order), maxWanted}, {"backlog", len(c.repair.backlog), maxBacklog},
				{"queued", len(c.repair.queued), maxBacklog}, {"coming", len(c.repair.coming), maxIncoming},
				{"answers", len(c.repair.answers), answeredKept}, {"contacts", len(c.contacts.by), maxContacts},
				{"served", len(c.sync.served), servedMost}, {"in sync", len(c.sync.inSync), maxContacts + 1},
				{"back-off", len(c.sync.backOff), maxContacts + 1}, {"differs", len(c.sync.differs), maxContacts + 1},
				{"names", len(c.names.first), maxNames}, {"warned", len(c.names.warned), maxNames},
				{"parted", len(c.screen.parted), maxParted + MaxMembers},
			} {
				if b.n > b.most {
					t.Errorf("seed %d: %s: %d %s, the bound is %d", seed, m.name, b.n, b.what, b.most)
				}
			}
		}
		g.pass(30 * time.Second) // what nobody has is given up
		n := len(g.ms[0].texts())
		g.ms[1].say("sense")
		g.pass(5 * time.Second)
		if got := len(g.ms[0].texts()); got != n+1 {
			t.Errorf("seed %d: afterwards ana has %d more lines", seed, got-n)
		}
	}
}

// No single datagram that an insider sends in the name of another's incarnation
// stops that one for good, or those that wait behind it.
func TestOneForgeryStopsNobodyForGood(t *testing.T) {
	for name, forge := range map[string]func(bia *mem) (ahead uint32, m wire.Message){
		"a RELEASE far ahead": func(*mem) (uint32, wire.Message) { return 1, wire.Release{TS: 1 << 30} },
		"a REQ far ahead": func(bia *mem) (uint32, wire.Message) {
			return 1, wire.Req{TS: 1, K: 1<<32 - 1, View: bia.core.floor.View().Hash()}
		},
		"a BYE":               func(*mem) (uint32, wire.Message) { return 1, wire.Bye{} },
		"a counter far ahead": func(*mem) (uint32, wire.Message) { return 1 << 30, wire.Beat{Interval: Beat} },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGroup(t, 1, "ana", "bia", "caio")
			g.pass(3 * time.Second)
			ana, bia, caio := g.ms[0], g.ms[1], g.ms[2]
			bia.say("x")
			g.pass(time.Second)
			ahead, m := forge(bia)
			at := bia.core.counter + ahead
			for _, to := range []*mem{ana, caio} {
				to.tell(bia, at, m)
				to.window = seal.NewWindow()
				to.window.Accept(bia.core.self.Incarnation, at)
			}
			g.pass(floor.Lease) // she keeps no permission
			bia.say("stuck?")
			g.pass(10 * time.Millisecond)
			caio.say("and me")
			g.pass(15 * time.Second)
			g.converged(3)
			if n := bia.notices(CodeAnew); n != 1 {
				t.Errorf("bia began anew %d times", n)
			}
			if n := ana.notices(CodeAnew) + caio.notices(CodeAnew); n != 0 {
				t.Errorf("the others began anew %d times", n)
			}
		})
	}
}
