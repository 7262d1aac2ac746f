package member

import (
	"slices"
	"time"
)

// MostOthers bounds the table of others: a full view, and as many again that
// are heard and not in it.
const MostOthers = 2 * MaxMembers

// table holds the others, each at a slot of its own. When it is full, who has
// been dropped for the longest makes room for a newcomer; if all are live, the
// newcomer is ignored.
type table struct {
	byID  map[uint64]*peer
	slots [MostOthers]*peer
	top   int     // no slot from here on was ever taken
	byKey []*peer // those whose hello came, by key, then incarnation
}

func newTable() table { return table{byID: make(map[uint64]*peer, MostOthers)} }

// insert adds an incarnation that is not there. It returns nil if there is no room.
func (t *table) insert(incarnation uint64) *peer {
	slot := slices.Index(t.slots[:], nil)
	if slot < 0 {
		var oldest *peer
		for _, p := range t.slots {
			if !p.live && !p.inView && (oldest == nil || p.sign < oldest.sign) {
				oldest = p
			}
		}
		if oldest == nil {
			return nil
		}
		slot = oldest.slot
		t.remove(oldest)
	}
	p := newPeer(incarnation)
	p.slot = slot
	t.slots[slot] = p
	t.top = max(t.top, slot+1)
	t.byID[incarnation] = p
	return p
}

// used is the slots that may be taken, free ones among them.
func (t *table) used() []*peer { return t.slots[:t.top] }

func (t *table) remove(p *peer) {
	delete(t.byID, p.Incarnation)
	t.slots[p.slot] = nil
	t.byKey = slices.DeleteFunc(t.byKey, func(o *peer) bool { return o == p })
	for _, o := range t.used() {
		if o != nil {
			o.hears.remove(p.slot)
		}
	}
}

// index puts a peer whose key has just become known into the order of keys.
func (t *table) index(p *peer) {
	i, _ := slices.BinarySearchFunc(t.byKey, p, func(a, b *peer) int {
		if a.Less(b.Member) {
			return -1
		}
		return 1
	})
	t.byKey = slices.Insert(t.byKey, i, p)
}

// MostGone bounds how many incarnations that said BYE are remembered. When it
// is full the oldest is forgotten: what was recorded of it can then at most
// keep a place in the table, as it can confirm nobody.
const MostGone = 256

// goneList remembers incarnations that said BYE, which is final.
type goneList struct {
	ring [MostGone]uint64
	set  map[uint64]uint32 // with the counter of the BYE: what is newer shows that it was not its own
	next int               // where the next one goes: once the ring is full, the place of the oldest
}

func (g *goneList) has(incarnation uint64, counter uint32) bool {
	c, ok := g.set[incarnation]
	return ok && counter <= c
}

func (g *goneList) add(incarnation uint64, counter uint32) {
	if c, ok := g.set[incarnation]; ok {
		g.set[incarnation] = max(c, counter)
		return
	}
	if g.set == nil {
		g.set = make(map[uint64]uint32)
	}
	if len(g.set) == MostGone {
		delete(g.set, g.ring[g.next])
	}
	g.ring[g.next] = incarnation
	g.set[incarnation] = counter
	g.next = (g.next + 1) % MostGone
}

// within tells whether now is less than d after t.
func within(now, t, d time.Duration) bool { return now-t < d }

// Sizes tells how many others are in the table, and how many incarnations it remembers
// as gone.
func (m *Membership) Sizes() (others, gone int) { return len(m.others.byID), len(m.gone.set) }
