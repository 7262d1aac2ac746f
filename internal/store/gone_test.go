package store_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
)

// The file of the checkpoint is removed or replaced while it is in use: what would go
// into a file that has no name any more is put into a new one by the next Advance, or
// by Repair.
func TestCheckpointGoneWhileRunning(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed there")
	}
	ts := chain(t, group, 30)
	for what, take := range map[string]func(t *testing.T, path string){
		"removed": func(t *testing.T, path string) {
			for _, more := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(path + more); err != nil {
					t.Fatal(err)
				}
			}
		},
		"removed without its write-ahead log": func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
		"replaced": func(t *testing.T, path string) {
			if err := errors.Join(os.WriteFile(path+".other", nil, 0o600), os.Rename(path+".other", path)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, by := range []string{"Advance", "Repair"} {
			t.Run(what+", "+by, func(t *testing.T) {
				o := withCheckpoint(t, storetest.New())
				s, _ := open(t, o)
				s.Append(ts[:10])
				if _, err := s.Advance(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
				take(t, o.Checkpoint)
				s.Append(ts[10:20])
				aside := ""
				if by == "Repair" {
					r := s.Repair(t.Context(), nil)
					if !r.Consistent() || !r.Checkpoint.Repaired || r.Checkpoint.Path != o.Checkpoint {
						t.Fatalf("%+v", r)
					}
					aside = r.Checkpoint.Aside
				} else {
					a, err := s.Advance(t.Context(), nil)
					if err != nil || !a.Remade || a.Turns != 20 {
						t.Fatal(a, err)
					}
					aside = a.Aside
				}
				if (aside != "") != (what == "replaced") {
					t.Errorf("put aside as %q", aside)
				}
				missingFile(t, o.Checkpoint+".spoiled")
				s.Append(ts[20:])
				if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != 30 || a.Remade {
					t.Fatal(a, err)
				}
				if err := s.CheckCheckpoint(); err != nil {
					t.Error(err)
				}
				s.Close()
				s, r := open(t, o)
				isRestored(t, "after that", s, r, ts, 4)
				if r.Summary.Count != 30 || r.Checkpoint.Behind || r.Checkpoint.Problem != nil {
					t.Errorf("%d in the checkpoint, %+v", r.Summary.Count, r.Checkpoint)
				}
			})
		}
	}
}

// Proving a checkpoint whose file was just removed finds no damage, and makes no empty
// file in its place.
func TestProveRemovedCheckpoint(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open cannot be removed there")
	}
	o := withCheckpoint(t, storetest.New())
	s, _ := open(t, o)
	s.Append(chain(t, group, 3))
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(o.Checkpoint); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckCheckpoint(); err == nil || errors.Is(err, store.ErrCheckpoint) {
		t.Error(err)
	}
	missingFile(t, o.Checkpoint)
}

// What a killed run left of a checkpoint that it was making takes no room for ever.
func TestUnfinishedCheckpointIsRemoved(t *testing.T) {
	o := withCheckpoint(t, storetest.New())
	var left []string
	for _, more := range []string{".new", ".new-wal", ".new-shm", ".new-journal"} {
		left = append(left, o.Checkpoint+more)
		if err := os.WriteFile(o.Checkpoint+more, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, r := open(t, o)
	defer s.Close()
	missingFile(t, left...)
	if r.Checkpoint.Problem != nil {
		t.Error(r.Checkpoint.Problem)
	}
}

// What tells of damage speaks of the file beside it: of one that somebody removed it
// says nothing to the start after the next.
func TestSpoiledOfARemovedCheckpoint(t *testing.T) {
	ts := chain(t, group, 10)
	_, o, s := spoilt(t, ts)
	meets(t, s, ts[:3])
	s.Close()
	if err := os.Remove(o.Checkpoint); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, r := open(t, o)
		if r.Checkpoint.Aside != "" || r.Checkpoint.Problem != nil {
			t.Fatalf("%+v", r.Checkpoint)
		}
		if _, err := s.Advance(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		s.Close()
	}
}
