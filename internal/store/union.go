package store

import (
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// union gathers the turns of several logs of one group, each once. A turn that
// stands in several logs with the same bytes is verified once.
type union struct {
	group  turn.GroupID
	verify func(turn.GroupID, []byte) (*turn.Signed, error)
	trust  bool                    // a right checksum is enough: see parse
	signed map[string]*turn.Signed // by its bytes
	turns  map[turn.ID]*member
	logs   int // how many were read into it

	raw, line []byte       // reused by decode
	scan      *lineScanner // reused by readLog
}

// member is one turn of a union.
type member struct {
	*turn.Signed
	last int // the number of the log that had it last
}

// newUnion makes an empty union; verify is turn.Parse or stands for it.
func newUnion(group turn.GroupID, verify func(turn.GroupID, []byte) (*turn.Signed, error)) *union {
	return &union{
		group: group, verify: verify, scan: newLineScanner(maxLogLine),
		signed: map[string]*turn.Signed{}, turns: map[turn.ID]*member{},
	}
}

// parse reads a signed turn. It verifies the signature, unless the line's
// checksum is right and the union trusts that: comparing the logs of a running
// store looks for damage, and their turns were verified before.
func (u *union) parse(raw []byte, checksum bool) (*turn.Signed, error) {
	if s, ok := u.signed[string(raw)]; ok {
		return s, nil
	}
	parse := u.verify
	if u.trust && checksum {
		parse = turn.ParseTrusted
	}
	s, err := parse(u.group, raw)
	if err != nil {
		return nil, err
	}
	u.signed[string(raw)] = s
	return s, nil
}

// add puts a turn in. It tells whether the log being read has it for the
// first time.
func (u *union) add(s *turn.Signed) bool {
	m := u.turns[s.ID()]
	if m == nil {
		m = &member{Signed: s}
		u.turns[s.ID()] = m
	}
	if m.last == u.logs {
		return false
	}
	m.last = u.logs
	return true
}

// salvage puts in a turn that the log being read has in a damaged line only.
func (u *union) salvage(s *turn.Signed) {
	if u.turns[s.ID()] == nil {
		u.turns[s.ID()] = &member{Signed: s}
	}
}

// sorted gives the turns by (stamp, id).
func (u *union) sorted() []*turn.Signed {
	ts := make([]*turn.Signed, 0, len(u.turns))
	for _, m := range u.turns {
		ts = append(ts, m.Signed)
	}
	slices.SortFunc(ts, func(a, b *turn.Signed) int { return a.Item().Compare(b.Item()) })
	return ts
}
