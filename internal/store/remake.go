package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// remakeBatch is how many turns go into one transaction when a checkpoint is
// made of the logs, and how many the start keeps in memory. Tests take fewer.
var remakeBatch = 20_000

const (
	// spoiledSuffix is the ending of a file beside a checkpoint of which damage was
	// seen: one line that says what.
	spoiledSuffix = ".spoiled"
	// maxSpoiled is how many bytes of that are written and read. What is longer is
	// cut.
	maxSpoiled = 500
)

// noteSpoiled tells the next start what was seen of the checkpoint at path. Where
// there is no room for that, the file is empty, which says enough.
func noteSpoiled(path string, seen error) {
	why := strings.TrimPrefix(seen.Error(), fmt.Sprintf("%s: %s: ", path, ErrCheckpoint))
	_ = os.WriteFile(path+spoiledSuffix, []byte(spoiledLine(why)+"\n"), 0o600)
}

// spoiledWhy is the error of a checkpoint that such a file is beside.
func spoiledWhy(path string) error {
	why := ""
	if f, err := os.Open(path + spoiledSuffix); err == nil {
		b, _ := io.ReadAll(io.LimitReader(f, maxSpoiled)) // what cannot be read is not told
		_ = f.Close()
		why = spoiledLine(string(b))
	}
	if why == "" {
		why = "something that could not be noted"
	}
	return fmt.Errorf("%s: %w: seen when it was used last: %s", path, ErrCheckpoint, why)
}

// spoiledLine makes one line of what can be printed, maxSpoiled bytes at most.
func spoiledLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) { // half a letter is at the end of what was cut
			return ' '
		}
		return r
	}, text[:min(len(text), maxSpoiled)])
	return strings.Join(strings.Fields(text), " ")
}

// putCheckpointAside moves the checkpoint away, so that it stays.
func (s *Store) putCheckpointAside(suffix string) (string, error) {
	aside, err := checkpointAside(s.o.Checkpoint, suffix)
	if err != nil {
		return "", err
	}
	if err := os.Remove(s.o.Checkpoint + spoiledSuffix); !errors.Is(err, fs.ErrNotExist) && err != nil {
		return aside, err
	}
	return aside, nil
}

// remakeCheckpoint makes a checkpoint of the logs, if the one in use was found to
// be damaged or there is none. The damaged one is put aside.
func (s *Store) remakeCheckpoint(ctx context.Context) (aside string, err error) {
	if err := s.enterAdvancing(ctx); err != nil {
		return "", err
	}
	defer s.advancing.leave()
	s.mu.Lock()
	fine := s.checkpoint != nil && s.spoiled == nil
	s.mu.Unlock()
	if fine {
		return "", nil // it was made anew meanwhile
	}
	var a Advanced
	if err = s.obtain(ctx, &a, nil); err == nil {
		err = s.advance(ctx, &a, nil)
	}
	return a.Aside, err
}

// obtain gets a checkpoint that can be used, where there is none or it is damaged:
// the file, if nothing is wrong with that, else one that is made of the logs. Close
// ends it early. Its caller holds s.advancing. What is in use stays so until the new
// one is whole.
func (s *Store) obtain(ctx context.Context, a *Advanced, peers []Peer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(s.life, stop)()
	err := s.reopen(ctx, a)
	if errors.Is(err, errRemake) {
		err = s.remake(ctx, a, peers)
	}
	if err != nil {
		if s.life.Err() != nil {
			return ErrClosed
		}
		err = fmt.Errorf("%s cannot be made anew: %w", s.o.Checkpoint, err)
		s.remakes.failed(err)
		return err
	}
	s.remakes = retry{}
	return nil
}

// errRemake says that the file is of no use.
var errRemake = errors.New("there is no checkpoint that can be used")

// reopen takes up a file that could not be used when it was tried last.
func (s *Store) reopen(ctx context.Context, a *Advanced) error {
	path := s.o.Checkpoint
	for _, bad := range []bool{s.theCheckpoint() != nil, exists(path + spoiledSuffix), !exists(path)} {
		if bad {
			return errRemake
		}
	}
	c, err := openCheckpoint(path, s.o.Group, s.o.Parse, true)
	if errors.Is(err, ErrCheckpoint) {
		return errRemake
	}
	if err != nil {
		return err
	}
	u := newUnion(s.o.Group, s.o.Parse)
	if now := c.now(); now.Turns > 0 && now.Member != s.o.member() {
		err = errRemake
	} else {
		err = s.knownOf(c, u)
	}
	if err == nil {
		err = s.readForCheckpoint(ctx, u)
	}
	if err == nil {
		a.New, err = s.fill(ctx, c, u, u.fresh(), cover{})
	}
	if err != nil {
		_ = c.close() // what was put in is
		if errors.Is(err, ErrCheckpoint) {
			return errRemake
		}
		return err
	}
	s.use(c, u)
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// readForCheckpoint reads the logs into u. It is an error if no log certainly has
// all turns: what the checkpoint then says that it covers, it must have.
func (s *Store) readForCheckpoint(ctx context.Context, u *union) error {
	u.trust, u.stop = true, ctx.Err
	paths, ends, epochs := s.ends()
	reports := compare(s.o.FS, paths, ends, u)
	if err := ctx.Err(); err != nil {
		return err
	}
	all := 0 // of all logs
	for i, p := range u.places {
		if i >= u.known || p.log > 0 {
			all++
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.replicas {
		l := reports[i]
		whole := l.Err == nil && len(l.Damaged) == 0 && !l.Torn && l.Turns == all
		if whole && r.complete && !r.broken && r.epoch == epochs[i] {
			return nil
		}
	}
	return errors.New("no replica is whole just now: they must be mended first (/sync)")
}

// remake makes a checkpoint of the logs, beside the one that is there, and puts it
// into its place.
func (s *Store) remake(ctx context.Context, a *Advanced, peers []Peer) error {
	u := newUnion(s.o.Group, s.o.Parse)
	if err := s.readForCheckpoint(ctx, u); err != nil {
		return err
	}
	old := s.theCheckpoint()
	if old != nil {
		peers = append(old.now().peers(), peers...)
	}
	path := s.o.Checkpoint + newSuffix
	if err := removeCheckpoint(path); err != nil { // of one that was not finished
		return err
	}
	c, err := openCheckpoint(path, s.o.Group, s.o.Parse, true)
	if err == nil {
		a.New, err = s.fill(ctx, c, u, u.all(), cover{peers: peers})
		err = errors.Join(err, c.close()) // then it is one file
	}
	if err == nil && exists(path+"-wal") {
		err = fmt.Errorf("another program is using %s", path)
	}
	if err == nil {
		c, err = s.exchange(old, a)
	}
	if err != nil {
		_ = removeCheckpoint(path) // to make room; the next try does it anyway
		return err
	}
	s.use(c, u)
	return nil
}

// exchange puts the new file in the place of the old one, which stays beside it.
// From here on, after an error, none is in use.
func (s *Store) exchange(old *checkpoint, a *Advanced) (c *checkpoint, err error) {
	s.mu.Lock()
	s.checkpoint = nil
	s.mu.Unlock()
	if old != nil {
		_ = old.close() // it is damaged
	}
	path := s.o.Checkpoint
	if exists(path) {
		a.Aside, err = s.putCheckpointAside(damagedSuffix)
	} else {
		// Of one that was removed SQLite would take the write-ahead log for the new one's.
		err = removeCheckpoint(path)
		_ = os.Remove(path + spoiledSuffix)
	}
	if err != nil {
		return nil, err
	}
	if err := os.Rename(path+newSuffix, path); err != nil {
		return nil, err
	}
	a.Remade = true
	return openCheckpoint(path, s.o.Group, s.o.Parse, true)
}

// use begins to use a checkpoint, which has all turns of a union.
func (s *Store) use(c *checkpoint, u *union) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpoint, s.spoiled, s.tally = c, nil, nil
	rest := s.fresh[:0]
	for _, t := range s.fresh {
		if !u.has(t.ID()) {
			rest = append(rest, t)
		}
	}
	clear(s.fresh[len(rest):])
	s.fresh = rest
	clear(s.inHand)
	for _, t := range s.fresh {
		s.inHand[t.ID()] = t
	}
}
