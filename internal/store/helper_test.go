package store_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

var (
	group      = turn.GroupID{1, 2, 3}
	otherGroup = turn.GroupID{9}
	key        = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
)

// one tells whether case i of an exhaustive test is run: with -short, as with the race
// detector, which has nothing to find in one goroutine, one in seven.
func one(i int) bool { return !testing.Short() || i%7 == 0 }

func sign(t testing.TB, g turn.GroupID, v turn.Turn) *turn.Signed {
	t.Helper()
	s, err := turn.Sign(g, v, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// chain makes n turns of group g, each the parent of the next.
func chain(t testing.TB, g turn.GroupID, n int) []*turn.Signed {
	t.Helper()
	var ts []*turn.Signed
	for i := range n {
		v := turn.Turn{
			Name:    "ana",
			Stamp:   uint64(i + 1),
			Time:    1_767_323_045_678 + int64(i)*1000,
			LineIDs: []turn.LineID{{0xa, byte(i >> 8), byte(i)}},
			Texts:   []string{fmt.Sprintf("line %d|\\", i)},
		}
		if i > 0 {
			v.Parents = []turn.ID{ts[i-1].ID()}
		}
		ts = append(ts, sign(t, g, v))
	}
	return ts
}

const dir = "/data"

func options(fsys store.FS) store.Options {
	return store.Options{
		FS: fsys, Dir: dir, Name: "ana", Group: group,
		Rand: rand.NewChaCha8([32]byte{1}),
	}
}

func replica(i int) string { return fmt.Sprintf("%s/replicas/replica_ana_%d.log", dir, i) }

func open(t testing.TB, o store.Options) (*store.Store, *store.Restored) {
	t.Helper()
	s, r, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, r
}

// written is a disk with a closed store that has these turns.
func written(t testing.TB, replicas int, ts []*turn.Signed) *storetest.Disk {
	t.Helper()
	d := storetest.New()
	o := options(d)
	o.Replicas = replicas
	s, _ := open(t, o)
	for _, v := range ts {
		if res := s.Append([]*turn.Signed{v}); res.Kept() != replicas {
			t.Fatal(res.Replicas)
		}
	}
	if err := s.SyncAll(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return d
}

func ids(ts []*turn.Signed) []turn.ID {
	var all []turn.ID
	for _, s := range ts {
		all = append(all, s.ID())
	}
	return all
}

func set(ts []*turn.Signed) map[turn.ID]bool {
	m := map[turn.ID]bool{}
	for _, s := range ts {
		m[s.ID()] = true
	}
	return m
}

// subset tells whether all of a are in b.
func subset(a, b []*turn.Signed) bool {
	in := set(b)
	for _, s := range a {
		if !in[s.ID()] {
			return false
		}
	}
	return true
}

// sum puts the right checksum behind a line.
func sum(body string) string { return store.Checksum(body) }

// compared is what comparing the replicas of a store gives, and the number of
// turns of them all.
func compared(s *store.Store) ([]store.ReplicaReport, int) {
	rep := s.Check()
	return rep.Replicas, rep.Turns
}
