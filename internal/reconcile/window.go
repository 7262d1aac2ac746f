package reconcile

import "github.com/papo-chat/papo/internal/turn"

// Window restricts s to the stamps [from, to). Both sides of a session must use
// the same one. It is a view: nothing is copied, and it follows s when s grows.
// to = 2^64-1 leaves out nothing at the end; to <= from is an empty window. Each
// method costs two calls of s.Index more than that of s; Respond and Session find
// the ends once for each message.
func Window(s Set, from, to uint64) Set {
	return window{set: s, from: from, to: to}
}

type window struct {
	set      Set
	from, to uint64
}

// ends gives the window as it is now.
func (w window) ends() span {
	set := still(w.set)
	lo := set.Index(turn.Item{Stamp: w.from})
	hi := set.Index(turn.Item{Stamp: w.to})
	return span{set: set, lo: lo, hi: max(lo, hi)}
}

func (w window) Len() int                  { return w.ends().Len() }
func (w window) At(i int) turn.Item        { return w.ends().At(i) }
func (w window) Index(it turn.Item) int    { return w.ends().Index(it) }
func (w window) Sum(from, to int) [32]byte { return w.ends().Sum(from, to) }

// still gives s with the ends of windows computed once, for as long as s does
// not change.
func still(s Set) Set {
	if w, ok := s.(window); ok {
		return w.ends()
	}
	return s
}

// span is the items [lo, hi) of a set that does not change meanwhile.
type span struct {
	set    Set
	lo, hi int
}

func (s span) Len() int           { return s.hi - s.lo }
func (s span) At(i int) turn.Item { return s.set.At(s.lo + i) }

func (s span) Index(it turn.Item) int {
	return min(max(s.set.Index(it), s.lo), s.hi) - s.lo
}

func (s span) Sum(from, to int) [32]byte { return s.set.Sum(s.lo+from, s.lo+to) }
