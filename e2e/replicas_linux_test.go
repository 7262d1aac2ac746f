package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// replicas is how many logs of its record a member has.
const replicas = 3

// logFile is what is in a replica log.
type logFile struct {
	path string
	text []byte
}

// logs reads the replica logs of a member.
func (l *lab) logs(name string) []logFile {
	l.t.Helper()
	var logs []logFile
	for i := range replicas {
		path := filepath.Join(l.data(name), "replicas", fmt.Sprintf("replica_%s_%d.log", name, i))
		text, err := os.ReadFile(path)
		if err != nil {
			l.t.Error(err)
		}
		logs = append(logs, logFile{path, text})
	}
	return logs
}

// logReader reads logs by the format in the comment of package store, and not
// with that package: what its reader passes over must not be missing here too. It
// checks the signature of each turn once.
type logReader struct {
	turns map[string]*turn.Signed // by the group and the signed turn, as it is in the log
}

// read gives the turns of a log, in its order and each once, as papo history
// must tell them. Every line must be whole and right.
func (r *logReader) read(f logFile) ([]event, error) {
	header, rest, _ := strings.Cut(string(f.text), "\n")
	var group turn.GroupID
	words := strings.Split(header, "|")
	if len(words) != 3 || words[0] != "papo-log 1" || hex.EncodedLen(len(group)) != len(words[1]) {
		return nil, fmt.Errorf("%s begins with %q", f.path, header)
	}
	if _, err := hex.Decode(group[:], []byte(words[1])); err != nil {
		return nil, fmt.Errorf("%s begins with %q", f.path, header)
	}
	var all []event
	had := map[string]bool{}
	for line := range strings.Lines(rest) {
		e, err := r.line(group, line)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %q", f.path, err, line)
		}
		if !had[e.ID] {
			had[e.ID] = true
			all = append(all, e)
		}
	}
	return all, nil
}

// line reads one line: time|name|text|signed turn|checksum.
func (r *logReader) line(group turn.GroupID, line string) (event, error) {
	sum := strings.LastIndexByte(line, '|')
	if sum < 0 {
		return event{}, fmt.Errorf("no turn")
	}
	if want := fmt.Sprintf("|%08x\n", crc32.Checksum([]byte(line[:sum]), crc32.MakeTable(crc32.Castagnoli))); line[sum:] != want {
		return event{}, fmt.Errorf("the checksum is %q, not %q", line[sum:], want)
	}
	begin := strings.LastIndexByte(line[:sum], '|') + 1
	signed := line[begin:sum]
	known := string(group[:]) + signed
	s, ok := r.turns[known]
	if !ok {
		b, err := base64.RawURLEncoding.DecodeString(signed)
		if err != nil {
			return event{}, err
		}
		if s, err = turn.Parse(group, b); err != nil {
			return event{}, err
		}
		r.turns[known] = s
	}
	t := s.Turn()
	at := time.UnixMilli(t.Time).UTC()
	text := strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(strings.Join(t.Texts, "\n"))
	if want := fmt.Sprintf("%s|%s|%s|", at.Format("2006-01-02T15:04:05.000Z"), t.Name, text); line[:begin] != want {
		return event{}, fmt.Errorf("people read %q, but %q was signed", line[:begin], want)
	}
	return event{
		Type: "turn", ID: s.ID().String(), Stamp: t.Stamp, Author: t.Author.String(),
		Time: at.Format("2006-01-02T15:04:05.000000000Z"), Lines: t.Texts,
	}, nil
}

// checkReplicas checks that each replica log of these members has all turns of
// the record, as papo history tells them, and no others, and that a member's
// logs are the same to the byte, but for their headers. No kill is an excuse: the next
// start mends what it left.
func (l *lab) checkReplicas(record []event, names []string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := logReader{turns: map[string]*turn.Signed{}}
	for _, name := range names {
		l.checkKills(&r, name)
		logs := l.logs(name)
		for _, f := range logs {
			turns, err := r.read(f)
			if err != nil {
				l.t.Error(err)
			}
			has := byID(turns)
			for _, e := range record {
				if said, ok := has[e.ID]; !ok {
					l.t.Errorf("%s lacks %s", f.path, turnOf(e))
				} else if said.After = e.After; turnOf(said) != turnOf(e) {
					l.t.Errorf("%s has %s, of which papo history tells %s", f.path, turnOf(said), turnOf(e))
				}
				delete(has, e.ID)
			}
			for _, e := range has {
				l.t.Errorf("%s has a turn that is not in the record: %s", f.path, turnOf(e))
			}
			if !bytes.Equal(f.body(), logs[0].body()) {
				l.t.Errorf("%s is not the same as %s", f.path, logs[0].path)
			}
		}
	}
}

// checkKills checks the replica logs of a member as each kill left them: all
// had what was told of its record, some may lack one append that the kill cut
// short, and the next start said that it mended those. l.mu is held.
func (l *lab) checkKills(r *logReader, name string) {
	l.t.Helper()
	runs := slices.DeleteFunc(slices.Clone(l.procs), func(p *process) bool { return p.name != name })
	for i, p := range runs {
		if p.left == nil {
			continue
		}
		told := l.told(p, runs[i+1:])
		var logs [][]event
		for _, f := range p.left {
			turns, err := r.read(f)
			if err != nil {
				l.t.Errorf("after a kill: %v", err)
			}
			has := byID(turns)
			for id, how := range told {
				if _, ok := has[id]; !ok {
					l.t.Errorf("after a kill %s lacks the turn %s, which %s", f.path, id, how)
				}
			}
			logs = append(logs, turns)
		}
		last, err := lastAppend(p.ready.Member, logs)
		if err != nil {
			l.t.Errorf("the replica logs of %s, after kill %d: %v", name, i+1, err)
		}
		for _, e := range last {
			l.t.Logf("%s was killed before all its logs had %s", name, turnOf(e))
		}
		if i+1 == len(runs) {
			continue
		}
		var short []string
		for j, log := range logs {
			if shorter(log, slices.MaxFunc(logs, shorter)) < 0 {
				short = append(short, p.left[j].path)
			}
		}
		var mended []string
		if again := runs[i+1].restored; again != nil {
			mended = again.Repaired
		}
		if !slices.Equal(mended, short) {
			l.t.Errorf("kill %d of %s left too little in %v, and the next start said that it mended %v", i+1, name, short, mended)
		}
	}
}

// lastAppend gives the turns that are in some logs of a member and not in all
// of them, which must be those of one append: each log is the beginning of the
// longest one, as they are written one after the other, and what it lacks is
// one turn of the member's own or any number from others, as what came
// in is written before it speaks.
func lastAppend(member string, logs [][]event) ([]event, error) {
	longest := slices.MaxFunc(logs, shorter)
	for i, log := range logs {
		for j, e := range log {
			if e.ID != longest[j].ID {
				return nil, fmt.Errorf("turn %d of log %d is %s, of another log %s", j, i, turnOf(e), turnOf(longest[j]))
			}
		}
	}
	last := longest[len(slices.MinFunc(logs, shorter)):]
	if len(last) > 1 && slices.ContainsFunc(last, func(e event) bool { return e.Author == member }) {
		return last, fmt.Errorf("a log lacks %d turns, of more than one append", len(last))
	}
	return last, nil
}

// shorter compares logs by how many turns they have.
func shorter(a, b []event) int { return len(a) - len(b) }

// told gives the turns that a process must have had in its record when it was
// killed, by what it and all others told, and how that is known. later are the
// runs of the member after it. l.mu is held.
func (l *lab) told(p *process, later []*process) map[string]string {
	told := map[string]string{}
	for id := range p.shown {
		told[id] = "it had shown"
	}
	for _, e := range p.events {
		if e.is("line", "sent") {
			told[e.Turn] = "it had sent"
		}
	}
	back := int64(math.MaxInt64) // from then on the next run may send what this one had not
	if len(later) > 0 && len(later[0].events) > 0 {
		back = later[0].events[0].BootNS
	}
	names := map[string]bool{}
	author := ""
	for _, q := range l.procs {
		names[q.name] = true
		if q.name == p.name && q.ready != nil { // a run may have been killed before it was
			author = q.ready.Member
		}
	}
	for _, q := range l.procs {
		if q.name == p.name {
			continue
		}
		for _, e := range q.events {
			switch {
			case e.BootNS >= back:
			case e.Type == "turn" && e.Author == author:
				told[e.ID] = q.name + " had from it"
			case e.Type == "delivered" && e.To == len(names)-1:
				told[e.ID] = "it had reported to " + q.name
			}
		}
	}
	return told
}

// whole is a log without the last line if that is torn, as a kill may leave it.
func (f logFile) whole() logFile {
	return logFile{f.path, f.text[:bytes.LastIndexByte(f.text, '\n')+1]}
}

// body is a log without its header, which is of this file alone.
func (f logFile) body() []byte {
	_, body, _ := bytes.Cut(f.text, []byte("\n"))
	return body
}

// byID gives turns by their ids.
func byID(turns []event) map[string]event {
	m := map[string]event{}
	for _, e := range turns {
		m[e.ID] = e
	}
	return m
}
