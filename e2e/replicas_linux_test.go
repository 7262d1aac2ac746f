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

// logReader reads logs by docs/PROTOCOL.md alone, so that what the store's own
// reader passes over is missed. It checks the signature of each turn once.
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
// the record, as papo history tells them, and no others. What a kill left out
// of a log it may lack; then /sync must have said that the logs differ.
func (l *lab) checkReplicas(record []event, names []string) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := logReader{turns: map[string]*turn.Signed{}}
	for _, name := range names {
		cut := l.cutShort(&r, name)
		in := map[string]event{}
		same := true
		for _, f := range l.logs(name) {
			turns, err := r.read(f)
			if err != nil {
				l.t.Error(err)
			}
			has := byID(turns)
			for _, e := range record {
				if _, ok := has[e.ID]; ok {
					continue
				}
				same = false
				if !cut[e.ID] {
					l.t.Errorf("%s lacks %s", f.path, turnOf(e))
				}
			}
			for id, e := range has {
				in[id] = e
			}
		}
		for _, e := range record {
			if said, ok := in[e.ID]; !ok {
				l.t.Errorf("no replica log of %s has %s", name, turnOf(e))
			} else if said.After = e.After; turnOf(said) != turnOf(e) {
				l.t.Errorf("papo history tells another turn than the logs of %s:\n  %s\n  %s", name, turnOf(e), turnOf(said))
			}
			delete(in, e.ID)
		}
		for _, e := range in {
			l.t.Errorf("the replica logs of %s have a turn that is not in the record: %s", name, turnOf(e))
		}
		runs := l.runs(name)
		if e, ok := runs[len(runs)-1].compared["local"]; ok && e.Turns == len(record) && e.Consistent != same {
			l.t.Errorf("the replica logs of %s are equal: %v, but /sync said %s", name, same, e.raw)
		}
	}
}

// cutShort gives the turns that some of a member's logs may lack: for each kill
// those of the one append that it cut short. All else that was told of the
// killed process's record was in all its logs. l.mu is held.
func (l *lab) cutShort(r *logReader, name string) map[string]bool {
	l.t.Helper()
	cut := map[string]bool{}
	runs := l.runs(name)
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
				if _, ok := has[id]; !ok && !cut[id] {
					l.t.Errorf("after a kill %s lacks the turn %s, which %s", f.path, id, how)
				}
			}
			logs = append(logs, slices.DeleteFunc(turns, func(e event) bool { return cut[e.ID] }))
		}
		last, err := lastAppend(p.ready.Member, logs)
		if err != nil {
			l.t.Errorf("the replica logs of %s, after kill %d: %v", name, i+1, err)
		}
		for _, e := range last {
			l.t.Logf("%s was killed before all its logs had %s", name, turnOf(e))
			cut[e.ID] = true
		}
	}
	return cut
}

// lastAppend gives the turns that are in some logs of a member and not in all
// of them, which must be those of one append: each log is the beginning of the
// longest one, as they are written one after the other, and what it lacks is
// one turn of the member's own or any number from others, as what came
// in is written before it speaks.
func lastAppend(member string, logs [][]event) ([]event, error) {
	longest, shortest := logs[0], logs[0]
	for _, log := range logs[1:] {
		if len(log) > len(longest) {
			longest = log
		}
		if len(log) < len(shortest) {
			shortest = log
		}
	}
	for i, log := range logs {
		for j, e := range log {
			if e.ID != longest[j].ID {
				return nil, fmt.Errorf("turn %d of log %d is %s, of another log %s", j, i, turnOf(e), turnOf(longest[j]))
			}
		}
	}
	last := longest[len(shortest):]
	if len(last) > 1 && slices.ContainsFunc(last, func(e event) bool { return e.Author == member }) {
		return last, fmt.Errorf("a log lacks %d turns, of more than one append", len(last))
	}
	return last, nil
}

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
	for _, q := range l.procs {
		names[q.name] = true
	}
	for _, q := range l.procs {
		if q.name == p.name {
			continue
		}
		for _, e := range q.events {
			switch {
			case e.BootNS >= back:
			case e.Type == "turn" && e.Author == p.ready.Member:
				told[e.ID] = q.name + " had from it"
			case e.Type == "delivered" && e.To == len(names)-1:
				told[e.ID] = "it had reported to " + q.name
			}
		}
	}
	return told
}

// runs gives the processes of a member, in the order of their starts. l.mu is held.
func (l *lab) runs(name string) []*process {
	return slices.DeleteFunc(slices.Clone(l.procs), func(p *process) bool { return p.name != name })
}

// whole is a log without the last line if that is torn, as a kill may leave it.
func (f logFile) whole() logFile {
	return logFile{f.path, f.text[:bytes.LastIndexByte(f.text, '\n')+1]}
}

// byID gives turns by their ids.
func byID(turns []event) map[string]event {
	m := map[string]event{}
	for _, e := range turns {
		m[e.ID] = e
	}
	return m
}
