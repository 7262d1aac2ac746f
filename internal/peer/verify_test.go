package peer

import (
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// What Verify looked at is not looked at again, and what becomes of a datagram is as
// without it: a forged signature is found, also where the true one is known.
func TestVerifyChangesNothing(t *testing.T) {
	signed := foreign(t, 4, 10)
	forged := append([]byte{}, signed[1]...)
	forged[len(forged)-1] ^= 1
	damaged := append([]byte{}, signed[3]...)
	damaged[len(damaged)-1] ^= 1
	for _, verify := range []bool{false, true} {
		g := newGroup(t, 1, "ana", "bia")
		g.pass(3 * time.Second)
		ana, bia := g.ms[0], g.ms[1]
		var ps []Packet
		for i, turns := range [][][]byte{{signed[0], signed[1]}, {forged, signed[2]}, {damaged}, {signed[0]}} {
			b, err := wire.Append(nil, wire.Turns{Turns: turns})
			if err != nil {
				t.Fatal(err)
			}
			ps = append(ps, Packet{From: ana.name, Incarnation: ana.core.self.Incarnation, Counter: uint32(10_000 + i), Payload: b})
		}
		ps = append(ps, Packet{From: ana.name, Incarnation: ana.core.self.Incarnation, Counter: 10_010, Payload: []byte{byte(wire.KindTurns)}}, Packet{})
		calls := 0
		if verify {
			bia.core.Verify(ps, func(n int, do func(int)) {
				for i := range n {
					do(n - 1 - i)
				}
				calls += n
			})
			if calls != 4 || len(bia.core.verified) != 3 {
				t.Errorf("%d signatures looked at, %d good ones: want 4, 3", calls, len(bia.core.verified))
			}
			for id, s := range bia.core.verified {
				if got, err := bia.core.parse(id, s.Bytes()); got != s || err != nil {
					t.Errorf("a signature is looked at again")
				}
			}
		}
		forgedFirst := []int{1, 0, 2, 3, 4} // the known id comes with another signature first
		for _, i := range forgedFirst {
			bia.input(func(c *Core, now Now) { c.Receive(now, ps[i]) })
		}
		if n, bad := bia.core.History().Len(), bia.core.counts.BadTurn; n != 3 || bad != 2 {
			t.Errorf("verified %v: %d turns are kept and %d bad, want 3 and 2", verify, n, bad)
		}
		for i := range 3 {
			id, err := turn.Claimed(turn.GroupID{9}, signed[i])
			if s := bia.core.History().Get(id); err != nil || s == nil || string(s.Bytes()) != string(signed[i]) {
				t.Errorf("verified %v: turn %d is not there as it was signed", verify, i)
			}
		}
	}
}
