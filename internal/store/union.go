package store

import (
	"hash/maphash"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// union gathers the turns of several logs of one group, each once, and of the
// checkpoint. What it keeps of a turn is its item and where its line stands,
// some 150 bytes; the turn itself only where keep says so, or if it stands in
// no good line.
type union struct {
	group  turn.GroupID
	verify func(turn.GroupID, []byte) (*turn.Signed, error)
	trust  bool // a right checksum is enough: see parse
	ours   bool // the log being read has a header of this group
	keep   bool // the turns themselves are kept

	// most, if not 0, is how many turns are kept: with one more, keep ends, and
	// all are forgotten that can be read again.
	most, kept int

	// queued are lines that wait to be said; carried are those of them that a
	// turn carries.
	queued, carried map[turn.LineID]struct{}

	progress progress
	stop     func() error // ends reading with an error; nil: nothing does

	index  map[turn.ID]int32
	items  []turn.Item
	bodies []*turn.Signed // nil: not kept
	places []place
	last   []int16 // the number of the log that had it last
	known  int     // so many are from the checkpoint: items[:known]

	// elsewhere tells, if not nil, which turns the checkpoint has beside the
	// known ones: they are passed over.
	elsewhere func(turn.ID) bool
	graph     graph

	// lines has the good lines by a hash with a random key: one that is met
	// again, in another replica, is known to be good.
	lines map[uint64]int32
	seed  maphash.Seed
	logs  []string // the paths that were read into it; 0 is no log

	// What is used again by readLog.
	decoder  decoder
	decoders []*decoder
	scan     *lineScanner
	chunk    chunk
}

// place is where a turn was found first.
type place struct {
	offset int64 // of its line
	size   int32 // with the newline; 0: it stands in no good line
	log    int16 // number in union.logs; 0: none, the checkpoint or the caller
}

// newUnion makes an empty union; verify is turn.Parse or stands for it.
func newUnion(group turn.GroupID, verify func(turn.GroupID, []byte) (*turn.Signed, error)) *union {
	return &union{
		group: group, verify: verify, scan: newLineScanner(maxLogLine),
		index: map[turn.ID]int32{}, lines: map[uint64]int32{}, seed: maphash.MakeSeed(),
		graph: newGraph(), logs: []string{""}, carried: map[turn.LineID]struct{}{},
	}
}

// decode reads a line: see decoder.
func (u *union) decode(line []byte) (*turn.Signed, string) { return u.decoder.decode(u, line) }

// parse reads a signed turn. It verifies the signature, unless the line's
// checksum is right, the log says that it is of this group, and either the union
// trusts that or the checkpoint has the turn: its id proves all but the signature,
// and the checksum that nothing happened to that. It changes nothing.
func (u *union) parse(raw []byte, checksum bool) (*turn.Signed, error) {
	if !u.ours || !u.trust && u.known == 0 {
		return u.verify(u.group, raw)
	}
	s, err := turn.ParseTrusted(u.group, raw)
	if err != nil {
		return nil, err
	}
	if i, met := u.index[s.ID()]; checksum && (u.trust || met && int(i) < u.known) {
		return s, nil
	}
	return u.verify(u.group, raw)
}

// addKnown puts in a turn that the checkpoint has. All of these come before any
// log is read.
func (u *union) addKnown(it turn.Item) {
	u.insert(it)
	u.known = len(u.items)
}

func (u *union) insert(it turn.Item) int32 {
	i := int32(len(u.items))
	u.index[it.ID] = i
	u.items = append(u.items, it)
	u.bodies = append(u.bodies, nil)
	u.places = append(u.places, place{})
	u.last = append(u.last, 0)
	return i
}

// meet gives the number of a turn, which is put in if it is new.
func (u *union) meet(s *turn.Signed) int32 {
	i, met := u.index[s.ID()]
	if !met {
		i = u.insert(s.Item())
		u.graph.add(s, u.has)
	}
	if len(u.queued) > 0 {
		for _, id := range s.Turn().LineIDs {
			if _, ok := u.queued[id]; ok {
				u.carried[id] = struct{}{}
			}
		}
	}
	return i
}

func (u *union) has(id turn.ID) bool {
	_, ok := u.index[id]
	return ok || u.elsewhere != nil && u.elsewhere(id)
}

// covered tells that a turn is one of those to be passed over.
func (u *union) covered(id turn.ID) bool { return u.elsewhere != nil && u.elsewhere(id) }

// add puts in a turn that stands in a good line of the log being read.
func (u *union) add(s *turn.Signed, offset int64, size int) int32 {
	i := u.meet(s)
	if u.keep && int(i) >= u.known && u.bodies[i] == nil {
		u.bodies[i] = s
		u.kept++
	}
	u.stands(i, offset, size)
	if u.keep && u.most > 0 && u.kept > u.most {
		u.forget()
	}
	return i
}

// forget ends keeping turns. What stands in a good line can be read again.
func (u *union) forget() {
	u.keep, u.kept = false, 0
	for i := range u.bodies {
		if u.places[i].size > 0 {
			u.bodies[i] = nil
		}
	}
}

// stands notes where the line of a turn is, if that is not known.
func (u *union) stands(i int32, offset int64, size int) {
	if u.places[i].size == 0 {
		u.places[i] = place{offset: offset, size: int32(size), log: int16(len(u.logs) - 1)}
		if !u.keep {
			u.bodies[i] = nil
		}
	}
}

// first tells whether the log being read has a turn for the first time.
func (u *union) first(i int32) bool {
	log := int16(len(u.logs) - 1)
	if u.last[i] == log {
		return false
	}
	u.last[i] = log
	return true
}

// salvage puts in a turn that stands in a damaged line, or in none.
func (u *union) salvage(s *turn.Signed) {
	i := u.meet(s)
	if u.places[i].size == 0 && u.bodies[i] == nil {
		u.bodies[i] = s
		u.places[i].log = int16(len(u.logs) - 1)
	}
}

// give puts in a turn that the caller has.
func (u *union) give(s *turn.Signed) {
	if i := u.meet(s); u.places[i] == (place{}) && u.bodies[i] == nil {
		u.bodies[i] = s
	}
}

// hash is the key of a line in lines.
func (u *union) hash(line []byte) uint64 { return maphash.Bytes(u.seed, line) }

// ordered gives the numbers of these turns, sorted by (stamp, id).
func (u *union) ordered(of []int32) []int32 {
	slices.SortFunc(of, func(a, b int32) int { return u.items[a].Compare(u.items[b]) })
	return of
}

// all gives the numbers of all turns, by (stamp, id).
func (u *union) all() []int32 {
	of := make([]int32, len(u.items))
	for i := range of {
		of[i] = int32(i)
	}
	return u.ordered(of)
}

// signed gives the turns with these numbers, which must be kept.
func (u *union) signed(of []int32) []*turn.Signed {
	ts := make([]*turn.Signed, len(of))
	for k, i := range of {
		ts[k] = u.bodies[i]
	}
	return ts
}
