package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/papo-chat/papo/internal/turn"
)

// Filter chooses turns of the record. The zero value chooses all that are shown:
// those that break no rule and are within reach. What is pending, for a parent
// that is missing, is among them, and so is what needs a newer papo.
type Filter struct {
	Words string     // all of these, whatever their case and accents: see Find
	Name  string     // of the author, in upper or lower case
	Key   *turn.Key  // of the author
	Peers []Peer     // the author is one of these; none: any. MaxPeers at most
	Since time.Time  // told at this time or later, by the author's clock; zero: ever
	Until time.Time  // told before this time; zero: ever
	After *turn.Item // comes after this place in the order

	// Before: comes before this place in the order.
	Before *turn.Item

	From *turn.Item // is at this place in the order or comes after it

	// Limit is the most turns that are given, 0 for MaxPage: the last ones of the
	// order, or, with First, the first.
	Limit int
	First bool
}

// MaxPage bounds the turns of one page.
const MaxPage = 10_000

// ErrNoWords says that what was to be searched for has no letter and no digit.
var ErrNoWords = errors.New("there is no word to search for: give letters or digits")

// where makes the condition of a query, and what it is about.
func (f *Filter) where(top uint64, peers []Peer) (from, where string, args []any, err error) {
	from, where = "turns", "turns.stamp <= ? AND turns.state <> ?"
	if f.Before != nil {
		where = "+" + where // else the index begins there, and passes over all down to Before
	}
	args = []any{int64(top), int(turn.Invalid)}
	and := func(condition string, values ...any) {
		where += " AND " + condition
		args = append(args, values...)
	}
	if f.Words != "" {
		match, err := ftsQuery(f.Words)
		if err != nil {
			return "", "", nil, err
		}
		from = "words JOIN turns ON turns.n = words.rowid"
		and("words MATCH ?", match)
	}
	if f.Name != "" {
		names := []any{f.Name}
		for _, p := range peers {
			if p.Name != f.Name && strings.EqualFold(p.Name, f.Name) {
				names = append(names, p.Name)
			}
		}
		and("turns.name IN (?"+strings.Repeat(", ?", len(names)-1)+")", names...)
	}
	if f.Key != nil {
		and("turns.author = ?", f.Key[:])
	}
	if len(f.Peers) > 0 {
		var values []any
		for _, p := range f.Peers {
			values = append(values, p.Name, p.Key[:])
		}
		and("(turns.name, turns.author) IN (VALUES (?, ?)"+strings.Repeat(", (?, ?)", len(f.Peers)-1)+")", values...)
	}
	time := "turns.time"
	if f.After != nil || f.Before != nil || f.From != nil {
		// Each page goes on in the order where the last one ended. By the time it
		// would have to look at all that is in the span, and sort it.
		time = "+turns.time"
	}
	if !f.Since.IsZero() {
		and(time+" >= ?", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		and(time+" < ?", f.Until.UnixMilli())
	}
	if a := f.After; a != nil {
		and("(turns.stamp, turns.id) > (?, ?)", int64(a.Stamp), a.ID[:])
	}
	if b := f.Before; b != nil {
		and("(turns.stamp, turns.id) < (?, ?)", int64(b.Stamp), b.ID[:])
	}
	if at := f.From; at != nil {
		and("(turns.stamp, turns.id) >= (?, ?)", int64(at.Stamp), at.ID[:])
	}
	return from, where, args, nil
}

// ftsQuery makes a full-text query of what a person typed. Nothing in it can be a
// fault of syntax.
func ftsQuery(typed string) (string, error) {
	var terms []string
	for i, part := range strings.Split(typed, `"`) {
		phrases := strings.Fields(part)
		if i%2 == 1 {
			phrases = []string{part}
		}
		for _, p := range phrases {
			if !strings.ContainsFunc(p, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r) }) {
				continue // it has no token
			}
			term := `"` + strings.ReplaceAll(strings.TrimRight(p, "*"), "\x00", " ") + `"`
			if i%2 == 0 && strings.HasSuffix(p, "*") {
				term += "*"
			}
			terms = append(terms, term)
		}
	}
	if len(terms) == 0 {
		return "", fmt.Errorf("%q: %w", typed, ErrNoWords)
	}
	return strings.Join(terms, " AND "), nil
}

// page gives the turns that a filter chooses, in the order, and beyond its limit
// so many more.
func (c *checkpoint) page(ctx context.Context, f Filter, top uint64, beyond int) ([]*turn.Signed, error) {
	from, where, args, err := f.where(top, c.now().peers())
	if err != nil {
		return nil, err
	}
	direction := " DESC"
	if f.First {
		direction = ""
	}
	query := fmt.Sprintf("SELECT turns.id, turns.signed, turns.state, turns.crc FROM %s WHERE %s ORDER BY turns.stamp%[3]s, turns.id%[3]s LIMIT ?",
		from, where, direction)
	ts, err := c.query(ctx, query, append(args, f.limit()+beyond)...)
	if !f.First {
		slices.Reverse(ts)
	}
	return ts, errors.Join(err, c.inOrder(ts))
}

func (f *Filter) limit() int {
	if f.Limit <= 0 || f.Limit > MaxPage {
		return MaxPage
	}
	return f.Limit
}

// pages gives what a filter chooses of several checkpoints, some of which may be
// nil.
func pages(ctx context.Context, f Filter, top uint64, of ...*checkpoint) ([]*turn.Signed, error) {
	var all []*turn.Signed
	for _, c := range of {
		if c == nil {
			continue
		}
		ts, err := c.page(ctx, f, top, 0)
		if err != nil {
			return nil, err
		}
		all = append(all, ts...)
	}
	return f.merge(all), nil
}

// merge gives turns that the filter chose in several places in the order, each
// once, and not more than its limit.
func (f *Filter) merge(all []*turn.Signed) []*turn.Signed {
	slices.SortStableFunc(all, func(a, b *turn.Signed) int { return a.Item().Compare(b.Item()) })
	all = slices.CompactFunc(all, func(a, b *turn.Signed) bool { return a.ID() == b.ID() })
	n := len(all) - f.limit()
	switch {
	case n <= 0:
		return all
	case f.First:
		return all[:f.limit()]
	}
	return all[n:]
}

// inMemory makes a checkpoint in memory of turns that base, which may be nil,
// does not have.
func inMemory(g turn.GroupID, base *checkpoint, ts []*turn.Signed) (*checkpoint, error) {
	c, err := openCheckpoint("", g, turn.Parse, true)
	if err != nil {
		return nil, err
	}
	c.base = base
	if _, err := c.advance(context.Background(), each(ts), cover{}); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Find gives the turns that a filter chooses, in the order, of all that was
// appended until now. Of words, all must be there, in any place and order;
// "several words" in quotes, side by side; wor* is the beginning of a word. Case
// and accents make no difference. It advances the checkpoint first. The error
// matches ErrNoWords; ErrNoCheckpoint, and then Look can do the same from the
// logs; or ErrCheckpoint, which is a case for Repair.
func (s *Store) Find(ctx context.Context, f Filter) ([]*turn.Signed, error) {
	_ = s.advanceForFind(ctx) // if it cannot, what it lacks is searched apart
	s.mu.Lock()
	c, fresh := s.checkpoint, slices.Collect(maps.Values(s.inHand))
	s.mu.Unlock()
	if c == nil {
		return nil, ErrNoCheckpoint
	}
	ts, err := s.findIn(ctx, f, c, fresh)
	return ts, s.noticed(c, err)
}

// findPatience is how long a search waits for an Advance, before it does without.
const findPatience = time.Second

// advanceForFind is Advance, unless the checkpoint must be made anew.
func (s *Store) advanceForFind(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, findPatience)
	defer stop()
	if err := s.enterAdvancing(ctx); err != nil {
		return err
	}
	defer s.advancing.leave()
	s.mu.Lock()
	skip := s.checkpoint == nil || s.spoiled != nil || len(s.fresh) == 0
	s.mu.Unlock()
	if skip {
		return nil
	}
	return s.advance(ctx, &Advanced{}, nil)
}

// findIn is Find in a checkpoint and in what it lacks.
func (s *Store) findIn(ctx context.Context, f Filter, c *checkpoint, fresh []*turn.Signed) ([]*turn.Signed, error) {
	slices.SortFunc(fresh, func(a, b *turn.Signed) int { return a.Item().Compare(b.Item()) })
	top, err := reach(c, fresh)
	if err != nil {
		return nil, err
	}
	var more *checkpoint
	if len(fresh) > 0 {
		if more, err = inMemory(s.o.Group, c, fresh); err != nil {
			return nil, err
		}
		defer more.close() // it is in memory only
	}
	return pages(ctx, f, top, c, more)
}
