package memnet

import (
	"math/rand/v2"
	"slices"
	"time"
)

// DefaultLimit is how many datagrams may be on their way to one node, unless
// told otherwise.
const DefaultLimit = 4096

// Stats counts datagrams. One that is sent to everybody counts once as sent and
// once for each node in what follows.
type Stats struct {
	Sent       uint64
	Delivered  uint64
	Duplicated uint64 // second copies
	Lost       uint64 // by a fault: Loss or Cut
	Overflowed uint64 // at the limit of the receiver
	Nowhere    uint64 // to a node that does not exist, or no more on arrival
}

// pair names a link.
type pair struct{ from, to string }

// fabric holds the nodes, the links and their faults. It does not lock.
type fabric struct {
	rng    *rand.Rand
	faults Faults         // of links that have none of their own
	links  map[pair]*link // of all addresses that were ever used
	nodes  []string       // sorted, so that a run can be repeated
	stats  Stats
}

func newFabric(rng *rand.Rand) fabric {
	return fabric{rng: rng, links: make(map[pair]*link)}
}

func (f *fabric) has(addr string) bool {
	_, ok := slices.BinarySearch(f.nodes, addr)
	return ok
}

func (f *fabric) add(addr string) {
	if i, ok := slices.BinarySearch(f.nodes, addr); !ok {
		f.nodes = slices.Insert(f.nodes, i, addr)
	}
}

func (f *fabric) remove(addr string) {
	if i, ok := slices.BinarySearch(f.nodes, addr); ok {
		f.nodes = slices.Delete(f.nodes, i, i+1)
	}
}

func (f *fabric) setAll(faults Faults) error {
	if err := faults.Check(); err != nil {
		return err
	}
	f.faults = faults
	for p, l := range f.links {
		if p.from != p.to {
			l.faults = faults
		}
	}
	return nil
}

func (f *fabric) setLink(from, to string, faults Faults) error {
	if err := faults.Check(); err != nil {
		return err
	}
	f.link(from, to).faults = faults
	return nil
}

// link gives the link, which exists from its first use on.
func (f *fabric) link(from, to string) *link {
	p := pair{from, to}
	l := f.links[p]
	if l == nil {
		l = &link{faults: f.faults}
		if from == to {
			l.faults = Faults{}
		}
		f.links[p] = l
	}
	return l
}

// send calls arrive for each copy that arrives somewhere.
func (f *fabric) send(now time.Duration, from, to string, arrive func(to string, at time.Duration)) {
	f.stats.Sent++
	if to == "" {
		for _, n := range f.nodes {
			f.cross(now, from, n, arrive)
		}
		return
	}
	if !f.has(to) {
		f.stats.Nowhere++
		return
	}
	f.cross(now, from, to, arrive)
}

func (f *fabric) cross(now time.Duration, from, to string, arrive func(to string, at time.Duration)) {
	at, copies := f.link(from, to).send(f.rng, now)
	switch copies {
	case 0:
		f.stats.Lost++
	case 2:
		f.stats.Duplicated++
	}
	for _, at := range at[:copies] {
		arrive(to, at)
	}
}
