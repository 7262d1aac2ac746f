package lab

import (
	"math/bits"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
)

// tell checks one thing that a core told, and counts it.
func (e *seen) tell(p *process, event peer.Event) {
	w, c := p.w, &p.w.check
	switch v := event.(type) {
	case peer.TurnShown:
		e.show(p, v)
	case peer.Line:
		e.line(p, v)
	case peer.Delivered:
		w.some(SomeDelivered)
		k := c.turns[v.ID]
		if k == nil {
			w.wrong("delivered", "%s tells turn %s as delivered, which nobody has", p.m.label(), v.ID.Short())
		} else if n := bits.OnesCount64(k.kept &^ (1 << p.m.i)); n < v.To {
			w.wrong("delivered", "%s tells turn %s as delivered to %d members, and %d have it", p.m.label(), v.ID.Short(), v.To, n)
		}
	case peer.Floor:
		e.floor(p, v)
	case peer.Peer:
		switch v.State {
		case peer.PeerSuspected:
			w.some(SomeSuspected)
		case peer.PeerLeftOut:
			w.some(SomeLeftOut)
		}
		w.some(SomeView)
		if p.holds() && p.core.Floor().Stale() {
			w.some(SomeViewHold)
		}
	case peer.Notice:
		switch v.Code {
		case peer.CodeSlept, peer.CodeAnew:
			w.some(SomeAnew)
		case peer.CodeMerged:
			w.some(SomeMerged)
		case peer.CodeGap:
			w.some(SomeGap)
		case peer.CodeCaughtUp:
			w.some(SomeCaughtUp)
		case peer.CodeOldLine:
			w.some(SomeOldLine)
		case peer.CodeLeftOut:
			w.some(SomeLeftOut)
		}
	case peer.Error:
		if v.Code == peer.CodeCopied {
			w.some(SomeCopyLeft)
		}
	case peer.Result:
		e.mutex.lists(p, v.Peers)
	case peer.Reconciled:
		if v.Scope == "group" {
			w.some(SomeReconciled)
		}
	}
}

func (e *seen) floor(p *process, v peer.Floor) {
	w := p.w
	switch v.State {
	case peer.FloorGranted:
		w.some(SomeGranted)
		e.mutex.enters(p, p.m.clock.when(time.Duration(v.At)))
		if v.Kept {
			w.some(SomeKept)
		}
	case peer.FloorRenewed:
		w.some(SomeRenewed)
	case peer.FloorHeld:
		w.some(SomeHeld)
		e.mutex.holds(p, v.TS)
	case peer.FloorCancelled:
		w.some(SomeCancelled)
	}
}

// show checks a turn that is shown: in the order, or marked as late, and only once.
func (e *seen) show(p *process, v peer.TurnShown) {
	w, c := p.w, &p.w.check
	if v.Unkept {
		w.some(SomeUnkept)
		e.shown[v.ID] = true // it is not shown again when it is kept
		return
	}
	k := c.turns[v.ID]
	switch {
	case k == nil:
		w.wrong("shown", "%s shows turn %s, which nobody has said", p.m.label(), v.ID.Short())
		return
	case k.forged:
		w.wrong("shown", "%s shows turn %s, whose stamp is not possible", p.m.label(), v.ID.Short())
		return
	case k.kept>>p.m.i&1 == 0:
		w.wrong("append-first", "%s shows turn %s, which it has in no replica", p.m.label(), v.ID.Short())
		return
	case e.shown[v.ID]:
		w.wrong("shown", "%s shows turn %s twice", p.m.label(), v.ID.Short())
		return
	}
	e.shown[v.ID] = true
	delete(e.hidden, v.ID)
	if e.mixed {
		return
	}
	e.follows(p, v, k)
	it := turn.Item{Stamp: v.Stamp, ID: v.ID}
	switch {
	case v.Late:
		w.some(SomeLateTurn)
	case e.any && it.Less(e.last):
		w.wrong("order", "%s shows turn %s (stamp %d) after one with stamp %d, and not as late", p.m.label(), v.ID.Short(), v.Stamp, e.last.Stamp)
	default:
		e.last, e.any = it, true
	}
}

// line follows what is told of a line.
func (e *seen) line(p *process, v peer.Line) {
	w, c := p.w, &p.w.check
	l := c.lines[v.Line]
	switch v.State {
	case peer.LineQueued:
		if text, ok := w.texts[v.N]; ok && l == nil { // it is promised, though it was not noted
			c.accept(typed{id: v.Line, who: p.m.who, text: text, maybe: p.m.copied})
		}
	case peer.LineError, peer.LineCancelled:
		if l != nil {
			l.maybe = true
		}
	case peer.LineSaid:
		if l == nil {
			return
		}
		k := c.turns[v.Turn]
		switch {
		case k == nil:
			w.wrong("said", "%s tells %.40q as said, and no turn carries it", p.m.label(), l.text)
		case k.by != p:
			w.some(SomeOldSaid)
		case !e.durable[v.Turn] && k.kept&^(1<<p.m.i) == 0:
			w.wrong("said", "%s tells %.40q as said, and nobody has it on a disk for good", p.m.label(), l.text)
		}
		l.said = true
	}
}
