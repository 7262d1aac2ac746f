package story

import (
	"strings"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// datagram tells what a datagram says and what became of it. A loss matters where it
// holds the floor or the talk up; that heartbeats are lost is what heartbeats are for.
func (t *Teller) datagram(e trace.Event, d words.D) (text string, important bool) {
	d["Who"] = name(e.Peer)
	switch e.Kind {
	case trace.KindSend:
		d["Message"] = message(e, e.Member)
		if e.Peer == "" {
			return t.words.T("story.sends.all", d), false
		}
		return t.words.T("story.sends", d), false
	case trace.KindReceive:
		t.of(e.Member).got(e.Member, e)
		d["Message"] = message(e, e.Peer)
		if e.Msg == "WAIT" {
			d["Request"], d["Place"] = request(e.TS, e.Member), e.Place
			d["Why"] = t.wordFor("story.wait-why.", e.Why)
			return t.words.T("story.waits", d), true
		}
		return t.words.T("story.gets", d), false
	}
	d["Message"], d["Why"] = message(e, e.Peer), t.wordFor("story.lost.", e.Why)
	switch e.Msg {
	case "REQ", "REP", "RELEASE", "TURN":
		important = e.Why != "nowhere" && e.Why != "repeated" // where nobody is, or it was before
	}
	return t.words.T("story.loses", d), important
}

// message writes what a datagram of somebody says, in the names of docs/PROTOCOL.md.
func message(e trace.Event, from string) string {
	parts := []string{short(e.Msg)}
	switch e.Msg {
	case "":
		parts[0] = "?"
	case "REQ", "RELEASE":
		parts = append(parts, request(e.TS, from))
	case "TURN":
		parts = append(parts, names(e.Turns)...)
		if len(e.Grants) > 0 {
			parts = append(parts, "+ REP")
		}
	}
	for i, g := range e.Grants {
		if i == maxList {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, request(g.TS, g.To))
	}
	return strings.Join(parts, " ")
}
