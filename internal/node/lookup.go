package node

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
)

// maxLookups bounds the searches that wait for those before them; at the bound they
// are refused.
const maxLookups = 64

// lookup is one /history or /search.
type lookup struct {
	n       int
	command string
	filter  store.Filter
	last    int
	plain   bool // the last turns, whatever they are
}

// lookUp starts a /history or a /search. They are answered one after the other,
// beside the loop.
func (n *Node) lookUp(now peer.Now, i int, cmd ui.Command) {
	l, ok := ui.ParseLookup(cmd.Name, cmd.Args, now.Wall.Local())
	if !ok {
		n.core.Refuse(now, i, cmd.Name, peer.CodeUsage)
		return
	}
	f := store.Filter{Words: l.Words, Since: l.Since, Until: l.Until, Limit: l.Last + 1}
	if f.Name, f.Key, ok = n.whose(l.Name); !ok {
		n.core.Found(now, i, cmd.Name, nil, false) // nobody of that name was met
		return
	}
	select {
	case n.lookups <- lookup{i, cmd.Name, f, l.Last, l == ui.Lookup{Last: l.Last}}:
	default:
		n.core.Refuse(now, i, cmd.Name, peer.CodeSearches)
	}
}

// whose finds the key of brenda#3f9a among those who were met.
func (n *Node) whose(typed string) (name string, key *turn.Key, ok bool) {
	name, digits, with := strings.Cut(typed, "#")
	if !with {
		return name, nil, true
	}
	self := peer.Met{Name: n.cfg.Name, Key: turn.Key(n.cfg.Private.Public().(ed25519.PublicKey))}
	for _, m := range append(slices.Clone(n.core.Met()), self) {
		if strings.HasPrefix(m.Key.String(), strings.ToLower(digits)) && (name == "" || strings.EqualFold(m.Name, name)) {
			return name, &m.Key, true
		}
	}
	return name, nil, false
}

// answerLookups answers those that wait, until the loop ends.
func (n *Node) answerLookups() {
	for {
		select {
		case l := <-n.lookups:
			ts, err := n.cfg.Store.Find(n.beside, l.filter)
			n.order(func(now peer.Now) { n.answer(now, l, ts, err) })
		case <-n.beside.Done():
			return
		}
	}
}

func (n *Node) answer(now peer.Now, l lookup, ts []*turn.Signed, err error) {
	switch {
	case err == nil:
		older := max(0, len(ts)-l.last)
		n.core.Found(now, l.n, l.command, ts[older:], older > 0)
	case errors.Is(err, store.ErrNoWords):
		n.core.Refuse(now, l.n, l.command, peer.CodeNoWords)
	case l.plain:
		n.core.ShowHistory(now, l.n, l.last) // what is in memory, at least
	default:
		n.core.Refuse(now, l.n, l.command, peer.CodeNotSearched)
	}
	if errors.Is(err, store.ErrCheckpoint) {
		n.compareSilently(now) // which makes it anew
	}
}
