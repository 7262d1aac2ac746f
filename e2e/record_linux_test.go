package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// record is what papo history prints of a data directory.
func (l *lab) record(name string) []event {
	l.t.Helper()
	cmd := exec.Command(papo, "history", "--data", l.data(name), "--format", "jsonl")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		l.t.Fatalf("papo history of %s: %v\n%s", name, err, errs.String())
	}
	var record []event
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		e, err := parseEvent(slices.Clone(s.Bytes()))
		if err != nil || e.Type != "turn" {
			l.t.Fatalf("papo history of %s: %v: %s", name, err, s.Bytes())
		}
		record = append(record, e)
	}
	return record
}

// turnOf is all of a turn that is the same at every member.
func turnOf(e event) string {
	return fmt.Sprintf("stamp %d, id %s, after %s, author %s, time %s, lines %q", e.Stamp, e.ID, e.After, e.Author, e.Time, e.Lines)
}

// checkRecords checks that the named members have the same record in the same
// order, in each of their replica logs, and that all lines that were typed are
// said in it as checkLines asks. It returns the record.
func (l *lab) checkRecords(names ...string) []event {
	l.t.Helper()
	first := l.record(names[0])
	for i, e := range first {
		after := ""
		if i > 0 {
			after = first[i-1].ID
			if p := first[i-1]; p.Stamp > e.Stamp || p.Stamp == e.Stamp && p.ID >= e.ID {
				l.t.Errorf("%s: out of order: %s before %s", names[0], turnOf(p), turnOf(e))
			}
		}
		if e.After != after {
			l.t.Errorf("%s: the turn %s says that it comes after %q", names[0], turnOf(e), e.After)
		}
	}
	for _, name := range names[1:] {
		other := l.record(name)
		if len(other) != len(first) {
			l.t.Errorf("%s has %d turns, %s %d", names[0], len(first), name, len(other))
		}
		for i := range min(len(first), len(other)) {
			if a, b := turnOf(first[i]), turnOf(other[i]); a != b {
				l.t.Errorf("turn %d differs:\n  %s: %s\n  %s: %s", i, names[0], a, name, b)
				break
			}
		}
	}
	l.checkLines(first)
	l.checkReplicas(first, names)
	return first
}

// checkLines checks that the record says each line that was typed exactly
// once (one that a killed process may not have read, at most once), nothing
// else, and those of one talk in the order in which they were typed.
func (l *lab) checkLines(record []event) {
	l.t.Helper()
	must, may := l.lines()
	said := map[string]int{}
	last := map[string]int{}
	for _, e := range record {
		for _, line := range e.Lines {
			said[line]++
			var who string
			var n int
			if _, err := fmt.Sscanf(line, "%s %d", &who, &n); err != nil {
				continue
			}
			if before, known := last[who]; known && n < before {
				l.t.Errorf("%q is said after %q", line, fmt.Sprintf("%s %d", who, before))
			}
			last[who] = n
		}
	}
	for _, line := range may {
		if said[line] == 0 {
			said[line] = 1
		}
	}
	for _, line := range slices.Concat(must, may) {
		switch said[line] {
		case 1:
		case 0:
			l.t.Errorf("%q is not in the record", line)
		default:
			l.t.Errorf("%q is in the record %d times", line, said[line])
		}
		delete(said, line)
	}
	if len(said) > 0 {
		l.t.Errorf("nobody should have said %d lines, such as %q", len(said), slices.Sorted(maps.Keys(said))[0])
	}
}

// checkShown checks of each process that it told only what a papo that is well
// may tell, that no line was refused, and that what it showed is in the record, with the
// original times and in the original places. Those that were there to the end
// have shown all that they had not restored.
func (l *lab) checkShown(record []event, toTheEnd ...*process) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	turns := byID(record)
	for _, p := range l.procs {
		l.checkTold(p)
		l.checkTimes(p, turns)
		for id, e := range p.shown {
			if r, ok := turns[id]; !ok {
				l.t.Errorf("%s showed a turn that is not in the record: %s", p.name, e.raw)
			} else if e.After = r.After; turnOf(e) != turnOf(r) {
				l.t.Errorf("%s showed a turn as %s, the record has %s", p.name, e.raw, r.raw)
				break // there may be thousands
			}
		}
		if p.unkept() > 0 {
			continue // what is not kept has no place
		}
		if p.restored != nil && p.restored.Turns == 0 {
			l.checkPlaces(p, record, make([]bool, len(record)))
		}
	}
	for _, p := range toTheEnd {
		if p.restored == nil || p.restored.Turns+len(p.shown) != len(record) {
			l.t.Errorf("%s restored %+v and showed %d turns, but the record has %d", p.name, p.restored, len(p.shown), len(record))
		} else if p.restored.Turns > 0 && p.unkept() == 0 {
			restored := make([]bool, len(record))
			for i, e := range record {
				_, shown := p.shown[e.ID]
				restored[i] = !shown
			}
			l.checkPlaces(p, record, restored)
		}
	}
}

// unkept is how many turns the process showed that no replica took. lab.mu is held.
func (p *process) unkept() (n int) {
	for _, e := range p.shown {
		if e.Unkept {
			n++
		}
	}
	return n
}

// mostSet is how far a machine's clock may be set unnoticed: papo takes what is
// more for a sleep.
const mostSet = 200 * time.Millisecond

// checkTimes checks that the turns of a process bear the time when it said them:
// between taking a line and sending it. l.mu is held.
func (l *lab) checkTimes(p *process, turns map[string]event) {
	l.t.Helper()
	queued := map[string]event{}
	for _, e := range p.events {
		switch {
		case e.is("line", "queued"):
			queued[e.Line] = e
		case e.is("line", "sent"):
			from, at, to := l.time(queued[e.Line].At), l.time(turns[e.Turn].Time), l.time(e.At)
			if at.Before(from.Add(-mostSet)) || at.After(to.Add(mostSet)) {
				l.t.Errorf("%s said a line between %v and %v, in a turn of %v", p.name, from, to, at)
				return
			}
		}
	}
}

func (l *lab) time(s string) time.Time {
	l.t.Helper()
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		l.t.Error(err)
	}
	return t
}

// checkPlaces checks that a process showed each turn as coming after the one
// before it in the record, of those that it had, and as late only if it had shown one that
// comes later; what it had restored it may count as shown. has tells for each turn of the
// record whether it was restored. l.mu is held.
func (l *lab) checkPlaces(p *process, record []event, has []bool) {
	l.t.Helper()
	place := map[string]int{"": -1}
	restored, shown := -1, -1 // the highest places
	for i, e := range record {
		place[e.ID] = i
		if has[i] {
			restored = i
		}
	}
	for _, e := range p.events {
		i, ok := place[e.ID]
		if e.Type != "turn" || !ok {
			continue
		}
		after, ok := place[e.After]
		if !ok || after >= i || slices.Contains(has[after+1:i], true) {
			l.t.Errorf("%s showed a turn out of its place, %d: %s", p.name, i, e.raw)
			return
		}
		if late := i < shown; late != e.Late && (late || i > restored) {
			l.t.Errorf("%s showed a turn, late or not: %s", p.name, e.raw)
			return
		}
		has[i], shown = true, max(shown, i)
	}
}

// checkTold checks what one process told, whatever happened to it. l.mu is held.
func (l *lab) checkTold(p *process) {
	l.t.Helper()
	for _, b := range p.broken {
		l.t.Errorf("%s: %s", p.name, b)
	}
	for _, e := range p.refused {
		l.t.Errorf("%s: a line refused: %s", p.name, e.raw)
	}
	paths, err := filepath.Glob(filepath.Join(l.dir, "stderr-*-"+p.name+".txt"))
	if err != nil || len(paths) == 0 {
		l.t.Errorf("%s: what it said on standard error is missing (%v)", p.name, err)
	}
	for _, path := range paths {
		if text, err := os.ReadFile(path); err != nil || len(text) > 0 {
			l.t.Errorf("%s said on standard error (%v): %s", p.name, err, text)
		}
	}
}
