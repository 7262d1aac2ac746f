package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

// loadTakes is how long after a start a member knows its whole record, at most.
const loadTakes = 2 * time.Second

// saved is the checkpoint of a machine: a file of the operating system, which no
// simulated fault reaches but the loss of the whole disk. What SQLite has told to be
// written no cut of the power takes.
type saved struct {
	path string // empty: there is none
}

func (s *saved) init(w *world, i int) {
	if w.dir != "" {
		dir := filepath.Join(w.dir, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			panic("lab: no place for a checkpoint: " + err.Error())
		}
		s.path = filepath.Join(dir, "checkpoint.db")
	}
}

// files are those that SQLite has beside each other.
func (s *saved) files() []string { return []string{s.path, s.path + "-wal", s.path + "-shm"} }

func (s *saved) remove() {
	if s.path != "" {
		for _, path := range s.files() {
			_ = os.Remove(path) // it need not be there
		}
	}
}

// copy takes another machine's checkpoint, as it is in the files.
func (s *saved) copy(from *saved) {
	if s.path == "" {
		return
	}
	for i, path := range from.files() {
		if b, err := os.ReadFile(path); err == nil && i < 2 { // the shared memory is made anew
			if err := os.WriteFile(s.files()[i], b, 0o600); err != nil {
				panic("lab: no place for a checkpoint: " + err.Error())
			}
		}
	}
}

// archive gives the core the turns that it has not in memory; nil: it has all.
func (p *process) archive() turn.Archive {
	if p.m.saved.path == "" {
		return nil
	}
	return func(id turn.ID) *turn.Signed {
		ts, err := p.store.Get([]turn.ID{id})
		if err != nil {
			return nil
		}
		return ts[0]
	}
}

// stored are all turns that a start found.
func (p *process) stored(r *store.Restored) []*turn.Signed {
	if r.Summary.Count == 0 {
		return r.New
	}
	var ids []turn.ID
	err := p.store.Items(context.Background(), func(it turn.Item) bool {
		ids = append(ids, it.ID)
		return true
	})
	ts, err2 := p.store.Get(ids)
	if err != nil || err2 != nil {
		p.w.wrong("start", "%s cannot read its checkpoint: %v, %v", p.m.label(), err, err2)
		return nil
	}
	return append(ts, r.New...)
}

func met(r *store.Restored) []peer.Met {
	var out []peer.Met
	for _, m := range r.Peers {
		out = append(out, peer.Met{Name: m.Name, Key: m.Key})
	}
	return out
}

// load tells the core of all turns of the checkpoint.
func (p *process) load() {
	if p.dead || p.m.runs != p || !p.core.History().Partial() {
		return
	}
	if p.m.still {
		p.w.push(item{at: p.m.resumes, kind: itemLoad, process: p})
		return
	}
	var items []turn.Item
	err := p.store.Items(context.Background(), func(it turn.Item) bool {
		items = append(items, it)
		return true
	})
	set, err2 := turn.NewSet(items)
	if err != nil || err2 != nil {
		p.w.wrong("start", "%s cannot read the places of its checkpoint: %v, %v", p.m.label(), err, err2)
		return
	}
	p.input(func() {
		if err := p.core.Loaded(p.now(), set); err != nil {
			p.w.wrong("start", "%s has another record than its checkpoint: %v", p.m.label(), err)
		}
	})
}

// advance makes the checkpoint cover the record.
func (p *process) advance() {
	if p.m.saved.path == "" {
		return
	}
	var met []store.Peer
	for _, m := range p.core.Met() {
		met = append(met, store.Peer{Name: m.Name, Key: m.Key})
	}
	a, err := p.store.Advance(context.Background(), met)
	if p.gone() || err != nil {
		return // what it lacks is in the replicas
	}
	p.w.some(SomeAdvanced)
	if a.Remade {
		p.w.some(SomeRemade)
	}
}
