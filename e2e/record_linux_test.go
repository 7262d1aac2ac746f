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
	"strings"
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
	l.checkReplicas(len(first), names)
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

// checkReplicas checks that all replica logs of the members hold the same
// turns, as many as the record.
func (l *lab) checkReplicas(turns int, names []string) {
	l.t.Helper()
	var first map[string]bool
	for _, name := range names {
		paths, err := filepath.Glob(filepath.Join(l.data(name), "replicas", "replica_*.log"))
		if err != nil || len(paths) == 0 {
			l.t.Errorf("%s: no replica logs (%v)", name, err)
		}
		for _, path := range paths {
			signed := l.signedTurns(path)
			if first == nil {
				first = signed
			}
			if len(signed) != turns {
				l.t.Errorf("%s: %d turns, of %d in the record", path, len(signed), turns)
			} else if !maps.Equal(signed, first) {
				l.t.Errorf("%s: not the turns of the other logs", path)
			}
		}
	}
}

// signedTurns reads the signed turns, as text, out of a replica log.
func (l *lab) signedTurns(path string) map[string]bool {
	l.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if !strings.HasPrefix(lines[0], "papo-log 1|") {
		l.t.Fatalf("%s begins with %q", path, lines[0])
	}
	signed := map[string]bool{}
	for _, line := range lines[1:] {
		fields := strings.Split(line, "|")
		if len(fields) < 5 {
			l.t.Errorf("%s: no turn: %q", path, line)
			continue
		}
		signed[fields[len(fields)-2]] = true // a log may have a turn twice
	}
	return signed
}

// checkShown checks of each process that it told only what a papo that is well
// may tell, that no line was refused, and that what it showed is in the record,
// with the original times. Those that were there to the end have shown all that they had not restored.
func (l *lab) checkShown(record []event, toTheEnd ...*process) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	turns := map[string]event{}
	for _, e := range record {
		turns[e.ID] = e
	}
	for _, p := range l.procs {
		l.checkTold(p)
		for id, e := range p.shown {
			if r, ok := turns[id]; !ok {
				l.t.Errorf("%s showed a turn that is not in the record: %s", p.name, e.raw)
			} else if r.Time != e.Time || r.Stamp != e.Stamp || r.Author != e.Author || !slices.Equal(r.Lines, e.Lines) {
				l.t.Errorf("%s showed a turn as %s, the record has %s", p.name, e.raw, r.raw)
			}
		}
	}
	for _, p := range toTheEnd {
		if p.restored == nil || p.restored.Turns+len(p.shown) != len(record) {
			l.t.Errorf("%s restored %+v and showed %d turns, but the record has %d", p.name, p.restored, len(p.shown), len(record))
		}
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
