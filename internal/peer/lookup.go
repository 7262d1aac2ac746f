package peer

import "github.com/papo-chat/papo/internal/turn"

// Found answers a command with turns that were looked for in the record on disk, in
// the order. more tells that there are others before them.
func (c *Core) Found(now Now, n int, command string, turns []*turn.Signed, more bool) {
	c.clock(now)
	r := Result{N: n, Command: command, OK: true, More: more}
	for _, s := range turns {
		r.Turns = append(r.Turns, c.turnShown(now, s))
	}
	c.result(now, r)
}
