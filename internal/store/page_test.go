package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// spoken makes a chain of turns with these texts, by ana and bia in turn.
func spoken(t testing.TB, texts ...string) []*turn.Signed {
	var ts []*turn.Signed
	for i, text := range texts {
		v := turn.Turn{
			Name: []string{"Ana", "bia"}[i%2], Stamp: uint64(i + 1), Time: 1_767_323_045_678 + int64(i)*1000,
			LineIDs: []turn.LineID{{byte(i), 1}}, Texts: []string{text},
		}
		if i > 0 {
			v.Parents = []turn.ID{ts[i-1].ID()}
		}
		ts = append(ts, sign(t, group, v))
	}
	return ts
}

// numbers are the places in ts of what was found.
func numbers(ts, found []*turn.Signed) string {
	var out []string
	for _, f := range found {
		out = append(out, fmt.Sprint(slices.IndexFunc(ts, func(s *turn.Signed) bool { return s.ID() == f.ID() })))
	}
	return strings.Join(out, " ")
}

func TestFind(t *testing.T) {
	ts := spoken(t,
		"Olá, João! Está tudo bem?", // 0
		"JOAO disse que não",        // 1
		"a ação de amanhã",          // 2, decomposed
		"server-01 down; rack 7",    // 3
		`he said "rack" AND left`,   // 4
		"日本語 テスト",                   // 5
		"👍",                         // 6
		"rack seven",                // 7
	)
	key := ts[0].Turn().Author
	store.Synchronous(false)
	at := func(i int) time.Time { return time.UnixMilli(ts[i].Turn().Time) }
	item := func(i int) *turn.Item { it := ts[i].Item(); return &it }
	for _, tt := range []struct {
		f    store.Filter
		want string
	}{
		{store.Filter{}, "0 1 2 3 4 5 6 7"},
		{store.Filter{Limit: 3}, "5 6 7"},
		{store.Filter{Limit: 3, First: true}, "0 1 2"},
		{store.Filter{Words: "joao"}, "0 1"},
		{store.Filter{Words: "JOÃO"}, "0 1"},
		{store.Filter{Words: "Jo\u0061\u0303o"}, "0 1"},
		{store.Filter{Words: "nao joão"}, "1"},
		{store.Filter{Words: "acao"}, "2"},
		{store.Filter{Words: "amanh*"}, "2"},
		{store.Filter{Words: "amanh"}, ""},
		{store.Filter{Words: "rack"}, "3 4 7"},
		{store.Filter{Words: "rack", Limit: 1}, "7"},
		{store.Filter{Words: "rack", Limit: 1, First: true}, "3"},
		{store.Filter{Words: `"rack 7"`}, "3"},
		{store.Filter{Words: `"rack 7`}, "3"},
		{store.Filter{Words: "server-01"}, "3"},
		{store.Filter{Words: "01 rack"}, "3"},
		{store.Filter{Words: "AND"}, "4"},
		{store.Filter{Words: "rack OR joao"}, ""},
		{store.Filter{Words: "NEAR(rack)"}, ""},
		{store.Filter{Words: "text:rack"}, ""},
		{store.Filter{Words: "rack ; ' -- ^ ( ) { } + : *"}, "3 4 7"},
		{store.Filter{Words: "日本語"}, "5"},
		{store.Filter{Words: "日本*"}, "5"},
		{store.Filter{Name: "ANA"}, "0 2 4 6"},
		{store.Filter{Name: "bia", Words: "rack"}, "3 7"},
		{store.Filter{Name: "eva"}, ""},
		{store.Filter{Key: &key, Limit: 1}, "7"},
		{store.Filter{Peers: []store.Peer{{Name: "bia", Key: key}, {Name: "eva", Key: key}}}, "1 3 5 7"},
		{store.Filter{Peers: []store.Peer{{Name: "Ana", Key: key}, {Name: "bia", Key: key}}, Words: "rack"}, "3 4 7"},
		{store.Filter{Peers: []store.Peer{{Name: "bia"}}}, ""},
		{store.Filter{From: item(5)}, "5 6 7"},
		{store.Filter{From: item(2), After: item(2), Words: "rack", First: true, Limit: 2}, "3 4"},
		{store.Filter{From: item(3), Before: item(5), Since: at(0), Until: at(4)}, "3"},
		{store.Filter{Key: &turn.Key{}}, ""},
		{store.Filter{Since: at(2), Until: at(4)}, "2 3"},
		{store.Filter{After: item(5)}, "6 7"},
		{store.Filter{Before: item(2)}, "0 1"},
		{store.Filter{After: item(1), Before: item(7), Limit: 2}, "5 6"},
		{store.Filter{After: item(1), Before: item(7), Limit: 2, First: true}, "2 3"},
	} {
		for _, how := range []string{"all", "half", "cannot advance", "without the lock", "without a checkpoint"} {
			o := options(nil)
			o.Dir = t.TempDir()
			o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
			o.Parse = parseOnce
			s, _ := open(t, o)
			s.Append(ts[:4])
			if how != "all" {
				if _, err := s.Advance(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			s.Append(ts[4:])
			find := s.Find
			switch how {
			case "cannot advance":
				s.BreakCheckpoint(true)
			case "without a checkpoint", "without the lock":
				look := store.Options{Dir: o.Dir, Checkpoint: o.Checkpoint, Recent: 3}
				if how == "without a checkpoint" {
					look.Checkpoint = ""
				}
				v, err := store.Look(look)
				if err != nil || v.Restored.Count != len(ts) || (len(v.Restored.New) < len(ts)) != (how == "without the lock") || v.Restored.Checkpoint.Problem != nil {
					t.Fatalf("%s: %+v, %v", how, v, err)
				}
				if want := numbers(ts, v.Restored.Recent); look.Recent != 3 || want != "5 6 7" {
					t.Fatal(want)
				}
				defer v.Close()
				find = v.Find
			}
			got, err := find(t.Context(), tt.f)
			if numbers(ts, got) != tt.want || err != nil {
				t.Errorf("%s: %+v: %s, want %s; %v", how, tt.f, numbers(ts, got), tt.want, err)
			}
			s.Close()
		}
	}
}

func TestFindNothing(t *testing.T) {
	s, _ := open(t, withCheckpoint(t, storetest.New()))
	for _, words := range []string{" ", `"`, "?!", "*", `""`, "👍"} {
		if _, err := s.Find(t.Context(), store.Filter{Words: words}); !errors.Is(err, store.ErrNoWords) {
			t.Errorf("%q: %v", words, err)
		}
	}
	s, _ = open(t, options(storetest.New()))
	if _, err := s.Find(t.Context(), store.Filter{}); !errors.Is(err, store.ErrNoCheckpoint) {
		t.Error(err)
	}
}

// What breaks the rules or is out of reach is not found.
func TestFindShown(t *testing.T) {
	first := sign(t, group, turn.Turn{Name: "ana", Stamp: 5, LineIDs: []turn.LineID{{1}}, Texts: []string{"word one"}})
	low := sign(t, group, turn.Turn{Name: "ana", Stamp: 5, Parents: []turn.ID{first.ID()}, LineIDs: []turn.LineID{{2}}, Texts: []string{"word two"}})
	far := sign(t, group, turn.Turn{Name: "ana", Stamp: turn.MaxStamp, Parents: []turn.ID{{9}}, LineIDs: []turn.LineID{{3}}, Texts: []string{"word three"}})
	waits := sign(t, group, turn.Turn{Name: "ana", Stamp: 6, Parents: []turn.ID{{8}}, LineIDs: []turn.LineID{{4}}, Texts: []string{"word four"}})
	ts := []*turn.Signed{first, low, far, waits}
	o := options(nil)
	o.Dir = t.TempDir()
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	s, _ := open(t, o)
	s.Append(ts[:1])
	s.Advance(t.Context(), nil)
	s.Append(ts[1:])
	v, err := store.Look(store.Options{Dir: o.Dir, Checkpoint: o.Checkpoint})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	for _, f := range []store.Filter{{}, {Words: "word"}} {
		got, err := s.Find(t.Context(), f)
		if numbers(ts, got) != "0 3" || err != nil {
			t.Error(numbers(ts, got), err)
		}
		got, err = v.Find(t.Context(), f)
		if numbers(ts, got) != "0 3" || err != nil {
			t.Error("look:", numbers(ts, got), err)
		}
	}
}

// A directory on a medium that cannot be written is looked at all the same.
func TestLookReadOnly(t *testing.T) {
	ts := spoken(t, "one", "two", "three")
	o := options(nil)
	o.Dir = t.TempDir()
	o.Checkpoint = filepath.Join(o.Dir, "checkpoint.db")
	s, _ := open(t, o)
	s.Append(ts)
	s.Advance(t.Context(), nil)
	s.Close()
	for _, change := range []func() error{
		func() error { return nil },
		func() error { return os.WriteFile(o.Checkpoint, []byte("noise"), 0o600) },
		func() error { return os.Remove(o.Checkpoint) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadDir(o.Dir)
		v, err := store.Look(store.Options{Dir: o.Dir, Checkpoint: o.Checkpoint})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Find(t.Context(), store.Filter{Words: "two"}); numbers(ts, got) != "1" || err != nil {
			t.Error(numbers(ts, got), err)
		}
		v.Close()
		if after, _ := os.ReadDir(o.Dir); len(after) != len(before) {
			t.Errorf("%v became %v", before, after)
		}
	}
}
