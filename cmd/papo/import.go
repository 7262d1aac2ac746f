package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

// The turns that are appended with one write.
const (
	importTurns = 256
	importBytes = 1 << 20
)

// importFile adds the turns of a record file to a member's record. The next chat of
// that member brings them to the others.
func (p *program) importFile(args []string) int {
	var v fileFlags
	w := p.words
	name, dir, path, code, done := p.fileFlags("import", &v).recordFile(args, &v.placeFlags, "import ana record.jsonl")
	if done {
		return code
	}
	o := store.Options{Dir: dir, ReplicaDirs: v.dirs, Checkpoint: checkpointOf(dir)}
	group, err := store.GroupOf(o)
	if err != nil {
		return p.failStore(dir, err)
	}
	member, code := p.whose(name, dir, v.dirs)
	if code != exitOK {
		return code
	}
	var turns []*turn.Signed
	r, err := p.verifyFile(path, func(s *turn.Signed) { turns = append(turns, s) })
	if err != nil {
		return p.fail(exitFailure, w.T("error.file-unreadable", words.D{"Path": path, "Detail": reason(err)}))
	}
	if h := r.Header; h != nil && h.Group != group {
		return p.fail(exitFailure, w.T("error.import-group", words.D{
			"Path": path, "Dir": dir, "Theirs": fmt.Sprintf("%x", h.Group), "Ours": fmt.Sprintf("%x", group),
		}))
	}
	if !r.Sound() {
		t := &verdict{words: w, report: r}
		f := r.Faults[0]
		p.fail(exitFailure, path+": "+w.T("verify.at", words.D{"Line": f.Line, "Text": t.fault(f)}))
		return p.fail(exitFailure, w.T("error.import-unsound", words.D{"Path": path}))
	}
	o.Replicas, o.Name, o.Group = member.Replicas, member.FileName, group
	disk, found, err := store.Open(o)
	if err != nil {
		return p.failStore(dir, err)
	}
	defer disk.Close()
	for _, s := range found.Replicas {
		if s.Repaired {
			p.fail(exitOK, w.T("import.mended", words.D{"Path": s.Path}))
		}
	}
	if c := found.Checkpoint; c.Problem != nil {
		p.fail(exitOK, p.checkpointSentence(c.Path, c.Problem, c.Aside != "", c.Aside))
	}
	return p.add(disk, found.New, turns, r)
}

// whose finds the member whose record is meant. Its FileName is a name that leads to
// the same files.
func (p *program) whose(name, dir string, dirs []string) (store.Member, int) {
	w := p.words
	members := store.Members(store.OS{}, dir, dirs)
	if name != "" {
		for _, m := range members {
			if m.FileName == turn.FoldName(name) {
				return store.Member{FileName: name, Replicas: m.Replicas}, exitOK
			}
		}
		return store.Member{}, p.fail(exitFailure, w.T("error.no-member", words.D{"Name": name, "Path": dir}))
	}
	if len(members) != 1 || turn.FoldName(members[0].FileName) != members[0].FileName {
		return store.Member{}, p.fail(exitUsage, w.T("error.whose-record", words.D{"Path": filepath.Clean(dir)}))
	}
	return members[0], exitOK
}

// absent gives those of turns that a record does not have: there are the turns that
// were found, and disk knows what the checkpoint has.
func absent(disk *store.Store, there, turns []*turn.Signed) (missing []*turn.Signed, err error) {
	known := make(map[turn.ID]bool, len(there))
	for _, s := range there {
		known[s.ID()] = true
	}
	ids := make([]turn.ID, 0, importTurns)
	for batch := range slices.Chunk(turns, importTurns) {
		ids = ids[:0]
		for _, s := range batch {
			ids = append(ids, s.ID())
		}
		stored, err := disk.Get(ids)
		if err != nil {
			return nil, err
		}
		for i, s := range batch {
			if stored[i] == nil && !known[ids[i]] {
				missing = append(missing, s)
			}
		}
	}
	return missing, nil
}

// add appends the turns that are not there to all replicas, and makes them durable.
// The checkpoint gets them, too; if it cannot, the next start does that.
func (p *program) add(disk *store.Store, there, turns []*turn.Signed, r *record.Report) int {
	w := p.words
	missing, err := absent(disk, there, turns)
	if err != nil {
		return p.failed(exitFailure, err)
	}
	lost := map[int]error{} // by replica
	for rest := missing; len(rest) > 0; {
		n, size := 0, 0
		for n < min(len(rest), importTurns) && size < importBytes {
			size += len(rest[n].Bytes())
			n++
		}
		res := disk.Append(rest[:n])
		if res.Kept() == 0 {
			return p.fail(exitFailure, w.T("error.import-kept", words.D{"Detail": errors.Join(res.Replicas...).Error()}))
		}
		for i, err := range res.Replicas {
			if err != nil {
				lost[i] = err
			}
		}
		rest = rest[n:]
	}
	synced := disk.SyncAll()
	if _, err := disk.Advance(context.Background(), nil); err != nil && !errors.Is(err, store.ErrNoCheckpoint) {
		p.fail(exitOK, w.T("import.checkpoint", words.D{"Detail": err.Error()}))
	}
	kept := 0
	for i, s := range disk.Status() {
		switch err := cmp.Or(s.Err, lost[i]); {
		case err != nil:
			p.fail(exitOK, w.T("import.lost", words.D{"Path": s.Path, "Detail": err.Error()}))
		case !s.Unsynced:
			kept++
		}
	}
	if synced != nil && kept == 0 {
		return p.fail(exitFailure, w.T("error.import-unsynced", words.D{"Detail": synced.Error()}))
	}
	fmt.Fprintln(p.stdout, w.N("import.done", len(missing), words.D{
		"Turns": r.Turns, "Replicas": w.N("count.replicas", kept),
	}))
	if r.Missing > 0 {
		p.fail(exitOK, w.N("import.missing", r.Missing))
	}
	return exitOK
}
