package peer

import (
	"slices"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// maxNames bounds the names whose first key is remembered. At the bound new
// names are always shown with their key.
const maxNames = 4096

// names gives each key the name that people see. The first key met with a name
// has it; another key with the same name is shown as name#3f9a.
type names struct {
	order  []Met // of first, without the own name
	first  map[string]turn.Key
	warned map[turn.Key]bool // bounded by maxNames too
}

func (n *names) init(own string, key turn.Key) {
	n.first = map[string]turn.Key{own: key}
	n.warned = map[turn.Key]bool{}
}

// meet notes that key uses name.
func (n *names) meet(name string, key turn.Key) {
	if _, ok := n.first[name]; !ok && len(n.first) < maxNames {
		n.first[name] = key
		n.order = append(n.order, Met{name, key})
	}
}

// Met is a name and the first key that was met with it.
type Met struct {
	Name string
	Key  turn.Key
}

// Met returns who was met, in the order of meeting: in this run, and before it as
// Config.Met says. It only grows, at its end, so it may be read by others while the
// member goes on. They must not change it.
func (c *Core) Met() []Met { return slices.Clip(c.names.order) }

func (n *names) shown(name string, key turn.Key) string {
	if first, ok := n.first[name]; ok && first == key {
		return name
	}
	return name + "#" + key.Short()
}

// greet takes note of who says Hello, and warns once of a name that another
// key had.
func (c *Core) greet(now Now, h wire.Hello) {
	c.names.meet(h.Name, h.Key)
	if c.names.first[h.Name] == h.Key || c.names.warned[h.Key] || len(c.names.warned) >= maxNames {
		return
	}
	c.names.warned[h.Key] = true
	code := CodeOtherKey
	if h.Name == c.cfg.Name {
		code = CodeNameClash
	}
	c.event(Notice{At: At(now.Boot), Code: code, Names: []string{h.Name, c.names.shown(h.Name, h.Key)}})
}

// nameOf returns how a member is shown.
func (c *Core) nameOf(m floor.Member) string {
	if m.Key == c.key {
		return c.cfg.Name
	}
	if info, ok := c.members.Lookup(m.Incarnation); ok {
		return c.names.shown(info.Name, info.Member.Key)
	}
	return "#" + turn.Key(m.Key).Short()
}

func (c *Core) namesOf(ms []floor.Member) []string {
	out := make([]string, 0, len(ms))
	for _, m := range ms {
		out = append(out, c.nameOf(m))
	}
	return out
}
