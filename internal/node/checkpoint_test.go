package node

import (
	crand "crypto/rand"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
)

// says has a member say lines, each in a turn of its own, and waits for each.
func (p *person) says(texts ...string) {
	p.t.Helper()
	from := 0
	for i, text := range texts {
		p.node.Say(i+1, text)
		from = p.until(text, from, func(e peer.Event) bool { s, ok := e.(peer.TurnShown); return ok && slices.Contains(s.Lines, text) })
	}
}

// asks does a command and gives its result.
func (p *person) asks(n int, name string, args ...string) (r peer.Result) {
	p.t.Helper()
	p.node.Do(n, ui.Command{Name: name, Args: args})
	p.until("the answer to "+name, 0, func(e peer.Event) bool {
		got, ok := e.(peer.Result)
		if ok && got.N == n {
			r = got
		}
		return ok && got.N == n
	})
	return r
}

func (p *person) restored() (r peer.Restored) {
	p.until("what was restored", 0, func(e peer.Event) (ok bool) { r, ok = e.(peer.Restored); return ok })
	return r
}

func texts(turns []peer.TurnShown) (lines []string) {
	for _, t := range turns {
		lines = append(lines, t.Lines...)
	}
	return lines
}

func numbered(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("line %d", i))
	}
	return lines
}

// A member that starts from its checkpoint shows, finds and gives to others what is in
// it, as if it had it in memory.
func TestStartFromTheCheckpoint(t *testing.T) {
	net, key, dir := overMemnet(t, memnet.Faults{}), seal.OpenRoom("224.1.1.1:5007", "papo"), t.TempDir()
	all := append(numbered(60), "Água na bomba 3")
	p := start(t, "ana", dir, key, net("ana"))
	p.says(all...)
	p.leave()

	p = start(t, "ana", dir, key, net("ana again"))
	r := p.restored()
	if want := []peer.Source{{Name: "checkpoint", Turns: len(all)}}; !slices.Equal(r.From, want) || r.Turns != len(all) || len(r.Recent) != 20 {
		t.Errorf("restored %d turns from %v and shows %d, want %v and 20", r.Turns, r.From, len(r.Recent), want)
	}
	p.says("after")
	all = append(all, "after")
	if got := p.asks(1, "history", "1000"); !slices.Equal(texts(got.Turns), all) || got.More {
		t.Errorf("/history gives %d turns, more %v, want %d", len(got.Turns), got.More, len(all))
	}
	if got := p.asks(2, "history", "3", "--name", "ANA"); !slices.Equal(texts(got.Turns), all[len(all)-3:]) || !got.More {
		t.Errorf("/history 3 gives %v, more %v", texts(got.Turns), got.More)
	}
	if got := p.asks(3, "history", "--name", "bia"); !got.OK || len(got.Turns) != 0 {
		t.Errorf("/history of nobody gives %+v", got)
	}
	if got := p.asks(4, "search", "BOMBA", "agua"); !slices.Equal(texts(got.Turns), []string{"Água na bomba 3"}) {
		t.Errorf("/search gives %v", texts(got.Turns))
	}
	if got := p.asks(5, "search", "!"); got.OK || got.Code != peer.CodeNoWords {
		t.Errorf("/search of no word gives %+v", got)
	}
	if got := p.asks(6, "search", "after", "--name", "#ffff"); !got.OK || len(got.Turns) != 0 {
		t.Errorf("/search with an unknown key gives %+v", got)
	}

	bia := start(t, "bia", t.TempDir(), key, net("bia"))
	from := 0
	for _, text := range all {
		from = bia.until(text, from, func(e peer.Event) bool { s, ok := e.(peer.TurnShown); return ok && slices.Contains(s.Lines, text) })
	}
	p.sees(2)
	p.node.Do(7, ui.Command{Name: "sync"})
	p.until("one record", 0, func(e peer.Event) bool {
		r, ok := e.(peer.Reconciled)
		return ok && r.Scope == "group" && r.Consistent && r.Turns == len(all) && len(r.Members) == 1
	})
	bia.leave()
	p.leave()
}

// execute runs statements on the checkpoint of a directory. It waits for who writes it.
func execute(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, "checkpoint.db")+"?_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// Whatever is wrong with a checkpoint, what was said is there, and the checkpoint is
// whole again soon: the start after that takes all from it.
func TestSpoiltCheckpointIsMadeAnew(t *testing.T) {
	for what, spoil := range map[string]func(t *testing.T, dir string){
		"a row": func(t *testing.T, dir string) {
			execute(t, dir, "UPDATE turns SET signed = zeroblob(length(signed)) WHERE n = 3")
		},
		"a row that is missing": func(t *testing.T, dir string) {
			execute(t, dir, "DELETE FROM words WHERE rowid = 3", "DELETE FROM turns WHERE n = 3")
		},
		"its index of words": func(t *testing.T, dir string) { execute(t, dir, "DELETE FROM words WHERE rowid = 3") },
		"its state":          func(t *testing.T, dir string) { execute(t, dir, "UPDATE state SET crc = crc + 1") },
		"the file": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "checkpoint.db"), []byte("this is no database, but a text of some length"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			net, key, dir := overMemnet(t, memnet.Faults{}), seal.OpenRoom("224.1.1.1:5007", "papo"), t.TempDir()
			all := numbered(8)
			p := start(t, "ana", dir, key, net("ana"))
			p.says(all...)
			p.leave()
			spoil(t, dir)
			p = start(t, "ana", dir, key, net("ana again"))
			p.until("the notice", 0, func(e peer.Event) bool { n, ok := e.(peer.Notice); return ok && n.Code == peer.CodeCheckpointAside })
			if got := p.asks(1, "history"); !slices.Equal(texts(got.Turns), all) {
				t.Errorf("/history gives %v, want %v", texts(got.Turns), all)
			}
			p.node.Do(2, ui.Command{Name: "sync"})
			p.until("the report", 0, func(e peer.Event) bool {
				r, ok := e.(peer.Reconciled)
				if ok && r.Scope == "local" && (!r.Consistent || r.Turns != len(all)) {
					t.Errorf("%+v", r)
				}
				return ok && r.Scope == "group"
			})
			p.leave()
			p = start(t, "ana", dir, key, net("ana a third time"))
			if r := p.restored(); r.Turns != len(all) || !slices.Equal(r.From, []peer.Source{{Name: "checkpoint", Turns: len(all)}}) {
				t.Errorf("the start after that: %d turns from %v", r.Turns, r.From)
			}
			p.leave()
		})
	}
}

// What the start puts into a checkpoint comes from the replicas, also where it then
// takes all from the checkpoint.
func TestSourcesOfAFilledCheckpoint(t *testing.T) {
	ts := make([]*turn.Signed, 3)
	for _, c := range []struct {
		count, filled, fresh int
		want                 []peer.Source
	}{
		{0, 0, 0, nil},
		{7, 0, 3, []peer.Source{{Name: "checkpoint", Turns: 7}, {Name: "replicas", Turns: 3}}},
		{7, 7, 0, []peer.Source{{Name: "replicas", Turns: 7}}},
		{7, 5, 0, []peer.Source{{Name: "checkpoint", Turns: 2}, {Name: "replicas", Turns: 5}}},
	} {
		r := &store.Restored{Summary: turn.Summary{Count: c.count}, New: ts[:c.fresh], Checkpoint: store.CheckpointState{Filled: c.filled}}
		if got := sources(r); !slices.Equal(got, c.want) {
			t.Errorf("%d in the checkpoint, %d of them put in, and %d others: %v, want %v", c.count, c.filled, c.fresh, got, c.want)
		}
	}
}

// A checkpoint that cannot be used is told once, in one line, however often and in
// however many ways it is tried; when it can be used again, nothing is told to be put
// aside that was not there.
func TestLostCheckpointIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "checkpoint.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	p := startEvery(t, "ana", dir, seal.OpenRoom("224.1.1.1:5007", "papo"), overMemnet(t, memnet.Faults{})("ana"), 20*time.Millisecond, 10*time.Millisecond)
	p.says("before")
	for n := 1; n <= 5; n++ { // each compares, and fails in another way than an advance
		p.node.Do(n, ui.Command{Name: "sync"})
		p.until("the answer to sync", 0, func(e peer.Event) bool { r, ok := e.(peer.Result); return ok && r.N == n })
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p.node.Do(6, ui.Command{Name: "sync"})
	p.until("the answer to sync", 0, func(e peer.Event) bool { r, ok := e.(peer.Result); return ok && r.N == 6 })
	p.until("a checkpoint", 0, func(e peer.Event) bool { c, ok := e.(peer.Checkpoint); return ok && c.Turns == 1 })
	p.leave()
	told := 0
	p.until("the end", 0, func(e peer.Event) bool {
		switch e := e.(type) {
		case peer.Error:
			if told++; e.Code != peer.CodeCheckpointLost || e.Path != path || strings.HasPrefix(e.Text, path) || strings.Contains(e.Text, "\n") {
				t.Errorf("%+v", e)
			}
		case peer.Notice:
			if e.Code == peer.CodeCheckpointAside {
				t.Errorf("%+v", e)
			}
		}
		_, ok := e.(peer.Exit)
		return ok
	})
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// A damaged checkpoint that an advance makes anew is told, too, and where it is kept.
func TestRemadeByAnAdvance(t *testing.T) {
	dir := t.TempDir()
	p := startEvery(t, "ana", dir, seal.OpenRoom("224.1.1.1:5007", "papo"), overMemnet(t, memnet.Faults{})("ana"), time.Hour, 10*time.Millisecond)
	p.says("before")
	p.until("the checkpoint", 0, func(e peer.Event) bool { c, ok := e.(peer.Checkpoint); return ok && c.New == 1 })
	execute(t, dir, "UPDATE turns SET crc = crc + 1")
	id := turn.ID{}
	p.until("the turn", 0, func(e peer.Event) bool { s, ok := e.(peer.TurnShown); id = s.ID; return ok })
	if p.node.archive(id) != nil {
		t.Fatal("a damaged turn is given")
	}
	p.until("the notice", 0, func(e peer.Event) bool {
		n, ok := e.(peer.Notice)
		return ok && n.Code == peer.CodeCheckpointAside && n.Path == filepath.Join(dir, "checkpoint.db.damaged")
	})
	p.leave()
}

// A checkpoint that has not the turns of which it was summed up, also after it was
// compared, is told: the member compares its record with nobody's.
func TestOtherTurnsThanSummedUpAreTold(t *testing.T) {
	key, dir := seal.OpenRoom("224.1.1.1:5007", "papo"), t.TempDir()
	net := overMemnet(t, memnet.Faults{})
	p := start(t, "ana", dir, key, net("ana"))
	p.says(numbered(5)...)
	p.leave()
	disk, found, err := store.Open(store.Options{
		Dir: dir, Name: "ana", Group: turn.GroupID(key.GroupID()), Checkpoint: filepath.Join(dir, "checkpoint.db"), Recent: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	identity, _, err := seal.LoadOrCreateIdentity(dir, crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	transport := net("ana again")
	defer transport.Close()
	clock := SystemClock()
	n := New(Config{
		Name: "ana", Private: identity.Private(), Key: key, Address: "224.1.1.1:5007", Room: "papo", Store: disk, Restored: found, Transport: transport,
		Clock: clock, Rand: rand.New(rand.NewPCG(1, 2)), ReconcileEvery: time.Hour, CheckpointEvery: time.Hour,
	})
	for _, compared := range []bool{false, true} {
		other, err := turn.NewSet(nil)
		if err != nil {
			t.Fatal(err)
		}
		n.compared, n.reports = compared, true // so that no comparison begins
		n.loaded(clock.Now(), other, nil)
		if !n.partial || n.checkpointLost != compared {
			t.Errorf("compared %v: partial %v, told %v", compared, n.partial, n.checkpointLost)
		}
	}
}

// A checkpoint that another program locks is told once, and not as replicas that
// differ. It stops neither the chat nor its end.
func TestLockedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	p := startEvery(t, "ana", dir, seal.OpenRoom("224.1.1.1:5007", "papo"), overMemnet(t, memnet.Faults{})("ana"), time.Hour, 100*time.Millisecond)
	p.says("before")
	p.until("the checkpoint", 0, func(e peer.Event) bool { c, ok := e.(peer.Checkpoint); return ok && c.New == 1 })
	db, err := sql.Open("sqlite", filepath.Join(dir, "checkpoint.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	p.says("meanwhile")
	p.leave()
	told := 0
	p.until("the end", 0, func(e peer.Event) bool {
		switch e := e.(type) {
		case peer.Error:
			if e.Code != peer.CodeCheckpointLost || e.Path == "" {
				t.Errorf("%+v", e)
			}
			told++
		case peer.Reconciled:
			t.Errorf("%+v", e)
		}
		_, ok := e.(peer.Exit)
		return ok
	})
	if told > 1 {
		t.Errorf("told %d times", told)
	}
}
