package story

import (
	"slices"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/trace"
)

type state uint8

const (
	idle state = iota
	asking
	holding
)

// permission is a REP that a member got.
type permission struct {
	at time.Duration
	ts uint64
	ok bool // it counts: the member asked or held with this ts
}

// grant is a permission that a member gave.
type grant struct {
	at time.Duration
	ts uint64 // of the request
}

// member is what is known of one. It is filled from its own events alone.
type member struct {
	incarnation string
	started     time.Duration
	whole       bool // the trace has all of its events since it started
	down        bool // it ended, or stands still

	state    state
	ts       uint64        // of the latest request or hold
	until    time.Duration // holding: the latest end
	view     []string      // nil: not known
	viewHash string

	// What it got and gave, for the reasons. Each has at most maxMembers names: more are
	// not taken, and then whole is false.
	permissions map[string]permission
	strange     map[string]uint64 // permissions of another view: for which request
	given       map[string]grant  // until RELEASE or BYE of that one
	deferred    map[string]bool
}

// of gives what is known of a member. Beyond maxMembers nothing is kept.
func (t *Teller) of(who string) *member {
	m, ok := t.members[who]
	if !ok {
		m = &member{}
		if len(t.members) < maxMembers {
			t.members[who] = m
		}
	}
	return m
}

// viewChanged is F1: all permissions are void, and who was deferred asks again.
func (m *member) viewChanged(view []string, hash string) {
	m.view, m.viewHash = view, hash
	clear(m.permissions)
	clear(m.deferred)
}

// got takes what a message says about permissions.
func (m *member) got(self string, e trace.Event) {
	switch e.Msg {
	case "RELEASE", "BYE":
		delete(m.given, e.Peer)
		delete(m.deferred, e.Peer)
	}
	for _, g := range e.Grants {
		if g.To != self {
			continue
		}
		if e.Message.View != m.viewHash && m.viewHash != "" {
			put(m, &m.strange, e.Peer, g.TS)
			continue
		}
		ok := m.state != idle && g.TS == m.ts
		if was, had := m.permissions[e.Peer]; had && was.ok && !ok {
			continue // it came late, and replaces nothing
		}
		put(m, &m.permissions, e.Peer, permission{e.At, g.TS, ok})
	}
}

// put adds to one of the member's tables, within the bound.
func put[V any](m *member, table *map[string]V, who string, v V) {
	if *table == nil {
		*table = map[string]V{}
	}
	if _, there := (*table)[who]; !there && len(*table) >= maxMembers {
		m.whole = false
		return
	}
	(*table)[who] = v
}

// gave is F9: whoever is answered has no permission of its own left here.
func (m *member) gave(who string, at time.Duration, ts uint64) {
	put(m, &m.given, who, grant{at, ts})
	delete(m.permissions, who)
	delete(m.deferred, who)
}

// without gives those of the view whose permission the member cannot have: it got no
// REP of them that counts for this request, in any time that a lease could last.
func (m *member) without(self string, e trace.Event) []string {
	if !m.whole {
		return nil
	}
	var out []string
	for _, x := range m.view {
		p, got := m.permissions[x]
		if x != self && (!got || !p.ok && p.ts != e.TS || e.At-p.at > floor.GrantLife) {
			out = append(out, x)
		}
	}
	return out
}

// surely is the part of a time on a member's own clock that has passed on every clock.
const surely = floor.GrantLife * 100 / (100 + floor.DriftPercent)

// sees tells whether the view that is known here is the one that an event speaks of. It
// is not where the event stands before its view in the trace.
func (m *member) sees(e trace.Event) bool {
	return m.view != nil && (e.Message.View == "" || m.viewHash == "" || e.Message.View == m.viewHash)
}

// outside gives those outside of the view that may still use a permission of this member;
// but says whom it does not matter for. sure: they certainly may.
func (m *member) outside(but string, e trace.Event, sure bool) []string {
	if !m.sees(e) {
		return nil
	}
	life := floor.GrantLife
	if sure {
		life = surely
	}
	var out []string
	for x, given := range m.given {
		if x != but && e.At-given.at < life && !slices.Contains(m.view, x) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}
