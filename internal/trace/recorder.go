package trace

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// maxNames bounds the incarnations whose names are known; at the bound others are
// written as their number.
const maxNames = 4096

// Recorder turns what members take in and give out into events. It is for one
// goroutine.
type Recorder struct {
	// Emit gets each event, in the order in which they happen.
	Emit  func(Event)
	Group turn.GroupID

	names map[uint64]string
}

// Know tells whose an incarnation is.
func (r *Recorder) Know(incarnation uint64, name string) {
	if r.names == nil {
		r.names = map[uint64]string{}
	}
	if _, known := r.names[incarnation]; known || len(r.names) < maxNames {
		r.names[incarnation] = name
	}
}

// Name gives whose an incarnation is, or its number in 16 hex digits.
func (r *Recorder) Name(incarnation uint64) string { return r.name(incarnation) }

func (r *Recorder) name(incarnation uint64) string {
	if n, ok := r.names[incarnation]; ok {
		return n
	}
	return fmt.Sprintf("%016x", incarnation)
}

// DatagramID names a datagram in a trace.
func DatagramID(incarnation uint64, counter uint32) string {
	return fmt.Sprintf("%016x-%d", incarnation, counter)
}

// Started records that a member begins with a new incarnation. why is "anew" if it does
// without a restart, else empty.
func (r *Recorder) Started(at time.Duration, member string, incarnation uint64, why string) {
	r.Know(incarnation, member)
	r.Emit(Event{At: at, Member: member, Kind: KindStart, Incarnation: fmt.Sprintf("%016x", incarnation), Message: Message{Why: why}})
}

// Appended records that turns were written. replicas says for each replica why it did
// not take them; nil: it did.
func (r *Recorder) Appended(at time.Duration, member string, turns []*turn.Signed, replicas []error) {
	e := Event{At: at, Member: member, Kind: KindAppend}
	for _, s := range turns {
		e.Turns = append(e.Turns, s.ID().Short())
	}
	for _, err := range replicas {
		if err == nil {
			e.Count++
		}
	}
	r.Emit(e)
}

// Sent records that a datagram left. to is the name of the member that it is for;
// empty: all.
func (r *Recorder) Sent(at time.Duration, member, to string, d peer.Datagram) {
	r.Emit(Event{At: at, Member: member, Kind: KindSend, Datagram: DatagramID(d.Incarnation, d.Counter), Peer: to, Message: r.Say(d.Payload)})
}

// Received records that a core takes a datagram.
func (r *Recorder) Received(at time.Duration, member string, p peer.Packet) {
	if m, err := wire.Decode(p.Payload); err == nil {
		if h, ok := m.(wire.Hello); ok {
			if _, known := r.names[p.Incarnation]; !known {
				r.Know(p.Incarnation, h.Name)
			}
		}
	}
	r.Emit(Event{
		At: at, Member: member, Kind: KindReceive, Datagram: DatagramID(p.Incarnation, p.Counter), Peer: r.name(p.Incarnation), Message: r.Say(p.Payload),
	})
}

// Say says what a payload says. One that is no message has the Msg "?".
func (r *Recorder) Say(payload []byte) Message {
	msg, err := wire.Decode(payload)
	if err != nil {
		return Message{Msg: "?"}
	}
	out := Message{Msg: msg.Kind().String()}
	switch m := msg.(type) {
	case wire.Beat:
		out.View, out.TS = view(m.View), m.TS
		switch m.Activity {
		case wire.Asking:
			out.Why = "asking"
		case wire.Holding:
			out.Why = "holding"
		}
		if m.Quiet {
			out.Why = "quiet"
		}
	case wire.Req:
		out.TS, out.K, out.View = m.TS, m.K, view(m.View)
	case wire.Rep:
		r.rep(&out, m)
	case wire.Wait:
		out.TS, out.Why, out.Place = m.TS, m.Why.String(), int(m.Place)
	case wire.Release:
		out.TS = m.TS
	case wire.Turns:
		if m.Rep != nil {
			r.rep(&out, *m.Rep)
		}
		for _, b := range m.Turns {
			if s, err := turn.ParseTrusted(r.Group, b); err == nil {
				out.Turns = append(out.Turns, s.ID().Short())
				out.Stamp = s.Stamp()
			}
		}
	case wire.Want:
		for _, id := range m.IDs {
			out.Turns = append(out.Turns, id.Short())
		}
	}
	return out
}

func (r *Recorder) rep(out *Message, m wire.Rep) {
	out.View, out.Stamp = view(m.View), m.Clock
	for _, g := range m.Grants {
		out.Grants = append(out.Grants, Grant{To: r.name(g.To.Incarnation), TS: g.TS})
	}
}

// Told records what a core told. Its until times are moved by as much as At differs
// from the event's own time. Events that a trace has in another form, or that say
// nothing of the protocol, are left out.
func (r *Recorder) Told(at time.Duration, member string, event peer.Event) {
	out := Event{At: at, Member: member}
	switch e := event.(type) {
	case peer.Floor:
		if e.State == peer.FloorSent || e.State == peer.FloorReceived {
			return
		}
		out.Kind, out.State, out.Peer, out.PeerTS = KindFloor, string(e.State), e.Who, e.WhoTS
		out.Message = Message{TS: e.TS, K: e.K, View: view(e.View), Why: e.Why, Stamp: e.Stamp}
		out.Kept, out.Members, out.Queue = e.Kept, e.WaitingFor, e.Queue
		if e.Until != 0 {
			out.Until = int64(at + e.Until - e.When())
		}
	case peer.Line:
		out.Kind, out.State, out.Line, out.Text, out.Code = KindLine, string(e.State), hex.EncodeToString(e.Line[:]), e.Text, string(e.Code)
	case peer.TurnShown:
		out.Kind, out.Peer, out.Text, out.Late = KindShow, e.Name, strings.Join(e.Lines, "\n"), e.Late
		out.Message = Message{Turns: []string{e.ID.Short()}, Stamp: e.Stamp}
	case peer.Peer:
		out.Kind, out.Code, out.Peer, out.Members = KindTell, string(e.State), e.Name, e.View
	case peer.Notice:
		out.Kind, out.Code, out.Members, out.Count = KindTell, string(e.Code), e.Names, e.Count
	case peer.Error:
		out.Kind, out.Code, out.Text = KindTell, string(e.Code), e.Text
	case peer.Reconciled:
		out.Kind, out.Code, out.State, out.Count = KindTell, "reconciled", e.Scope, e.Turns
	case peer.Exit:
		out.Kind, out.Why, out.Count = KindStop, "exit", e.Unsent
	default:
		return
	}
	r.Emit(out)
}

// ViewOf says which view a member has now.
func (r *Recorder) ViewOf(at time.Duration, member string, v floor.View) {
	e := Event{At: at, Member: member, Kind: KindView, Message: Message{View: view(v.Hash())}}
	for _, m := range v.Members() {
		e.Members = append(e.Members, r.name(m.Incarnation))
	}
	r.Emit(e)
}

func view(h floor.ViewHash) string { return hex.EncodeToString(h[:4]) }
