package e2e

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/papo-chat/papo/floor"
)

// stays gives all holds that all processes told, and the views that there can have been.
func (l *lab) stays() ([]hold, viewBook) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []hold
	var members []floor.Member
	for _, p := range l.procs {
		h, err := holds(p.name, p.events, p.killed)
		if err != nil {
			l.t.Error(err)
		}
		all = append(all, h...)
		for _, e := range p.events {
			if e.Type == "ready" {
				members = append(members, e.floorMember(l.t))
			}
		}
	}
	return all, newViewBook(members)
}

// checkFloor checks that no two held the floor at once, and returns how many
// holds there were.
func (l *lab) checkFloor() int {
	l.t.Helper()
	all, book := l.stays()
	if a, b, found := overlap(all, book.shares); found {
		l.t.Errorf("two held the floor at once:\n  %s [%d, %d) view %s\n  %s [%d, %d) view %s", a.who, a.from, a.to, a.view, b.who, b.from, b.to, b.view)
	}
	return len(all)
}

// floorMember is who told a ready event.
func (e event) floorMember(t *testing.T) (m floor.Member) {
	t.Helper()
	key, err := hex.DecodeString(e.Member)
	if err != nil || copy(m.Key[:], key) != len(m.Key) {
		t.Fatalf("no key: %s", e.raw)
	}
	inc, err := hex.DecodeString(e.Incarnation)
	if err != nil || len(inc) != 8 {
		t.Fatalf("no incarnation: %s", e.raw)
	}
	m.Incarnation = binary.BigEndian.Uint64(inc)
	return m
}
