package story

import (
	"fmt"
	"slices"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// floor tells a step of the mutual exclusion, as docs/EVENTS.md names them.
func (t *Teller) floor(e trace.Event, d words.D) (string, bool) {
	m := t.of(e.Member)
	d["Request"], d["Who"], d["Theirs"] = request(e.TS, e.Member), name(e.Peer), request(e.PeerTS, e.Peer)
	d["Until"] = t.Time(time.Duration(e.Until))
	switch e.State {
	case "requested":
		return t.asks(m, e, d), true
	case "deferred":
		return t.defers(m, e, d), true
	case "grant":
		return t.grants(m, e, d)
	case "granted":
		return t.enters(m, e, d), true
	case "renewed", "held":
		m.state, m.ts, m.until = holding, e.TS, max(m.until, time.Duration(e.Until))
		if e.State == "held" {
			return t.words.T("story.held", d), true
		}
		return t.words.T("story.renewed", d), false
	case "released":
		return t.leaves(m, e, d), true
	case "cancelled":
		m.state = idle
		clear(m.permissions) // F10
		return t.words.T("story.cancels", d), true
	}
	return "", false
}

func (t *Teller) asks(m *member, e trace.Event, d words.D) string {
	again := m.state == asking && m.ts == e.TS
	m.state, m.ts = asking, e.TS
	var kept []string
	for _, x := range m.view {
		if x != e.Member && !slices.Contains(e.Members, x) {
			kept = append(kept, x)
		}
	}
	d["Missing"], d["Kept"] = list(t.words, e.Members), list(t.words, kept)
	switch {
	case len(e.Members) == 0:
		return t.words.T("story.asks.nobody", d)
	case again:
		return t.words.T("story.asks.again", d)
	}
	return t.words.T("story.asks", d)
}

// defers is F7 and F8.
func (t *Teller) defers(m *member, e trace.Event, d words.D) string {
	m.notIdle(e)
	put(m, &m.deferred, e.Peer, true)
	switch e.Why {
	case "holding":
		return t.words.T("story.defers.holding", d)
	case "grant":
		d["Outside"] = list(t.words, m.outside(e.Peer, e, false))
		return t.words.T("story.defers.grant", d)
	case "asking":
		if e.TS == e.PeerTS {
			t.incarnations(e, d)
			return t.words.T("story.defers.tie", d)
		}
		return t.words.T("story.defers.asking", d)
	}
	return t.words.T("story.defers", d)
}

// notIdle takes note that a member asks which was not seen to begin: it had all
// permissions, and something else kept it from entering.
func (m *member) notIdle(e trace.Event) {
	if m.state == idle && e.TS > m.ts {
		m.state, m.ts = asking, e.TS
	}
}

// grants tells why a permission is given: F7, F8 and F9.
// One that was given before and is given again, as in a renewal, does not matter.
func (t *Teller) grants(m *member, e trace.Event, d words.D) (string, bool) {
	waited := m.deferred[e.Peer]
	earlier, had := m.given[e.Peer]
	again := had && earlier.ts == e.PeerTS && !waited
	before := m.state
	outside := m.outside(e.Peer, e, true)
	m.gave(e.Peer, e.At, e.PeerTS)
	d["Mine"], d["Waited"] = request(m.ts, e.Member), waited
	key := words.Key("story.grants.idle")
	mine, other := t.incarnations(e, d)
	switch {
	case before == holding && waited:
		key = "story.grants.leaving"
	case before == holding && m.whole:
		key = "story.grants.though-holding"
	case before == asking && e.PeerTS < m.ts:
		key = "story.grants.earlier"
	case before == asking && e.PeerTS == m.ts && (mine == "" || other == "" || other < mine):
		key = "story.grants.tie"
	case before == asking && m.whole:
		key = "story.grants.though-later"
	case before != idle:
		key = "story.grants"
	}
	if len(outside) > 0 && m.whole {
		d["Outside"] = list(t.words, outside)
		key = "story.grants.though-outside"
	}
	return t.words.T(key, d), !again
}

// incarnations puts the numbers that decide between equal times into a sentence. They
// have 16 digits, so they compare as text; empty: not known.
func (t *Teller) incarnations(e trace.Event, d words.D) (mine, other string) {
	number := func(who string) string {
		if m := t.members[who]; m != nil && len(m.incarnation) == 16 {
			return m.incarnation
		}
		return ""
	}
	mine, other = number(e.Member), number(e.Peer)
	d["Own"], d["Other"] = "", ""
	if mine != "" && other != "" {
		d["Own"], d["Other"] = short(mine), short(other)
	}
	return mine, other
}

// enters tells on what a member enters: F2 to F4.
func (t *Teller) enters(m *member, e trace.Event, d words.D) string {
	m.state, m.ts, m.until = holding, e.TS, time.Duration(e.Until)
	missing, outside := m.without(e.Member, e), m.outside("", e, true)
	for x, p := range m.permissions {
		if p.ts == e.TS {
			p.ok = true
			m.permissions[x] = p
		}
	}
	var others []string
	for _, x := range m.view {
		if x != e.Member {
			others = append(others, x)
		}
	}
	d["Set"], d["Others"] = set(m.view), list(t.words, others)
	d["Missing"], d["Outside"] = list(t.words, missing), list(t.words, outside)
	switch {
	case !m.sees(e):
		return t.words.T("story.enters.unknown", d)
	case m.whole && e.At-m.started < surely:
		return t.words.T("story.enters.quiet", d)
	case len(missing) > 0 && !slices.ContainsFunc(missing, func(x string) bool { return m.strange[x] != e.TS }):
		return t.words.T("story.enters.other-view", d)
	case len(missing) > 0:
		return t.words.T("story.enters.without", d)
	case len(outside) > 0 && m.whole:
		return t.words.T("story.enters.though-outside", d)
	case len(others) == 0:
		return t.words.T("story.enters.alone", d)
	case e.Kept:
		return t.words.T("story.enters.kept", d)
	}
	return t.words.T("story.enters", d)
}

func (t *Teller) leaves(m *member, e trace.Event, d words.D) string {
	ended := m.state == holding && m.until != 0 && e.At >= m.until
	m.state, m.ts = idle, max(m.ts, e.TS)
	d["Queue"] = list(t.words, e.Queue)
	if ended {
		return t.words.T("story.leaves.ended", d)
	}
	return t.words.T("story.leaves", d)
}

// request is how a request is written: (7, ana). They compare by the time, then by the
// incarnation.
func request(ts uint64, who string) string { return fmt.Sprintf("(%d, %s)", ts, name(who)) }
