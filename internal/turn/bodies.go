package turn

import (
	"container/list"
	"math"
)

// Archive gives any turn that was added to the history or that its Summary sums up,
// by its id; nil if it is not there or cannot be read now. It is the one thing
// outside of the core that a History asks: since the turn of an id never changes,
// the answer is a function of the question, and one that does not come is as a turn
// that was lost on its way: every caller bears it.
type Archive func(ID) *Signed

const (
	// bodiesMost bounds the turns that are kept in memory though the archive has
	// them: a few thousand. At the bound the one longest unused goes.
	bodiesMost = 8 << 20
	// bodyFixed is what a turn takes in memory apart from its signed bytes, which
	// are there twice: as they are, and as what was read of them.
	bodyFixed = 512
)

// bodies are the turns themselves, as far as they are in memory: all, if there is
// no archive.
type bodies struct {
	archive Archive
	used    map[ID]*list.Element
	list    list.List // of used, the last used first
	size    int       // of used, in bytes
	most    int
}

func (b *bodies) init(archive Archive) {
	b.archive, b.used, b.most = archive, map[ID]*list.Element{}, bodiesMost
	if archive == nil {
		b.most = math.MaxInt
	}
}

// use keeps a turn that was just added, or read.
func (b *bodies) use(s *Signed) {
	if e, ok := b.used[s.id]; ok {
		b.list.MoveToFront(e)
		return
	}
	b.used[s.id] = b.list.PushFront(s)
	for b.size += sizeOf(s); b.size > b.most; {
		last := b.list.Remove(b.list.Back()).(*Signed)
		delete(b.used, last.id)
		b.size -= sizeOf(last)
	}
}

// sizeOf is about what s takes in memory.
func sizeOf(s *Signed) int { return bodyFixed + 2*len(s.bytes) }

// inMemory gives a turn, nil if it is not in memory.
func (b *bodies) inMemory(id ID) *Signed {
	e, ok := b.used[id]
	if !ok {
		return nil
	}
	b.list.MoveToFront(e)
	return e.Value.(*Signed)
}

// get gives a turn, nil if it is neither in memory nor readable. What the archive
// gives is taken for what its id says, and for nothing else.
func (b *bodies) get(id ID) *Signed {
	if s := b.inMemory(id); s != nil || b.archive == nil {
		return s
	}
	s := b.archive(id)
	if s == nil || s.id != id {
		return nil
	}
	b.use(s)
	return s
}
