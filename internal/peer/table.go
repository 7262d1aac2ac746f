package peer

import (
	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/member"
	"github.com/papo-chat/papo/internal/wire"
)

// Table is how many entries one of a member's tables has, and the most that it may
// have.
type Table struct {
	Name       string
	Size, Most int
}

// Tables gives all tables of a core, and of what it is made of, that others can fill. It
// is for who looks whether the bounds hold.
func (c *Core) Tables() []Table {
	r, s, d := &c.repair, &c.sync, &c.delay
	permissions, grants, deferrals, seen := c.floor.Sizes()
	others, gone := c.members.Sizes()
	outbox, bytes := c.outbox.Size()
	partials, partialBytes := c.fragments.Size()
	return []Table{
		{"lines that wait", len(c.speaker.queue), maxQueue + maxFit},
		{"turns asked for", len(r.wants), mostWanted},
		{"turns to be asked for", len(r.urgent) + len(r.backlog), 2 * maxBacklog},
		{"turns awaited before an entry", len(r.awaited), maxWanted},
		{"turns on their way to the disk", len(r.incoming), maxIncoming},
		{"turns that came too early", len(r.postponed), maxBacklog},
		{"answers remembered", len(r.answers), answeredKept},
		{"turns held by a delay", len(d.held), maxDelayed},
		{"bytes held by a delay", d.bytes, maxDelayedBytes},
		{"turns shown and not kept", len(c.screen.unkept), maxUnkept},
		{"turns shown together", len(c.screen.batch), maxBatch},
		{"members that were parted", len(c.screen.parted), maxParted},
		{"addresses", len(c.contacts.by), maxContacts},
		{"records of others", len(s.told), maxContacts + 1},
		{"sessions served", len(s.served), servedMost},
		{"names", len(c.names.order), maxNames},
		{"clock marks", len(c.marks), int(settleAfter/Beat) + 2},
		{"floor: permissions", permissions, MaxMembers},
		{"floor: grants", grants, 2 * MaxMembers}, // while some are to members outside of the view, it gives no others: F8
		{"floor: deferrals", deferrals, MaxMembers},
		{"floor: incarnations", seen, floor.MostSeen},
		{"members", others, member.MostOthers},
		{"members that are gone", gone, member.MostGone},
		{"messages in pieces, sent", outbox, wire.MaxKept},
		{"bytes of messages in pieces, sent", bytes, wire.MaxKeptBytes},
		{"messages in pieces, unfinished", partials, wire.MaxPartials},
		{"bytes of messages in pieces, unfinished", partialBytes, wire.MaxAllPartialBytes},
	}
}
