package store

import (
	"bytes"
	"encoding/json"

	"github.com/papo-chat/papo/internal/turn"
)

// NewDecoder gives what reads lines of logs of a group; parse stands for turn.Parse.
func NewDecoder(g turn.GroupID, parse func(turn.GroupID, []byte) (*turn.Signed, error)) func(line []byte) (*turn.Signed, string) {
	return newUnion(g, parse).decode
}

// ReadHeader reads the header of a log, and gives it as it would be written.
func ReadHeader(line []byte) (version int, again []byte, ok bool) {
	h, ok := parseHeader(line)
	return h.version, bytes.TrimSuffix(h.append(nil), []byte("\n")), ok
}

// TakeUnsent reads one line of unsent.log behind a line that queues first, and gives
// what is queued then.
func TakeUnsent(first Unsent, line []byte) (queued []Unsent, ok bool) {
	l := &unsentLog{lines: []Unsent{first}, inFile: map[turn.LineID]struct{}{}}
	ok = l.take(line)
	return l.lines, ok
}

// MaxUnsentLine bounds a line of unsent.log.
const MaxUnsentLine = maxUnsentLine

// QueuedLine is the line of unsent.log that queues a line.
func QueuedLine(u Unsent) []byte { return bytes.TrimSuffix(appendQueued(nil, u), []byte("\n")) }

// DoneLine is the line of unsent.log that says that a line is done.
func DoneLine(id turn.LineID) []byte { return bytes.TrimSuffix(appendDone(nil, id), []byte("\n")) }

// UnsentHeader is the first line of unsent.log.
func UnsentHeader(g turn.GroupID) []byte {
	return bytes.TrimSuffix(appendUnsentHeader(nil, g), []byte("\n"))
}

// ReadState reads the state of a checkpoint, asks all that is asked of it, and gives
// it as it would be written.
func ReadState(text []byte) (again []byte, ok bool) {
	var s state
	if json.Unmarshal(text, &s) != nil || !s.sound() {
		return nil, false
	}
	s.heads()
	s.peers()
	s.positions()
	s.said()
	again, err := json.Marshal(s.clone())
	return again, err == nil
}
