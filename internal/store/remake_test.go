package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// spoilt is a running store whose checkpoint has a damaged row; it lacks the last
// two turns.
func spoilt(t testing.TB, ts []*turn.Signed) (*storetest.Disk, store.Options, *store.Store) {
	t.Helper()
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	s.Append(ts[:len(ts)-2])
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	s.Append(ts[len(ts)-2:])
	s.SpoilCheckpoint("UPDATE turns SET crc = crc + 1 WHERE n = 3")
	return d, o, s
}

// meets reads the damaged row.
func meets(t testing.TB, s *store.Store, ts []*turn.Signed) {
	t.Helper()
	if _, err := s.Get(ids(ts)); !errors.Is(err, store.ErrCheckpoint) {
		t.Fatal(err)
	}
}

func missingFile(t testing.TB, paths ...string) {
	t.Helper()
	for _, p := range paths {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%s is there: %v", p, err)
		}
	}
}

// Making the checkpoint anew fails half way, for want of room: no turn is ever
// taken for covered that is not, also after more was said and after a crash; with
// room again, the next Advance makes it.
func TestRemakeFails(t *testing.T) {
	store.Batch(t, 20)
	all := chain(t, group, 210)
	ts := all[:200]
	d, o, s := spoilt(t, ts)
	meets(t, s, ts)
	store.MaxPages(22)
	defer store.MaxPages(0)
	for n := range 2 {
		a, err := s.Advance(t.Context(), nil)
		if err == nil || a.Path != o.Checkpoint || a.Remade {
			t.Fatal(a, err)
		}
		missingFile(t, o.Checkpoint+".new", o.Checkpoint+".new-wal")
		s.Append(all[200+5*n:][:5])
	}
	if s.Behind() != 12 {
		t.Fatal(s.Behind())
	}
	if got, err := s.Get(ids(all[198:])); err != nil || !slices.Equal(ids(got), ids(all[198:])) {
		t.Fatal(err)
	}

	// Killed now: the next start has all.
	store.MaxPages(0)
	dead := o
	dead.FS, dead.Checkpoint = d.Crash(), filepath.Join(t.TempDir(), "checkpoint.db")
	copyCheckpoint(t, o.Checkpoint, dead.Checkpoint)
	after, r := open(t, dead)
	isRestored(t, "killed", after, r, all, 4)
	if !errors.Is(r.Checkpoint.Problem, store.ErrCheckpoint) || r.Checkpoint.Aside == "" {
		t.Errorf("%+v", r.Checkpoint)
	}

	// It failed twice: one call is left out.
	if a, err := s.Advance(t.Context(), nil); err == nil || a.Remade {
		t.Fatal(a, err)
	}
	a, err := s.Advance(t.Context(), []store.Peer{{Name: "eva", Key: turn.Key{5}}})
	if err != nil || !a.Remade || a.Turns != 210 || s.Behind() != 0 {
		t.Fatal(a, err)
	}
	if _, err := os.Stat(a.Aside); err != nil {
		t.Error(err)
	}
	missingFile(t, o.Checkpoint+".new", o.Checkpoint+".spoiled")
	if err := s.CheckCheckpoint(); err != nil {
		t.Error(err)
	}
	s.Close()
	s, r = open(t, o)
	isRestored(t, "made anew", s, r, all, 4)
	if len(r.New) != 0 || r.Checkpoint.Behind || r.Checkpoint.Problem != nil || !slices.Contains(r.Peers, store.Peer{Name: "eva", Key: turn.Key{5}}) {
		t.Errorf("%d new, %+v", len(r.New), r.Checkpoint)
	}
}

func copyCheckpoint(t testing.TB, from, to string) {
	t.Helper()
	for _, more := range []string{"", "-wal", ".spoiled"} {
		b, err := os.ReadFile(from + more)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(to+more, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A checkpoint is not made of logs that cannot be read whole, however they say
// where they end.
func TestRemakeOfNothing(t *testing.T) {
	ts := chain(t, group, 12)
	d, o, s := spoilt(t, ts)
	meets(t, s, ts)
	d.Fault = func(op storetest.Op) storetest.Fault {
		if op.Kind == storetest.OpOpen {
			return storetest.Fault{Err: errDisk}
		}
		return storetest.Fault{}
	}
	if a, err := s.Advance(t.Context(), nil); err == nil || a.Remade {
		t.Fatal(a, err)
	}
	d.Fault = nil
	if a, err := s.Advance(t.Context(), nil); err != nil || !a.Remade || a.Turns != 12 {
		t.Fatal(a, err)
	}
	s.Close()
	s, r := open(t, o)
	isRestored(t, "afterwards", s, r, ts, 4)
}

// What ends it early leaves all as it was: a context, and Close.
func TestRemakeEnded(t *testing.T) {
	ts := chain(t, group, 12)
	_, o, s := spoilt(t, ts)
	meets(t, s, ts)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if a, err := s.Advance(ctx, nil); !errors.Is(err, context.Canceled) || a.Path != o.Checkpoint {
		t.Fatal(a, err)
	}
	s.Close()
	if a, err := s.Advance(t.Context(), nil); !errors.Is(err, store.ErrClosed) || a.Path != o.Checkpoint {
		t.Fatal(a, err)
	}
	if rep := s.Repair(t.Context(), nil); rep.Checkpoint.Repaired {
		t.Error("a closed store made a checkpoint")
	}
}

// Damage that is seen late, by whatever reads: the next Advance, Repair or start
// makes the checkpoint anew.
func TestDamageSeenLate(t *testing.T) {
	ts := chain(t, group, 12)
	for name, see := range map[string]func(*store.Store) error{
		"Get":  func(s *store.Store) error { _, err := s.Get(ids(ts)); return err },
		"Find": func(s *store.Store) error { _, err := s.Find(t.Context(), store.Filter{}); return err },
		"Items": func(s *store.Store) error {
			s.SpoilCheckpoint("UPDATE turns SET id = x'00' WHERE n = 3")
			return s.Items(t.Context(), func(turn.Item) bool { return true })
		},
	} {
		for _, then := range []string{"Advance", "Repair", "start"} {
			what := name + ", " + then
			_, o, s := spoilt(t, ts)
			if err := see(s); !errors.Is(err, store.ErrCheckpoint) {
				t.Fatal(what, err)
			}
			switch then {
			case "Advance":
				if a, err := s.Advance(t.Context(), nil); err != nil || !a.Remade || a.Aside == "" || a.Turns != 12 {
					t.Fatal(what, a, err)
				}
			case "Repair":
				if rep := s.Repair(t.Context(), nil); !rep.Healthy() || !rep.Checkpoint.Repaired {
					t.Fatalf("%s: %+v", what, rep)
				}
			}
			if then != "start" {
				if got, err := s.Get(ids(ts)); err != nil || !slices.Equal(ids(got), ids(ts)) {
					t.Fatal(what, err)
				}
				missingFile(t, o.Checkpoint+".spoiled")
			}
			s.Close()
			s, r := open(t, o)
			isRestored(t, what, s, r, ts, 4)
			if (r.Checkpoint.Problem != nil) != (then == "start") || (r.Checkpoint.Aside != "") != (then == "start") {
				t.Errorf("%s: %+v", what, r.Checkpoint)
			}
			missingFile(t, o.Checkpoint+".spoiled")
			s.Close()
		}
	}
}

// The start says what was seen of a damaged checkpoint, in one line whatever stands in
// the file that tells it.
func TestSpoiledTellsWhy(t *testing.T) {
	ts := chain(t, group, 12)
	bad := ts[2].ID()
	for _, c := range []struct{ name, file, want string }{
		{"as it was noted", "", fmt.Sprintf("turn %x has another checksum", bad[:])},
		{"there was no room", " ", "something that could not be noted"},
		{"not for a terminal", "\x1b[2Ja\xff\u202eb\n\tc", "[2Ja b c"},
		{"too long", strings.Repeat("é", 1<<20), strings.Repeat("é", 250)},
		{"cut within a letter", "x" + strings.Repeat("é", 1<<20), "x" + strings.Repeat("é", 249)},
	} {
		_, o, s := spoilt(t, ts)
		meets(t, s, ts)
		s.Close()
		if c.file != "" {
			store.NoteSpoiled(o.Checkpoint, errors.New(c.file))
			if b, err := os.ReadFile(o.Checkpoint + ".spoiled"); err != nil || len(b) > 501 || bytes.IndexByte(b, '\n') != len(b)-1 || !utf8.Valid(b) {
				t.Errorf("%s: it is noted as %q (%v)", c.name, b, err)
			}
			if err := os.WriteFile(o.Checkpoint+".spoiled", []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if b, err := os.ReadFile(o.Checkpoint + ".spoiled"); err != nil || string(b) != c.want+"\n" {
			t.Fatalf("it was noted as %q (%v)", b, err)
		}
		_, r := open(t, o)
		want := o.Checkpoint + ": the checkpoint is damaged: seen when it was used last: " + c.want
		if p := r.Checkpoint.Problem; !errors.Is(p, store.ErrCheckpoint) || p.Error() != want {
			t.Errorf("%s: %v", c.name, p)
		}
	}
}

// A checkpoint that cannot be opened at the start: nothing that is said is
// forgotten, and once it can be, Advance takes it up, or makes it.
func TestCheckpointComesLater(t *testing.T) {
	ts := chain(t, group, 12)
	for _, back := range []bool{true, false} {
		_, o := checkpointed(t, ts[:10])
		hidden := o.Checkpoint + ".hidden"
		if err := os.Rename(o.Checkpoint, hidden); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(o.Checkpoint, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		s, r := open(t, o)
		if r.Checkpoint.Problem == nil || len(r.New) != 10 || r.Summary.Count != 0 {
			t.Fatalf("%+v", r.Checkpoint)
		}
		s.Append(ts[10:])
		if got, err := s.Get(ids(ts)); err != nil || !slices.Equal(ids(got), ids(ts)) || s.Behind() != 12 {
			t.Fatal(err, s.Behind())
		}
		if _, err := s.Advance(t.Context(), nil); err == nil {
			t.Fatal("a folder is no checkpoint")
		}
		if err := os.RemoveAll(o.Checkpoint); err != nil {
			t.Fatal(err)
		}
		if back {
			if err := os.Rename(hidden, o.Checkpoint); err != nil {
				t.Fatal(err)
			}
		}
		a, err := s.Advance(t.Context(), nil)
		if err != nil || a.Turns != 12 || a.Remade == back || s.Behind() != 0 {
			t.Fatal(a, err)
		}
		if got, err := s.Get(ids(ts)); err != nil || !slices.Equal(ids(got), ids(ts)) {
			t.Fatal(err)
		}
		s.Close()
		s, r = open(t, o)
		isRestored(t, "later", s, r, ts, 4)
		if len(r.New) != 0 || r.Checkpoint.Behind {
			t.Errorf("%d new, %+v", len(r.New), r.Checkpoint)
		}
		s.Close()
	}
}

// A checkpoint that has what no log has, and that could not be opened at the
// start, is taken up later with that.
func TestCheckpointComesLaterAhead(t *testing.T) {
	ts := chain(t, group, 12)
	_, o := checkpointed(t, ts[:10])
	hidden := o.Checkpoint + ".hidden"
	if err := os.Rename(o.Checkpoint, hidden); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(o.Checkpoint, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	o.FS = storetest.New() // all logs are lost
	s, _ := open(t, o)
	s.Append(ts[10:])
	if err := errors.Join(os.RemoveAll(o.Checkpoint), os.Rename(hidden, o.Checkpoint)); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != 11 || a.Remade {
		t.Fatal(a, err)
	}
	if rep := s.Repair(t.Context(), nil); !rep.Healthy() || rep.Turns != 11 {
		t.Fatalf("%+v", rep)
	}
	s.Close()
	s, r := open(t, o)
	isRestored(t, "ahead", s, r, append(slices.Clone(ts[:9]), ts[10:]...), 4)
}

// A line that a turn carries is not offered again, when the checkpoint was made
// anew and the turn is in no log behind it.
func TestSaidInRemade(t *testing.T) {
	store.Batch(t, 4)
	ts := chain(t, group, 12)
	d := storetest.New()
	o := withCheckpoint(t, d)
	s, _ := open(t, o)
	s.Queue(ts[1].Turn().LineIDs[0], "line 1|\\")
	s.Queue(turn.LineID{9}, "another")
	s.Append(ts)
	s.Advance(t.Context(), nil)
	s.SpoilCheckpoint("UPDATE turns SET crc = crc + 1 WHERE n = 3")
	meets(t, s, ts)
	if a, err := s.Advance(t.Context(), nil); err != nil || !a.Remade {
		t.Fatal(a, err)
	}
	s.Close() // killed before Done
	_, r := open(t, o)
	if len(r.New) != 0 || len(r.Unsent) != 1 || r.Unsent[0].Text != "another" {
		t.Fatalf("%d new turns, unsent: %v", len(r.New), r.Unsent)
	}
}

// Another program that writes the file keeps an Advance waiting as long as its
// context says. Get and Append go on.
func TestAdvanceWhileLocked(t *testing.T) {
	ts := chain(t, group, 8)
	o := withCheckpoint(t, storetest.New())
	s, _ := open(t, o)
	s.Append(ts[:4])
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", o.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	s.Append(ts[4:])
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	if a, err := s.Advance(ctx, nil); !errors.Is(err, context.DeadlineExceeded) || a.Path != o.Checkpoint || s.Behind() != 4 {
		t.Fatal(a, err, s.Behind())
	}
	if got, err := s.Get(ids(ts)); err != nil || !slices.Equal(ids(got), ids(ts)) {
		t.Fatal(err)
	}
	if got, err := s.Find(t.Context(), store.Filter{Words: "line"}); err != nil || len(got) != 8 {
		t.Fatal(len(got), err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != 8 {
		t.Fatal(a, err)
	}
}

// Get waits for nothing that takes long.
func TestGetWaitsForNobody(t *testing.T) {
	ts := chain(t, group, 8)
	s, _ := open(t, withCheckpoint(t, storetest.New()))
	s.Append(ts)
	if _, err := s.Advance(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	defer s.HoldCheckpoint(t.Context())()
	if got, err := s.Get(ids(ts)); err != nil || !slices.Equal(ids(got), ids(ts)) { // else it never ends
		t.Fatal(err)
	}
}

// The files are their owner's alone, as the logs are, whatever they were.
func TestCheckpointIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it has no such modes")
	}
	ts := chain(t, group, 12)
	private := func(path string) {
		t.Helper()
		n := 0
		for _, more := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + more)
			if err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", path+more, info.Mode())
			}
			if err == nil {
				n++
			}
		}
		if n != 3 {
			t.Errorf("%d files", n)
		}
	}
	_, o, s := spoilt(t, ts)
	private(o.Checkpoint)
	meets(t, s, ts)
	if a, err := s.Advance(t.Context(), nil); err != nil || !a.Remade {
		t.Fatal(a, err)
	}
	private(o.Checkpoint)
	s.Close()
	if err := os.Chmod(o.Checkpoint, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Checkpoint+"-wal", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, o)
	private(o.Checkpoint)
}

// What is said, got and listed while the checkpoint is made anew: nothing of it is
// lost, and nothing waits for it.
func TestRemakeWhileSaying(t *testing.T) {
	store.Batch(t, 20)
	all := chain(t, group, 300)
	_, o, s := spoilt(t, all[:200])
	meets(t, s, all[:200])
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, v := range all[200:] {
			s.Append([]*turn.Signed{v})
			if got, err := s.Get([]turn.ID{v.ID()}); err != nil || got[0] == nil {
				t.Errorf("a turn that was just said cannot be got: %v", err)
			}
		}
	}()
	for remade := false; !remade; {
		a, err := s.Advance(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		remade = a.Remade
	}
	<-done
	if got, err := s.Get(ids(all)); err != nil || slices.Contains(got, nil) {
		t.Fatal(err)
	}
	if a, err := s.Advance(t.Context(), nil); err != nil || a.Turns != 300 {
		t.Fatal(a, err)
	}
	s.Close()
	s, r := open(t, o)
	isRestored(t, "made while more was said", s, r, all, 4)
}
