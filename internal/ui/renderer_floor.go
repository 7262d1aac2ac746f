package ui

import (
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui/words"
)

// floor tells the steps of mutual exclusion in the words of Ricart & Agrawala
// (CACM 24(1), 1981): request, reply, deferral, critical section. Without
// verbose only what a person did is told: holding the floor and giving it back.
func (r *Renderer) floor(ev peer.Floor) []string {
	var lines []string
	switch {
	case ev.State == peer.FloorHeld && !r.holding:
		r.holding = true
		lines = append(lines, r.say("floor.held"))
	case r.holding && ev.State == peer.FloorReleased:
		r.holding = false
		lines = append(lines, r.say("floor.returned"))
	}
	if r.verbose {
		if key := floorKey(ev, r.requested); key != "" {
			lines = append(lines, markProtocol+r.words.T(key, r.floorData(ev)))
		}
	}
	if ev.State == peer.FloorRequested {
		r.requested = ev.TS
	}
	return lines
}

// floorKey chooses the sentence. requested is the ts of the request told
// before: told again, with fewer replies missing, it is the same request.
func floorKey(ev peer.Floor, requested uint64) words.Key {
	switch ev.State {
	case peer.FloorRequested:
		switch {
		case len(ev.WaitingFor) == 0:
			return "floor.requested.nobody"
		case ev.TS == requested:
			return "floor.missing"
		}
		return "floor.requested"
	case peer.FloorDeferred:
		switch {
		case ev.Why == "asking" && ev.TS == ev.WhoTS:
			return "floor.deferred.tie"
		case ev.Why != "":
			return words.Key("floor.deferred." + ev.Why)
		}
		return "floor.deferred"
	case peer.FloorGrant:
		return "floor.grant"
	case peer.FloorGranted:
		if ev.Kept {
			return "floor.granted.kept"
		}
		return "floor.granted"
	case peer.FloorRenewed:
		return "floor.renewed"
	case peer.FloorReleased:
		if len(ev.Queue) > 0 {
			return "floor.released.queue"
		}
		return "floor.released"
	case peer.FloorCancelled:
		return "floor.cancelled"
	case peer.FloorSent:
		return "floor.sent"
	case peer.FloorReceived:
		return "floor.received"
	}
	return "" // held is told above
}

func (r *Renderer) floorData(ev peer.Floor) words.D {
	d := words.D{
		"TS": ev.TS, "Who": ev.Who, "WhoTS": ev.WhoTS,
		"Names": r.words.List(ev.WaitingFor),
		"Msg":   ev.Msg, "Peer": ev.Peer, "K": ev.K, "Place": ev.Place, "Why": "",
		"Until": r.moment(ev.Until),
	}
	if ev.State == peer.FloorReleased {
		d["Names"] = r.words.List(ev.Queue)
	}
	if ev.Why != "" {
		d["Why"] = r.words.T(words.Key("why." + ev.Why))
	}
	return d
}

// moment is a time of day to the millisecond: a lease is a second and a half.
func (r *Renderer) moment(boot time.Duration) string {
	return r.look.Clock.At(boot).In(r.look.Zone).Format("15:04:05.000")
}
