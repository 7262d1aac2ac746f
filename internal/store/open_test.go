package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

func TestOpenNew(t *testing.T) {
	d := storetest.New()
	s, r := open(t, options(d))
	if len(r.New) != 0 || len(r.Replicas) != store.DefaultReplicas || len(r.Unsent) != 0 {
		t.Fatalf("%+v", r)
	}
	for i, st := range r.Replicas {
		if !st.Created || !st.Consistent() || st.Path != replica(i) {
			t.Errorf("%+v", st)
		}
	}
	if dirty := s.Dirty(); len(dirty) != store.DefaultReplicas {
		t.Errorf("replicas %v are dirty", dirty)
	}
	if err := s.SyncAll(); err != nil {
		t.Fatal(err)
	}
	if dirty := s.Dirty(); dirty != nil {
		t.Errorf("replicas %v are dirty still", dirty)
	}
	s.Close()
	_, r = open(t, options(d))
	for _, st := range r.Replicas {
		if st.Created || !st.Consistent() {
			t.Errorf("second start: %+v", st)
		}
	}
}

func TestOpenOptions(t *testing.T) {
	for _, change := range []func(*store.Options){
		func(o *store.Options) { o.Replicas = 10 },
		func(o *store.Options) { o.Replicas = -1 },
		func(o *store.Options) { o.Name = "" },
		func(o *store.Options) { o.Dir = "" },
	} {
		o := options(storetest.New())
		change(&o)
		if _, _, err := store.Open(o); err == nil {
			t.Errorf("%+v was opened", o)
		}
	}
}

func TestReplicaDirs(t *testing.T) {
	ts := chain(t, group, 2)
	d := storetest.New()
	o := options(d)
	o.Replicas, o.ReplicaDirs = 3, []string{"/a", "/b/"}
	s, r := open(t, o)
	for i, want := range []string{"/a/replica_ana_0.log", "/b/replica_ana_1.log", "/a/replica_ana_2.log"} {
		if r.Replicas[i].Path != want {
			t.Errorf("replica %d is %s, want %s", i, r.Replicas[i].Path, want)
		}
	}
	s.Append(ts)

	// The same name in another directory of data must not write there too.
	o2 := options(d)
	o2.Dir, o2.ReplicaDirs = "/data2", []string{"/b"}
	if _, _, err := store.Open(o2); !errors.Is(err, store.ErrLocked) {
		t.Errorf("another store in /b: %v", err)
	}
	s.Close()

	// Fewer replicas later, and another name: what is there is read.
	o.Replicas = 1
	d.Delete("/a/replica_ana_0.log")
	s, r = open(t, o)
	if !slices.Equal(ids(r.New), ids(ts)) || len(r.Others) != 2 || r.Replicas[0].Missing != 2 {
		t.Errorf("%+v", r)
	}
	s.Close()
}

func TestOtherName(t *testing.T) {
	ts := chain(t, group, 2)
	d := written(t, 1, ts)
	o := options(d)
	o.Name = "bia"
	_, r := open(t, o)
	if !slices.Equal(ids(r.New), ids(ts)) || len(r.Others) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestLocked(t *testing.T) {
	d := storetest.New()
	s, _ := open(t, options(d))
	_, _, err := store.Open(options(d))
	var locked *store.LockedError
	if !errors.As(err, &locked) || !errors.Is(err, store.ErrLocked) || locked.Name != "ana" || locked.Dir != dir {
		t.Fatal(err)
	}
	s.Close()
	open(t, options(d))
}

// What each kind of file is read as. The log is one of two; the other is whole
// where the case says so.
func TestFileOutcomes(t *testing.T) {
	ts := chain(t, group, 3)
	whole, _ := written(t, 1, ts).Get(replica(0))
	lines := strings.SplitAfter(string(whole), "\n")
	header, l := lines[0], lines[1:4]
	foreign, _ := written(t, 1, nil).Get(replica(0))
	foreign = bytes.Replace(foreign, []byte("010203"), []byte("090000"), 1)
	otherTurn := string(store.AppendLine(nil, sign(t, otherGroup, turn.Turn{
		Name: "ana", Stamp: 1, LineIDs: []turn.LineID{{1}}, Texts: []string{"x"}})))
	newer := strings.Replace(header, "papo-log 1", "papo-log 2", 1)
	long := strings.Repeat("x", store.MaxLogLine+1)

	tests := []struct {
		name    string
		content string
		turns   int    // in good lines
		union   int    // with what was salvaged
		damaged string // the damaged lines, "1 2"
		torn    string // what was cut off
		err     error
	}{
		{name: "whole", content: string(whole), turns: 3, union: 3},
		{name: "empty", content: ""},
		{name: "header only", content: header},
		{name: "header without its newline", content: strings.TrimSuffix(header, "\n")},
		{name: "torn header", content: header[:20], torn: header[:20]},
		{name: "last newline missing", content: strings.TrimSuffix(string(whole), "\n"), turns: 3, union: 3},
		{name: "torn line", content: header + l[0] + l[1][:100], turns: 1, union: 1, torn: l[1][:100]},
		{name: "torn in the checksum", content: header + l[0] + l[1][:len(l[1])-3], turns: 1, union: 2, damaged: "3"},
		{name: "cut between lines", content: header + l[0], turns: 1, union: 1},
		{name: "torn NULs", content: header + l[0] + "\x00\x00", turns: 1, union: 1, torn: "\x00\x00"},
		{name: "NULs between", content: header + l[0] + "\x00\x00" + l[1] + l[2], turns: 3, union: 3, damaged: "3"},
		{name: "a block of NULs", content: header + strings.Repeat("\x00", 4096) + l[1][30:] + l[2], turns: 1, union: 2, damaged: "2"},
		{name: "all NULs", content: strings.Repeat("\x00", 4096), torn: strings.Repeat("\x00", 4096)},
		{name: "very many NULs", content: strings.Repeat("\x00", 1<<20), damaged: "1"},
		{name: "CR LF", content: strings.ReplaceAll(string(whole), "\n", "\r\n"), union: 3, damaged: "1 2 3 4"},
		{name: "no header", content: l[0] + l[1], turns: 2, union: 2, damaged: "1"},
		{name: "damaged header", content: "P" + header[1:] + l[0], turns: 1, union: 1, damaged: "1"},
		{name: "group in capitals", content: strings.Replace(header, "6ae", "6AE", 1) + l[0], turns: 1, union: 1, damaged: "1"},
		{name: "no such version", content: strings.Replace(header, "papo-log 1", "papo-log 01", 1) + l[0], turns: 1, union: 1, damaged: "1"},
		{name: "some text", content: "hello\nworld\n", damaged: "1 2"},
		{name: "damaged line", content: header + l[0] + "x" + l[1][20:100] + "\n" + l[2], turns: 2, union: 2, damaged: "3"},
		{name: "damaged text", content: header + l[0] + strings.Replace(l[1], "line 1", "line 7", 1) + l[2], turns: 2, union: 3, damaged: "3"},
		{name: "two lines in one", content: header + l[0] + l[1][:100] + l[2], turns: 1, union: 2, damaged: "3"},
		{name: "long line", content: header + l[0] + long + "\n" + l[1], turns: 2, union: 2, damaged: "3"},
		{name: "long line, not ended", content: header + l[0] + long, turns: 1, union: 1, damaged: "3"},
		{name: "empty lines", content: header + "\n" + l[0] + "\n\n" + l[1], turns: 2, union: 2},
		{name: "doubles", content: header + l[0] + l[0] + l[1], turns: 2, union: 2},
		{name: "a line of another group", content: header + otherTurn + l[0], turns: 1, union: 1, damaged: "2"},
		{name: "header of another group, no turn", content: string(foreign), damaged: "1"},
		{name: "header of another group, own turns", content: string(foreign) + l[0] + l[1], turns: 2, union: 2, damaged: "1"},
		{name: "header of another group, own turns, its turns", content: string(foreign) + l[0] + otherTurn, turns: 1, union: 1, damaged: "1 3"},
		{name: "header of another group, noise", content: string(foreign) + "noise\n", damaged: "1 2"},
		{name: "another group", content: string(foreign) + otherTurn, err: store.ErrOtherGroup},
		{name: "another group after noise", content: string(foreign) + "noise\n" + otherTurn, err: store.ErrOtherGroup},
		{name: "newer", content: newer + "something\n", err: store.ErrNewerLog},
		{name: "newer, no turn", content: newer, damaged: "1"},
		{name: "newer, but turns that are known", content: newer + l[0], turns: 1, union: 1, damaged: "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := storetest.New()
			d.Put(replica(0), []byte(tt.content))
			o := options(d)
			o.Replicas = 1
			s, r, err := store.Open(o)
			if tt.err != nil {
				if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), replica(0)) {
					t.Errorf("%v, want %v and the path", err, tt.err)
				}
				if now, _ := d.Get(replica(0)); string(now) != tt.content {
					t.Error("the file was touched")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			st := r.Replicas[0]
			if st.Turns != tt.turns || len(r.New) != tt.union || st.Missing != tt.union-tt.turns || st.Created {
				t.Errorf("%d turns, %d in the union, %d missing; want %d, %d", st.Turns, len(r.New), st.Missing, tt.turns, tt.union)
			}
			if got := damagedLines(st.Damaged); got != tt.damaged {
				t.Errorf("damaged lines %q, want %q: %v", got, tt.damaged, st.Damaged)
			}
			for _, dm := range st.Damaged {
				if dm.Line > 1 && (!strings.ContainsRune("\n\x00", rune(tt.content[dm.Offset-1])) || strings.Count(tt.content[:dm.Offset], "\n") != dm.Line-1) {
					t.Errorf("%v does not begin there", dm)
				}
			}
			aside, _ := d.Get(replica(0) + ".torn")
			if string(aside) != tt.torn || st.Torn != (tt.torn != "") || (st.Aside != "") != st.Torn {
				t.Errorf("kept aside: %q, want %q; %+v", aside, tt.torn, st)
			}

			// Whatever it was, it goes on from here.
			v := sign(t, group, turn.Turn{Name: "ana", Stamp: 1000, LineIDs: []turn.LineID{{1}}, Texts: []string{"more"}})
			if res := s.Append([]*turn.Signed{v}); res.Kept() != 1 {
				t.Fatal(res.Replicas)
			}
			if err := s.SyncAll(); err != nil {
				t.Fatal(err)
			}
			s.Close()
			s, r2 := open(t, o)
			defer s.Close()
			if !subset(r.New, r2.New) || !subset([]*turn.Signed{v}, r2.New) || r2.Replicas[0].Torn || r2.Replicas[0].Turns != tt.union+1 {
				t.Errorf("at the next start: %+v", r2.Replicas[0])
			}
			if !r2.Replicas[0].Consistent() || r2.Replicas[0].Repaired {
				t.Errorf("at the next start: %+v", r2.Replicas[0])
			}
			kept, ok := d.Get(replica(0) + ".damaged")
			if want := tt.damaged != "" && !strings.HasSuffix(tt.name, ", no turn"); ok != want || ok && string(kept) != tt.content {
				t.Errorf("the damaged log was kept: %v", ok)
			}
		})
	}
}

func damagedLines(ds []store.Damage) string {
	var lines []string
	for _, d := range ds {
		if n := fmt.Sprint(d.Line); !slices.Contains(lines, n) {
			lines = append(lines, n)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

func TestManyDamagedLines(t *testing.T) {
	d := storetest.New()
	d.Put(replica(0), []byte(strings.Repeat("x\n", 3*store.MaxDamaged)))
	_, r := open(t, options(d))
	st := r.Replicas[0]
	// Line 1 is told as a damaged header.
	if len(st.Damaged) != store.MaxDamaged || st.MoreDamaged != 2*store.MaxDamaged {
		t.Errorf("%d told, %d more", len(st.Damaged), st.MoreDamaged)
	}
}

func TestOtherGroupBesides(t *testing.T) {
	d := written(t, 3, chain(t, group, 1))
	before := d.Files()
	o := options(d)
	o.Group, o.Name = otherGroup, "bia"
	if _, _, err := store.Open(o); !errors.Is(err, store.ErrOtherGroup) {
		t.Errorf("another group's record beside it: %v", err)
	}
	if after := d.Files(); !slices.Equal(before, after) {
		t.Errorf("files %q became %q", before, after)
	}
}

// The torn line cannot be kept aside, or not be cut off.
func TestTornStays(t *testing.T) {
	ts := chain(t, group, 3)
	for _, kind := range []storetest.Kind{storetest.OpCreate, storetest.OpTruncate} {
		d := written(t, 1, ts)
		whole, _ := d.Get(replica(0))
		d.Put(replica(0), whole[:len(whole)-50])
		full := true
		d.Fault = func(op storetest.Op) (f storetest.Fault) {
			if full && op.Kind == kind {
				f.Err = errors.New("no room")
			}
			return f
		}
		o := options(d)
		o.Replicas = 1
		s, r := open(t, o)
		if !r.Replicas[0].Torn {
			t.Fatal("not torn")
		}
		if res := s.Append(ts[2:]); res.Kept() != 1 {
			t.Fatal(res.Replicas)
		}
		full = false
		s.Close()
		_, r = open(t, o)
		if st := r.Replicas[0]; st.Turns != 3 || len(st.Damaged) > 1 || st.Torn {
			t.Errorf("%s failed: %+v", kind, st)
		}
	}
}
