package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// body is a log behind its header.
func body(t testing.TB, d *storetest.Disk, i int) string {
	t.Helper()
	log, ok := d.Get(replica(i))
	_, rest, found := strings.Cut(string(log), "\n")
	if !ok || !found {
		t.Fatalf("replica %d has no header", i)
	}
	return rest
}

// mended opens three logs, closes them, and checks that they are alike, and as
// want says behind the header; and that the next start finds nothing to do.
func mended(t *testing.T, what string, d *storetest.Disk, want string) *store.Restored {
	t.Helper()
	o := options(d)
	o.Parse = parseOnce
	s, r, err := store.Open(o)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	s.Close()
	for i := range 3 {
		if got := body(t, d, i); got != want {
			t.Fatalf("%s: replica %d is\n%s\nwant\n%s", what, i, got, want)
		}
	}
	s, again, err := store.Open(o)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	s.Close()
	for _, st := range again.Replicas {
		if !st.Consistent() || st.Repaired || st.Created {
			t.Fatalf("%s: at the next start %+v", what, st)
		}
	}
	return r
}

// told tells whether the state says that something was amiss.
func told(st store.ReplicaState) bool {
	return reported(st) || st.Missing > 0 || st.Created || st.Foreign
}

// One of three logs cut at every byte, flipped at every byte, zeroed: all three
// are alike afterwards, to the byte, and it was told.
func TestMendEverywhere(t *testing.T) {
	ts := chain(t, group, 3)
	ts[0], ts[1] = ts[1], ts[0] // the sequence of lines is not the order
	disk := written(t, 3, ts)
	want := body(t, disk, 0)
	whole, _ := disk.Get(replica(1))
	generation := bytes.IndexByte(whole, '\n') - 16
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1 << (i % 8)
		zeroed := bytes.Clone(whole)
		clear(zeroed[i:min(len(zeroed), i+100)])
		for how, content := range map[string][]byte{"cut": whole[:i], "flipped": flipped, "zeroed": zeroed} {
			what := fmt.Sprintf("%s at %d", how, i)
			d := disk.Crash()
			d.Put(replica(1), content)
			r := mended(t, what, d, want)
			silent := how == "flipped" && i >= generation && i < generation+16 || how == "cut" && i == len(whole)-1
			if !silent && !told(r.Replicas[1]) {
				t.Fatalf("%s: nobody was told: %+v", what, r.Replicas[1])
			}
			if told(r.Replicas[0]) || told(r.Replicas[2]) {
				t.Fatalf("%s: %+v", what, r.Replicas)
			}
		}
	}
}

// Two or all of three logs damaged: all are alike afterwards, with every turn
// that is whole in one of them.
func TestMendPairs(t *testing.T) {
	ts := chain(t, group, 4)
	disk := written(t, 3, ts)
	want := body(t, disk, 0)
	whole, _ := disk.Get(replica(0))
	rnd := rand.New(rand.NewPCG(3, 4))
	damage := func() []byte {
		b := bytes.Clone(whole)
		i := rnd.IntN(len(b))
		switch rnd.IntN(4) {
		case 0:
			return b[:i]
		case 1:
			b[i] ^= 1 << rnd.IntN(8)
		case 2:
			clear(b[i:min(len(b), i+rnd.IntN(600))])
		case 3:
			return slices.Delete(b, i, min(len(b), i+rnd.IntN(600)))
		}
		return b
	}
	for n := range 1500 {
		d := disk.Crash()
		good := rnd.IntN(3)
		for i := range 3 {
			if i != good {
				d.Put(replica(i), damage())
			}
		}
		mended(t, fmt.Sprint("two, ", n), d, want)

		d = disk.Crash()
		for i := range 3 {
			d.Put(replica(i), damage())
		}
		o := options(d)
		o.Parse = parseOnce
		s, r := open(t, o)
		s.Close()
		if !subset(r.New, ts) {
			t.Fatal("a turn that nobody wrote")
		}
		lost := 0
		for _, st := range r.Replicas {
			if reported(st) || st.Missing > 0 {
				lost++
			}
		}
		if len(r.New) < len(ts) && lost == 0 && !cutBetween(d, r) {
			t.Fatalf("run %d: %d turns are lost, and nobody was told", n, len(ts)-len(r.New))
		}
		if body(t, d, 0) != body(t, d, 1) || body(t, d, 0) != body(t, d, 2) {
			t.Fatalf("run %d: the replicas differ", n)
		}
	}
}

// cutBetween tells that all logs were cut between the same two lines, which
// cannot be seen.
func cutBetween(d *storetest.Disk, r *store.Restored) bool {
	for _, st := range r.Replicas {
		if st.Turns != len(r.New) {
			return false
		}
	}
	return true
}

func TestMendFiles(t *testing.T) {
	ts := chain(t, group, 3)
	disk := written(t, 3, ts)
	want := body(t, disk, 0)
	log := func(g turn.GroupID, ts []*turn.Signed) []byte {
		d := storetest.New()
		o := options(d)
		o.Group, o.Replicas = g, 1
		s, _ := open(t, o)
		s.Append(ts)
		s.Close()
		b, _ := d.Get(replica(0))
		return b
	}
	foreign := log(otherGroup, chain(t, otherGroup, 2))
	none, _ := written(t, 1, nil).Get(replica(0))
	// Another member's log: the same group, turns in another sequence, and
	// fewer of them.
	others := log(group, []*turn.Signed{ts[2], ts[0]})

	for _, tt := range []struct {
		name     string
		content  []byte // nil: no file
		found    int
		created  bool
		foreign  bool
		repaired bool
	}{
		{"missing", nil, 0, true, false, true},
		{"empty", []byte{}, 0, false, false, true},
		{"header only", none, 0, false, false, true},
		{"another member's", others, 2, false, false, true},
		{"another group's", foreign, 0, false, true, true},
		{"a kill between two appends", disk1(disk, 2), 2, false, false, true},
	} {
		d := disk.Crash()
		d.Delete(replica(1))
		if tt.content != nil {
			d.Put(replica(1), tt.content)
		}
		r := mended(t, tt.name, d, want)
		st := r.Replicas[1]
		if st.Turns != tt.found || st.Missing != 3-tt.found || st.Created != tt.created || st.Foreign != tt.foreign || st.Repaired != tt.repaired {
			t.Errorf("%s: %+v", tt.name, st)
		}
		if len(st.From) != 1 || st.From[0].Path != replica(0) || st.From[0].Turns != st.Missing {
			t.Errorf("%s: mended from %+v", tt.name, st.From)
		}
		aside, kept := d.Get(replica(1) + ".foreign")
		if kept != tt.foreign || kept && !bytes.Equal(aside, foreign) {
			t.Errorf("%s: kept aside: %v", tt.name, kept)
		}
	}

	// Foreign again and again: each is kept.
	d := disk.Crash()
	for n := range 5 {
		d.Put(replica(2), append(bytes.Clone(foreign), fmt.Sprint(n, "\n")...))
		mended(t, "foreign again", d, want)
	}
	if files := fmt.Sprint(d.Files()); strings.Count(files, ".foreign") != 5 {
		t.Error(files)
	}

	// All of another group: it is the passphrase that is wrong, or the directory.
	d = disk.Crash()
	for i := range 3 {
		d.Put(replica(i), foreign)
	}
	if _, _, err := store.Open(options(d)); !errors.Is(err, store.ErrOtherGroup) {
		t.Error(err)
	}
}

// disk1 is what replica 1 has if it lacks all but the first n turns.
func disk1(d *storetest.Disk, n int) []byte {
	log, _ := d.Get(replica(1))
	return bytes.Join(bytes.SplitAfter(log, []byte("\n"))[:n+1], nil)
}

// What a kill in the middle of an append leaves is put right by appending: no
// log is written anew.
func TestMendByAppending(t *testing.T) {
	ts := chain(t, group, 5)
	disk := written(t, 3, ts)
	d := disk.Crash()
	before, _ := d.Get(replica(1))
	d.Put(replica(1), disk1(disk, 2))
	d.Put(replica(2), disk1(disk, 4)[:len(disk1(disk, 4))-7]) // torn, too
	mended(t, "appended", d, body(t, disk, 0))
	after, _ := d.Get(replica(1))
	if !bytes.Equal(before, after) {
		t.Error("the log was written anew")
	}
}

// A disk that is full when a log should be written anew: it stays as it is,
// takes turns, and is mended later.
func TestMendFails(t *testing.T) {
	ts := chain(t, group, 4)
	disk := written(t, 3, ts[:3])
	d := disk.Crash()
	log, _ := d.Get(replica(1))
	log[200] ^= 1
	d.Put(replica(1), log)
	full := true
	d.Fault = func(op storetest.Op) (f storetest.Fault) {
		if full && op.Kind == storetest.OpWrite && strings.HasSuffix(op.Path, ".new") {
			f = storetest.Fault{Err: errDisk, Torn: op.Size / 2}
		}
		return f
	}
	s, r := open(t, options(d))
	if st := r.Replicas[1]; !errors.Is(st.NotMended, errDisk) || st.Repaired || st.Err != nil || len(st.Damaged) != 1 {
		t.Fatalf("%+v", st)
	}
	if res := s.Append(ts[3:]); res.Kept() != 3 {
		t.Fatal(res.Replicas)
	}
	s.Close()
	full = false
	want := body(t, disk, 0) + string(store.AppendLine(nil, ts[3]))
	mended(t, "later", d, want)
	if aside, _ := d.Get(replica(1) + ".damaged"); len(aside) <= len(log) || !bytes.HasPrefix(aside, log) {
		t.Error("the damaged log was not kept")
	}
}
