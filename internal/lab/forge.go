package lab

import (
	"encoding/binary"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// forge has a member sign a turn that no papo would: with the stamp of the turn that it
// follows. It goes to all others.
func (p *process) forge() {
	w, h := p.w, p.core.History()
	parents := h.ParentsForNext()
	if len(parents) == 0 {
		return
	}
	stamp := uint64(0)
	for _, id := range parents {
		if it, ok := h.Item(id); ok {
			stamp = max(stamp, it.Stamp)
		}
	}
	v := turn.Turn{
		Version: turn.Version, Author: turn.Key(p.m.private[32:]), Name: p.m.name, Stamp: stamp, Parents: parents,
		Time: epoch.UnixMilli(), Kind: turn.KindChat, LineIDs: make([]turn.LineID, 1), Texts: []string{w.text(0)},
	}
	binary.BigEndian.PutUint64(v.LineIDs[0][:], w.rng.Uint64())
	t, err := w.signatures.SignTurn(w.group, v, p.m.private)
	if err != nil {
		w.wrong("wire", "a turn cannot be signed: %v", err)
		return
	}
	payload, err := wire.Append(nil, wire.Turns{Turns: [][]byte{t.Bytes()}})
	if err != nil {
		w.wrong("wire", "a turn cannot be sent: %v", err)
		return
	}
	w.some(SomeForged)
	w.check.turns[t.ID()] = &told{signed: t, by: p, forged: true}
	d := &datagram{from: p, packet: peer.Packet{From: p.addr, Incarnation: w.rng.Uint64() | 1, Counter: 1, Payload: payload}}
	if w.key != nil {
		d.sealed = w.key.Seal(nil, d.packet.Incarnation, d.packet.Counter, payload)
	}
	for _, to := range w.machines {
		if to != p.m {
			w.net.send(d, to)
		}
	}
}
