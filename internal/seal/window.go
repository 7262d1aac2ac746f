package seal

import "container/list"

// Bounds of a Window.
const (
	// WindowSize is how far behind the highest counter of an incarnation a
	// datagram may come.
	WindowSize = 1024
	// WindowMembers is how many incarnations are remembered. At the bound the
	// one longest unheard is forgotten.
	WindowMembers = 1024
)

// Window tells fresh datagrams from repeated ones (as RFC 4303, section 3.4.3,
// with a window for each incarnation). It is not safe for concurrent use. Make
// one with NewWindow.
//
// Old datagrams of an incarnation that is not remembered, or was forgotten, are
// taken as fresh, once each. Nothing rests on their being new: a member is
// counted on only if it confirms to have heard a recent counter of ours, which
// no recording can; a request, a permission and a release name the request that
// they belong to; a turn is the same however often it comes. What a
// replay can do is make a member that is gone seem heard for one moment.
type Window struct {
	entries map[uint64]*list.Element
	recent  *list.List // of *windowEntry, the one heard last in front
}

type windowEntry struct {
	incarnation uint64
	highest     uint32
	seen        [WindowSize / 64]uint64 // bit c % WindowSize: counter c came
}

// NewWindow returns one that remembers nothing.
func NewWindow() *Window {
	return &Window{entries: make(map[uint64]*list.Element), recent: list.New()}
}

// Accept tells whether a datagram of this incarnation and counter is to be
// used: true once for each counter, false if it came before or is WindowSize
// or more below the highest that came. Only what Unseal opened may be shown to
// it, else anyone could push the window on. Counters do not wrap: a
// member takes a new incarnation before.
func (w *Window) Accept(incarnation uint64, counter uint32) bool {
	element, ok := w.entries[incarnation]
	if !ok {
		if w.recent.Len() >= WindowMembers {
			last := w.recent.Back()
			delete(w.entries, last.Value.(*windowEntry).incarnation)
			w.recent.Remove(last)
		}
		e := &windowEntry{incarnation: incarnation, highest: counter}
		e.mark(counter)
		w.entries[incarnation] = w.recent.PushFront(e)
		return true
	}
	e := element.Value.(*windowEntry)
	if !e.accept(counter) {
		return false
	}
	w.recent.MoveToFront(element)
	return true
}

func (e *windowEntry) accept(counter uint32) bool {
	if counter > e.highest {
		if counter-e.highest >= WindowSize {
			clear(e.seen[:])
		} else {
			for c := e.highest + 1; c != counter; c++ {
				e.unmark(c)
			}
		}
		e.highest = counter
		e.mark(counter)
		return true
	}
	if e.highest-counter >= WindowSize || e.marked(counter) {
		return false
	}
	e.mark(counter)
	return true
}

func (e *windowEntry) marked(c uint32) bool {
	return e.seen[c%WindowSize/64]>>(c%64)&1 != 0
}

func (e *windowEntry) mark(c uint32) { e.seen[c%WindowSize/64] |= 1 << (c % 64) }

func (e *windowEntry) unmark(c uint32) { e.seen[c%WindowSize/64] &^= 1 << (c % 64) }
