package e2e

import (
	"os"
	"path/filepath"

	"github.com/anishathalye/porcupine"

	"github.com/papo-chat/papo/internal/turn"
)

// judge waits until all lines are said and all members have the same, has them leave,
// and checks the history of the run: the floor with porcupine, and all that must be true of
// the record and of what was told.
func (m *mixedRun) judge() {
	m.t.Helper()
	m.converge(m.members...)
	for _, p := range m.members {
		if well, _ := p.localReplicas(); !well {
			m.t.Errorf("there is room again, and the replicas of %s are not well", p.name)
		}
		m.countDropped(p)
	}
	var names []string
	for _, p := range m.members {
		names = append(names, p.name)
		p.quit()
	}
	m.bringHome()
	m.checkFloor()
	m.checkLeft()
	record := m.checkRecords(names...)
	m.checkParents(names[0])
	m.checkShown(record, m.members...)
	m.checkSaid(record)
	holds := m.checkMutex(record)
	m.checkEnough(record, holds)
}

// checkMutex checks the holds with porcupine. The history of a lock that is wrong is kept,
// as a page that shows it and as text.
func (m *mixedRun) checkMutex(record []event) []hold {
	m.t.Helper()
	stamps := map[string]uint64{}
	for _, e := range record {
		stamps[e.ID] = e.Stamp
	}
	all, book := m.stays()
	histories, err := lockHistories(all, book, stamps)
	if err != nil {
		m.t.Error(err)
		return all
	}
	bad, operations := checkLocks(histories)
	m.t.Logf("porcupine judged %d operations on %d locks", operations, len(histories))
	if bad == nil {
		return all
	}
	m.t.Errorf("the lock of %s is no fenced mutex: %s", bad.lock, bad.result)
	page := filepath.Join(m.dir, "history.html")
	if err := porcupine.VisualizePath(fencedMutex, bad.info, page); err != nil {
		m.t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "history.txt"), []byte(describe(histories[bad.lock])), 0o600); err != nil {
		m.t.Error(err)
	}
	return all
}

// checkEnough counts what happened, and fails a run in which that was too little.
func (m *mixedRun) checkEnough(record []event, all []hold) {
	m.t.Helper()
	troubled := 0
	for _, h := range all {
		if h.from >= m.began && h.from < m.ended {
			troubled++
		}
		if h.lapsed {
			m.had[lapsedHold]++
		}
	}
	for _, p := range m.procs {
		m.had[noRoom] += p.unkept()
	}
	did := m.net.total()
	for k, n := range map[kind]int{
		losing: did.lost, bursting: did.burst, repeating: did.repeated, reordering: did.overtaken, delaying: did.delayed,
		corrupting: did.corrupted, damaging: did.damaged,
	} {
		m.had[k] += n
	}
	m.t.Logf("%d turns, %d holds, %d of them in trouble; %+v; %v", len(record), len(all), troubled, did, m.had)
	if len(all) < leastHolds || len(record) < leastTurns || troubled < leastTroubled {
		m.t.Errorf("this does not count: %d holds, %d turns, %d holds in trouble are too few, %d, %d and %d are needed",
			len(all), len(record), troubled, leastHolds, leastTurns, leastTroubled)
	}
}

// neverDropped are the reasons for which papo drops nothing when no member is broken and
// nobody forges, whatever the network does.
var neverDropped = []string{
	"undecodable", "piece_inconsistent", "piece_malformed", "bad_hello", "other_key", "table_full", "bad_turn", "ahead",
}

// countDropped counts what papo took for forged: only what the switch harmed can be that.
func (m *mixedRun) countDropped(p *process) {
	m.t.Helper()
	dropped := p.answer("/peers").Dropped
	harmed := dropped["forged"] + dropped["foreign"]
	m.had[forged] += harmed
	if did := m.net.total(); harmed > did.corrupted+did.damaged {
		m.t.Errorf("%s dropped %d datagrams as harmed, but the switch harmed %d", p.name, harmed, did.corrupted+did.damaged)
	}
	for _, reason := range neverDropped {
		if n, known := dropped[reason]; n > 0 || !known {
			m.t.Errorf("%s dropped %d times for the reason %q (known: %v)", p.name, n, reason, known)
		}
	}
}

// checkLeft checks that the disks of each member that was killed had, then, all
// that was told of its record; in one replica at least, as others may have been full.
func (m *mixedRun) checkLeft() {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	r := logReader{turns: map[string]*turn.Signed{}}
	for i, p := range m.procs {
		if p.left == nil {
			continue
		}
		var later []*process
		for _, q := range m.procs[i+1:] {
			if q.name == p.name {
				later = append(later, q)
			}
		}
		has := map[string]bool{}
		for _, f := range p.left {
			turns, err := r.read(f)
			if err != nil {
				m.t.Errorf("after a kill: %v", err)
			}
			for _, e := range turns {
				has[e.ID] = true
			}
		}
		for id, how := range m.told(p, later) {
			if !has[id] && !p.shown[id].Unkept {
				m.t.Errorf("after a kill no replica of %s has the turn %s, which %s", p.name, id, how)
			}
		}
		p.left = nil // judged
	}
}

// checkParents checks that the stamps of turns rise along their parents, and that no
// parent is missing.
func (m *mixedRun) checkParents(name string) {
	m.t.Helper()
	r := logReader{turns: map[string]*turn.Signed{}}
	if _, err := r.read(m.logs(name)[0]); err != nil {
		m.t.Error(err)
	}
	stamps := map[turn.ID]uint64{}
	for _, s := range r.turns {
		stamps[s.ID()] = s.Turn().Stamp
	}
	for _, s := range r.turns {
		for _, parent := range s.Turn().Parents {
			switch stamp, known := stamps[parent]; {
			case !known:
				m.t.Errorf("the turn %s has a parent that is missing, %s", s.ID(), parent)
			case stamp >= s.Turn().Stamp:
				m.t.Errorf("the turn %s has the stamp %d, its parent %s has %d", s.ID(), s.Turn().Stamp, parent, stamp)
			}
		}
	}
}

// checkSaid checks that the turns of which each process told that its lines are said in
// them, and that more members hold them, are its own and in the record; and that there are as
// many members as it told.
func (m *mixedRun) checkSaid(record []event) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	turns := byID(record)
	for _, p := range m.procs {
		for _, e := range p.events {
			var id string
			switch {
			case e.is("line", "sent"), e.is("line", "said"):
				id = e.Turn
			case e.Type == "delivered":
				id = e.ID
				if e.To < 1 || e.To > e.Of || e.Of > m.schedule.members {
					m.t.Errorf("%s told that more members hold a turn than there are: %s", p.name, e.raw)
				}
			default:
				continue
			}
			if t, ok := turns[id]; !ok || t.Name != p.name {
				m.t.Errorf("%s told of a turn that is not its own, or not in the record: %s", p.name, e.raw)
			}
		}
	}
}
