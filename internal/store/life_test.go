package store_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
	"github.com/papo-chat/papo/internal/turn"
)

// life is one record through its generations.
type life struct {
	t    *testing.T
	n    int
	rnd  *rand.Rand
	seen *tally
	dir  string // of the checkpoints
	d    *storetest.Disk
	o    store.Options
	s    *store.Store

	generation int
	said       []*turn.Signed // all that were ever given to Append
	has        []*turn.Signed // what the store of this generation has: restored, or kept by a log since
	restored   []*turn.Signed
	complete   []bool         // the log had all that was restored
	logs       []*turn.Signed // a Sync said that they are durable
	now        moment         // the checkpoint in use
	lied       bool           // an fsync said that something was durable, and it was not
	moments    []moment
	appends    []appended

	texts   map[turn.LineID]string // all that were ever typed
	waiting []store.Unsent         // to be said
	noted   map[turn.LineID]bool   // Queue said so, and Done was not called; true: and it is durable
	settled []turn.LineID          // carried by a durable turn, and Done was not called
	lines   byte

	// failed are the files that no fsync made durable since one failed. What a
	// process leaves so, the next one takes for durable after its first fsync,
	// and it cannot know: inherited.
	failed, inherited map[string]bool
}

// appended is one Append.
type appended struct {
	res store.Result
	ts  []*turn.Signed
}

var authors = map[string]ed25519.PrivateKey{
	"ana": key,
	"bia": ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize)),
	"caê": ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize)),
}

func liveOnce(t *testing.T, n int, all *tally) {
	t.Helper()
	tmp, err := os.MkdirTemp("", "papo-power-") // not TempDir: thousands would be there at once
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	store.Synchronous(false) // its files are copied, not the disk
	l := &life{
		t: t, n: n, rnd: rand.New(rand.NewPCG(uint64(n), 11)), seen: all, dir: tmp, d: storetest.New(),
		texts: map[turn.LineID]string{}, noted: map[turn.LineID]bool{}, failed: map[string]bool{}, inherited: map[string]bool{},
	}
	var parsed sync.Map // *turn.Signed by its group and bytes
	l.o = options(nil)
	l.o.Recent, l.o.Replicas = 4, 3
	l.o.Parse = func(g turn.GroupID, b []byte) (*turn.Signed, error) {
		k := string(g[:]) + string(b)
		if s, ok := parsed.Load(k); ok {
			return s.(*turn.Signed), nil
		}
		s, err := turn.Parse(g, b)
		if err == nil {
			parsed.Store(k, s)
		}
		return s, err
	}
	switch l.rnd.IntN(6) {
	case 0:
		l.o.Replicas = 1
		l.seen.count("one replica", 1)
	case 1:
		l.o.Replicas = 2
	}
	if l.rnd.IntN(2) == 0 {
		l.o.Checkpoint = filepath.Join(tmp, "checkpoint.db")
	} else {
		l.seen.count("no checkpoint", 1)
	}
	l.begin()
	for cuts := 0; cuts < cutsALife && !t.Failed(); {
		l.generation++
		l.work()
		if l.end() {
			cuts++
		}
		l.begin()
	}
	l.s.Close()
}

func (l *life) fail(format string, args ...any) {
	l.t.Helper()
	l.t.Fatalf("life %d, generation %d: %s", l.n, l.generation, fmt.Sprintf(format, args...))
}

// begin opens the record on the disk as it is, and looks at what is there.
func (l *life) begin() {
	l.t.Helper()
	l.o.FS = l.d
	l.o.Rand = rand.NewChaCha8([32]byte{byte(l.n), byte(l.n >> 8), byte(l.generation)})
	s, r, err := store.Open(l.o)
	if err != nil {
		l.fail("%v", err)
	}
	l.s = s
	got := inOrder(r.New)
	if l.o.Checkpoint != "" {
		got = everything(l.t, s, r)
		if r.Checkpoint.Problem != nil {
			l.fail("the checkpoint: %v", r.Checkpoint.Problem)
		}
		isRestored(l.t, fmt.Sprintf("life %d, generation %d", l.n, l.generation), s, r, got, 4)
	}
	if r.Count != len(got) {
		l.fail("%d turns, and it says %d", len(got), r.Count)
	}
	if !subset(got, l.said) {
		l.fail("there is a turn that nobody wrote")
	}
	for _, v := range l.has {
		if !slices.ContainsFunc(got, func(s *turn.Signed) bool { return s.ID() == v.ID() }) {
			l.fail("the turn %s is lost", v.ID().Short())
		}
	}
	if !l.lied {
		l.seen.count("honest disk", 1)
	} else {
		// The checkpoint says how far the logs are durable, and is wrong. A
		// comparison has to find what that hides.
		if rep := s.Repair(l.t.Context(), nil); !rep.Healthy() {
			l.fail("%+v", rep)
		}
	}
	for i := range l.o.Replicas {
		if a, b := body(l.t, l.d, i), body(l.t, l.d, 0); a != b {
			l.fail("log %d is not as log 0: %s", i, difference(a, b))
		}
	}
	if rep := s.Check(); !rep.Consistent() || rep.Turns != len(got) {
		l.fail("%d turns, and then %+v", len(got), rep)
	}
	l.complete = nil
	for _, st := range r.Replicas {
		l.complete = append(l.complete, st.Err == nil && st.NotMended == nil)
		for what, is := range map[string]bool{"logs mended": st.Repaired, "logs torn": st.Torn, "logs damaged": len(st.Damaged) > 0} {
			if is {
				l.seen.count(what, 1)
			}
		}
		if len(st.From) > 0 && st.From[0].Path == "checkpoint.db" {
			l.seen.count("checkpoint ahead of the logs", 1)
		}
	}
	l.checkUnsent(r, got)
	l.has, l.restored, l.appends = slices.Clone(got), got, nil
}

// difference says where two texts begin to differ.
func difference(a, b string) string {
	as, bs := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	for n := range min(len(as), len(bs)) {
		if as[n] != bs[n] {
			return fmt.Sprintf("line %d of %d and %d is %.60q and %.60q", n+2, len(as), len(bs), as[n], bs[n])
		}
	}
	return fmt.Sprintf("one has %d lines, one %d", len(as), len(bs))
}

// checkUnsent checks that each line that waited is offered again or is carried
// by a turn, and never both.
func (l *life) checkUnsent(r *store.Restored, got []*turn.Signed) {
	l.t.Helper()
	carried := map[turn.LineID]bool{}
	for _, v := range got {
		for _, id := range v.Turn().LineIDs {
			carried[id] = true
		}
	}
	offered := map[turn.LineID]bool{}
	for _, u := range r.Unsent {
		switch {
		case offered[u.Line]:
			l.fail("line %s is offered twice", u.Line)
		case carried[u.Line] && !l.lied:
			l.fail("line %s is offered, and a turn carries it", u.Line)
		case l.texts[u.Line] != u.Text:
			l.fail("line %s is offered as %q, not %q", u.Line, u.Text, l.texts[u.Line])
		}
		offered[u.Line] = true
	}
	for id := range l.noted {
		switch {
		case offered[id]:
			l.seen.count("lines offered again", 1)
		case carried[id]:
			l.seen.count("lines carried", 1)
		default:
			l.fail("line %s (%q) is lost", id, l.texts[id])
		}
	}
	l.seen.count("unsent.log damaged", len(r.UnsentDamaged))
	l.waiting, l.settled = slices.Clone(r.Unsent), nil
	l.noted = map[turn.LineID]bool{}
	for _, u := range r.Unsent {
		l.noted[u.Line] = false // it was read: that does not make it durable
	}
}

// work does what a member does, until the disk says that the process was killed
// or it has done enough.
func (l *life) work() {
	from, kill := l.d.Ops(), 1+l.rnd.IntN(120)
	failing := l.rnd.IntN(3) == 0 // operations fail at times
	l.d.Forgets = l.o.Replicas > 1 && l.rnd.IntN(2) == 0
	l.d.Fault = func(op storetest.Op) (f storetest.Fault) {
		switch {
		case op.N >= from+kill:
			f = storetest.Fault{Kill: true, Torn: l.rnd.IntN(op.Size + 1)}
			if f.Torn > 0 {
				l.seen.count("torn writes", 1)
			}
		case failing && l.rnd.IntN(8) == 0:
			f = storetest.Fault{Err: errDisk, Torn: l.rnd.IntN(op.Size + 1)}
			switch op.Kind {
			case storetest.OpSync:
				l.failed[op.Path] = true
				l.seen.count("failed fsyncs", 1)
			case storetest.OpWrite:
				l.seen.count("failed writes", 1)
			default:
				l.seen.count("failed others", 1)
			}
		}
		return f
	}
	for range 40 {
		if l.d.Killed() {
			break
		}
		l.step()
	}
	for _, st := range l.s.Status() {
		l.seen.count("logs rebuilt", st.Rebuilt)
	}
}

func (l *life) step() {
	switch p := l.rnd.IntN(100); {
	case p < 25: // others speak
		var ts []*turn.Signed
		for range 1 + l.rnd.IntN(4) {
			name := []string{"bia", "caê"}[l.rnd.IntN(2)]
			l.lines++
			id := turn.LineID{0xff, byte(l.generation), l.lines}
			ts = append(ts, l.sign(name, ts, []turn.LineID{id}, []string{fmt.Sprintf("%s says %d", name, l.lines)}))
		}
		l.append(ts)
	case p < 45:
		l.typed()
	case p < 65:
		l.speak()
	case p < 80:
		l.sync(l.rnd.IntN(l.o.Replicas))
	case p < 84:
		l.syncAll()
	case p < 90:
		l.settle()
	case p < 97:
		l.advance()
	case p < 98:
		l.s.Repair(l.t.Context(), nil)
	default:
		l.s.Check()
	}
}

// sign makes a turn whose parents are some of the last ones.
func (l *life) sign(name string, before []*turn.Signed, ids []turn.LineID, texts []string) *turn.Signed {
	known := append(slices.Clone(l.has[max(0, len(l.has)-5):]), before...)
	v := turn.Turn{Name: name, Stamp: 1, Time: 1_767_323_045_678 + int64(len(l.said))*1000, LineIDs: ids, Texts: texts}
	for range min(len(known), 1+l.rnd.IntN(2)) {
		p := known[len(known)-1-l.rnd.IntN(min(len(known), 3))]
		if !slices.Contains(v.Parents, p.ID()) {
			v.Parents = append(v.Parents, p.ID())
			v.Stamp = max(v.Stamp, p.Stamp()+1)
		}
	}
	sortIDs(v.Parents)
	s, err := turn.Sign(group, v, authors[name])
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// append tells how many logs have the turns.
func (l *life) append(ts []*turn.Signed) int {
	res := l.s.Append(ts)
	l.said = append(l.said, ts...)
	l.appends = append(l.appends, appended{res, ts})
	switch kept := res.Kept(); {
	case kept > 0:
		l.has = append(l.has, ts...)
		if kept < l.o.Replicas {
			l.seen.count("turns appended while the disk failed", len(ts))
		}
	default:
		l.seen.count("turns no log kept", len(ts))
	}
	return res.Kept()
}

func (l *life) typed() {
	l.lines++
	u := store.Unsent{Line: turn.LineID{1, byte(l.generation), l.lines}, Text: fmt.Sprintf("ana|types\\ %d", l.lines)}
	l.texts[u.Line] = u.Text
	l.waiting = append(l.waiting, u)
	if l.s.Queue(u.Line, u.Text) == nil {
		l.noted[u.Line] = false
	}
}

// speak says some of the lines that wait. As in the program, they are noted as
// said no earlier than a log has the turn durably: settle.
func (l *life) speak() {
	n := min(len(l.waiting), 1+l.rnd.IntN(3))
	if n == 0 {
		return
	}
	var ids []turn.LineID
	var texts []string
	for _, u := range l.waiting[:n] {
		ids, texts = append(ids, u.Line), append(texts, u.Text)
	}
	// What no log kept is not said, but may be there all the same: it is not
	// said again by this generation.
	l.append([]*turn.Signed{l.sign("ana", nil, ids, texts)})
	l.waiting = l.waiting[n:]
}

func (l *life) sync(i int) {
	upto, err := l.s.Sync(i)
	if err != nil {
		return
	}
	delete(l.failed, replica(i))
	if l.inherited[replica(i)] {
		l.seen.count("fsync of what a failed one had left", 1)
		return
	}
	before := len(l.logs)
	if l.complete[i] {
		l.durable(l.restored)
	}
	for _, a := range l.appends {
		if a.res.Seq <= upto && a.res.Replicas[i] == nil {
			l.durable(a.ts)
		}
	}
	l.seen.count("durable by a log", len(l.logs)-before)
}

// durable notes that a power cut cannot take these from the logs.
func (l *life) durable(ts []*turn.Signed) {
	in := set(l.logs)
	for _, v := range ts {
		if in[v.ID()] {
			continue
		}
		l.logs = append(l.logs, v)
		for _, id := range v.Turn().LineIDs {
			if _, ok := l.noted[id]; ok {
				l.settled = append(l.settled, id)
			}
		}
	}
}

func (l *life) syncAll() {
	waits := make([]turn.LineID, 0, len(l.noted))
	for id := range l.noted {
		waits = append(waits, id)
	}
	if err := l.s.SyncAll(); err != nil {
		return
	}
	delete(l.failed, unsentPath)
	for _, id := range waits {
		l.noted[id] = !l.inherited[unsentPath]
	}
	for i := range l.o.Replicas {
		l.sync(i)
	}
}

// settle notes some lines as said that a durable turn carries.
func (l *life) settle() {
	for n := l.rnd.IntN(len(l.settled) + 1); n > 0; n-- {
		delete(l.noted, l.settled[0])
		_ = l.s.Done(l.settled[0]) // if it fails, the turn says so
		l.settled = l.settled[1:]
	}
}

func (l *life) advance() {
	if l.o.Checkpoint == "" {
		return
	}
	if err := advance(l.s); errors.Is(err, errDisk) || errors.Is(err, storetest.ErrKilled) {
		l.seen.count("checkpoint not advanced", 1)
		return
	} else if err != nil {
		l.fail("the checkpoint: %v", err)
	}
	l.remember(l.has)
}

// remember keeps the checkpoint as it is now.
func (l *life) remember(has []*turn.Signed) {
	path := filepath.Join(l.dir, fmt.Sprintf("moment-%d-%d.db", l.generation, len(l.moments)))
	copyFiles(l.t, l.o.Checkpoint, path)
	l.now = moment{path, slices.Clone(has)}
	l.moments = append(l.moments, l.now)
}
