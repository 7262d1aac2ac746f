package peer

import (
	"bytes"

	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// Verify checks the signatures of turns in datagrams that Receive will be given next,
// for those that it would check itself. each calls do with 0 to n-1, in any order and
// at the same time if it likes, and returns when all are done. It changes nothing of
// what Receive does, only how long that takes: it may be left out. What it found is
// kept until it is called again.
func (c *Core) Verify(ps []Packet, each func(n int, do func(i int))) {
	clear(c.verified)
	var signed [][]byte
	asked := map[turn.ID]bool{}
	for _, p := range ps {
		if len(p.Payload) == 0 || wire.Kind(p.Payload[0]) != wire.KindTurns {
			continue
		}
		m, err := wire.Decode(p.Payload)
		if err != nil {
			continue
		}
		for _, b := range m.(wire.Turns).Turns {
			if id, err := turn.Claimed(c.cfg.Group, b); err == nil && !asked[id] && !c.present(id) {
				asked[id] = true
				signed = append(signed, b)
			}
		}
	}
	if len(signed) < 2 {
		return
	}
	parsed := make([]*turn.Signed, len(signed))
	each(len(signed), func(i int) { parsed[i], _ = c.cfg.Signatures.ParseTurn(c.cfg.Group, signed[i]) })
	for _, s := range parsed {
		if s != nil {
			c.verified[s.ID()] = s
		}
	}
}

// present tells whether a turn is here, or on its way to the disk.
func (c *Core) present(id turn.ID) bool {
	return c.history.Has(id) || c.repair.coming[id] || c.repair.maybe[id] || c.delay.has(id)
}

// parse is Signatures.ParseTurn, but for what Verify has looked at. Equal ids are not enough:
// they do not cover the signature.
func (c *Core) parse(id turn.ID, b []byte) (*turn.Signed, error) {
	if s := c.verified[id]; s != nil && bytes.Equal(s.Bytes(), b) {
		return s, nil
	}
	return c.cfg.Signatures.ParseTurn(c.cfg.Group, b)
}
