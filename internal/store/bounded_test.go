package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// Logs with more turns behind the checkpoint than a batch: Open puts them in, and
// gives none of them. The next start reads nothing again. Lines that any of them
// carries are said.
func TestOpenFills(t *testing.T) {
	store.Batch(t, 10)
	ts := chain(t, group, 95)
	for _, tt := range []struct {
		name    string
		covered int // before it was killed
		change  func(d *storetest.Disk, o store.Options)
		fills   int
		had     int
	}{
		{"deleted", 95, func(_ *storetest.Disk, o store.Options) { os.Remove(o.Checkpoint) }, 95, 0},
		{"damaged", 95, func(_ *storetest.Disk, o store.Options) {
			b, _ := os.ReadFile(o.Checkpoint)
			os.WriteFile(o.Checkpoint, b[:len(b)/2], 0o600)
		}, 95, 0},
		{"old", 50, func(*storetest.Disk, store.Options) {}, 45, 50},
		{"a batch behind", 85, func(*storetest.Disk, store.Options) {}, 0, 85},
		{"old, and a log is damaged", 50, func(d *storetest.Disk, _ store.Options) {
			log, _ := d.Get(replica(1))
			log[len(log)*3/4] ^= 1 // what is covered is not read at the start
			d.Put(replica(1), log)
		}, 45, 50},
		{"old, and its logs were written anew", 50, func(d *storetest.Disk, _ store.Options) {
			for i := range 3 {
				log, _ := d.Get(replica(i))
				d.Put(replica(i), bytes.Replace(log, log[75:91], []byte("0123456789abcdef"), 1))
			}
		}, 45, 50},
		{"deleted, and two logs are damaged", 95, func(d *storetest.Disk, o store.Options) {
			os.Remove(o.Checkpoint)
			for i := range 2 {
				log, _ := d.Get(replica(i))
				log[len(log)/2+i*3000] ^= 1
				d.Put(replica(i), log[:len(log)-10])
			}
		}, 95, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := storetest.New()
			o := withCheckpoint(t, d)
			s, _ := open(t, o)
			s.Queue(ts[0].Turn().LineIDs[0], "said first")
			s.Queue(ts[90].Turn().LineIDs[0], "said late")
			s.Queue(turn.LineID{9}, "another")
			s.Append(ts[:tt.covered])
			if _, err := s.Advance(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			s.Append(ts[tt.covered:])
			s.Close()
			tt.change(d, o)
			var done, total int64
			o.Progress = func(d, t int64) { done, total = d, t }
			s, r := open(t, o)
			isRestored(t, tt.name, s, r, ts, 4)
			if r.Checkpoint.Filled != tt.fills || r.Checkpoint.Turns != tt.had || len(r.New) != 95-tt.had-tt.fills {
				t.Errorf("%+v, %d new", r.Checkpoint, len(r.New))
			}
			if want := summaryOf(ts[:tt.had+tt.fills], 4); !reflect.DeepEqual(alike(r.Summary), alike(want)) {
				t.Errorf("%+v, want %+v", r.Summary, want)
			}
			if len(r.Unsent) != 1 || r.Unsent[0].Text != "another" {
				t.Errorf("unsent: %v", r.Unsent)
			}
			if tt.fills > 0 && (done != total || total != int64(tt.fills)) {
				t.Errorf("%d of %d", done, total)
			}
			if body(t, d, 0) != body(t, d, 1) || body(t, d, 0) != body(t, d, 2) {
				t.Errorf("the logs are not alike: %+v", r.Replicas)
			}
			s.Append(ts[:1])
			s.Close()
			_, r = open(t, o)
			if r.Checkpoint.Problem != nil || tt.fills > 0 && (r.Checkpoint.Behind || r.Checkpoint.Turns != 95 || len(r.New) != 0) {
				t.Errorf("the next start: %+v, %d new", r.Checkpoint, len(r.New))
			}
		})
	}
}

// There is no room to fill the checkpoint: all turns are given, nothing is
// forgotten, and the next Advance with room has them all.
func TestOpenCannotFill(t *testing.T) {
	store.Batch(t, 10)
	defer store.MaxPages(0)
	ts := chain(t, group, 200)
	_, o := checkpointed(t, ts)
	os.Remove(o.Checkpoint)
	store.MaxPages(22)
	s, r := open(t, o)
	isRestored(t, "no room", s, r, ts, 4)
	if r.Checkpoint.Problem == nil || len(r.New) != len(ts) || r.Summary.Count != 0 || s.Behind() != len(ts) {
		t.Errorf("%+v, %d new, %d behind", r.Checkpoint, len(r.New), s.Behind())
	}
	store.MaxPages(0)
	if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != 200 || s.Behind() != 0 {
		t.Error(a, err)
	}
	s.Close()
	s, r = open(t, o)
	isRestored(t, "room", s, r, ts, 4)
	if r.Checkpoint.Behind || len(r.New) != 0 {
		t.Errorf("%+v", r.Checkpoint)
	}
}

// Reading on several cores finds what reading on one does, damage too.
func TestReadOnAllCores(t *testing.T) {
	ts := chain(t, group, 3000)
	disk := written(t, 2, ts)
	rnd := rand.New(rand.NewPCG(4, 4))
	for i := range 2 {
		log, _ := disk.Get(replica(i))
		for range 60 {
			log[rnd.IntN(len(log))] ^= 1 << rnd.IntN(7)
		}
		disk.Put(replica(i), log)
	}
	var results []string
	for _, cores := range []int{1, 4} {
		before := runtime.GOMAXPROCS(cores)
		o := options(disk.Crash())
		o.Replicas = 2
		s, r := open(t, o)
		s.Close()
		runtime.GOMAXPROCS(before)
		if !slices.Equal(ids(r.New), ids(ts)) {
			t.Errorf("%d turns on %d cores", len(r.New), cores)
		}
		result := ""
		for _, st := range r.Replicas {
			result += fmt.Sprintln(st.Turns, st.Missing, st.Damaged, st.MoreDamaged, st.Torn, st.Err, st.From)
		}
		results = append(results, result)
	}
	if results[0] != results[1] {
		t.Errorf("%s\nand on several cores\n%s", results[0], results[1])
	}
}
