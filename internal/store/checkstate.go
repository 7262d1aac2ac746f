package store

import (
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math/bits"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// MaxPeers bounds the peers that a checkpoint notes. Those met first stay.
const MaxPeers = 4096

// Peer is a member that was met, as author of a turn or otherwise.
type Peer struct {
	Name string
	Key  turn.Key
}

// state is what a checkpoint says of itself: one row, so that the start reads
// it at once.
type state struct {
	Group   hexBytes  `json:"group"`
	Member  string    `json:"member"` // the name of the one whose record it is
	Turns   int       `json:"turns"`
	Sum     [4]uint64 `json:"sum"`     // of the ids, as 256-bit integers
	Missing int       `json:"missing"` // rows of that table
	// MissingSum is the sum of their parents' ids.
	MissingSum [4]uint64           `json:"missing_sum"`
	Odd        int                 `json:"odd"` // turns that are not Valid
	OddSum     [4]uint64           `json:"odd_sum"`
	Heads      []headState         `json:"heads"`
	Peers      []peerState         `json:"peers"` // in the order of first meeting
	Logs       map[string]logState `json:"logs"`

	// Said are lines that unsent.log may have still, and that turns of the
	// checkpoint carry.
	Said []hexBytes `json:"said"`
}

type headState struct {
	Stamp uint64   `json:"stamp"`
	ID    hexBytes `json:"id"`
}

type peerState struct {
	Name string   `json:"name"`
	Key  hexBytes `json:"key"`
}

// logState is a position, as the checkpoint has it.
type logState struct {
	Generation hexBytes `json:"generation"`
	Offset     int64    `json:"offset"`
	Start      int64    `json:"start"`
	Sum        hexBytes `json:"sum"`
	Lines      int      `json:"lines"`
}

// hexBytes are bytes that JSON has in hex.
type hexBytes []byte

// MarshalText implements encoding.TextMarshaler.
func (b hexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func logStateOf(p position) logState {
	return logState{p.generation[:], p.offset, p.start, p.sum[:], p.lines}
}

// position gives it back. One that makes no sense is the zero value.
func (l logState) position() (p position) {
	if len(l.Generation) != len(p.generation) || len(l.Sum) != len(p.sum) {
		return p
	}
	return position{[8]byte(l.Generation), l.Offset, l.Start, [32]byte(l.Sum), l.Lines}
}

// clone makes a state that can be changed apart from this one.
func (s state) clone() state {
	s.Heads, s.Peers, s.Logs = slices.Clone(s.Heads), slices.Clone(s.Peers), maps.Clone(s.Logs)
	return s
}

// count takes a turn in.
func (s *state) count(id turn.ID) {
	s.Turns++
	s.Sum = addID(s.Sum, id)
}

// odd notes that a turn is not Valid.
func (s *state) odd(id turn.ID) {
	s.Odd++
	s.OddSum = addID(s.OddSum, id)
}

// even notes that one that was not is Valid.
func (s *state) even(id turn.ID) {
	s.Odd--
	s.OddSum = takeID(s.OddSum, id)
}

// addID adds an id to a sum mod 2^256.
func addID(sum [4]uint64, id turn.ID) [4]uint64 {
	var carry uint64
	for i := range sum {
		sum[i], carry = bits.Add64(sum[i], binary.LittleEndian.Uint64(id[8*i:]), carry)
	}
	return sum
}

// takeID takes an id off a sum mod 2^256.
func takeID(sum [4]uint64, id turn.ID) [4]uint64 {
	var borrow uint64
	for i := range sum {
		sum[i], borrow = bits.Sub64(sum[i], binary.LittleEndian.Uint64(id[8*i:]), borrow)
	}
	return sum
}

// meet notes a peer, if it is new and there is room.
func (s *state) meet(p Peer) {
	same := func(q peerState) bool { return q.Name == p.Name && slices.Equal(q.Key, p.Key[:]) }
	if len(s.Peers) < MaxPeers && !slices.ContainsFunc(s.Peers, same) {
		s.Peers = append(s.Peers, peerState{p.Name, p.Key[:]})
	}
}

func (s state) heads() map[turn.ID]uint64 {
	heads := make(map[turn.ID]uint64, len(s.Heads))
	for _, h := range s.Heads {
		heads[turn.ID(h.ID)] = h.Stamp
	}
	return heads
}

func (s state) peers() []Peer {
	ps := make([]Peer, 0, len(s.Peers))
	for _, p := range s.Peers {
		ps = append(ps, Peer{p.Name, turn.Key(p.Key)})
	}
	return ps
}

// positions are how far the logs are covered.
func (s state) positions() map[string]position {
	at := map[string]position{}
	for log, l := range s.Logs {
		at[log] = l.position()
	}
	return at
}

func (s state) said() []turn.LineID {
	ids := make([]turn.LineID, 0, len(s.Said))
	for _, id := range s.Said {
		ids = append(ids, turn.LineID(id))
	}
	return ids
}

// sound tells whether all lengths are right.
func (s state) sound() bool {
	bad := len(s.Group) != len(turn.GroupID{})
	for _, h := range s.Heads {
		bad = bad || len(h.ID) != len(turn.ID{})
	}
	for _, p := range s.Peers {
		bad = bad || len(p.Key) != len(turn.Key{})
	}
	for _, l := range s.Said {
		bad = bad || len(l) != len(turn.LineID{})
	}
	return !bad && s.Turns >= 0
}

func saveState(tx *sql.Tx, s state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT OR REPLACE INTO state VALUES (1, ?, ?)", string(b), int64(crc32.Checksum(b, castagnoli)))
	return err
}

// loadState reads the state and looks whether it is what was written.
func loadState(db interface {
	QueryRow(query string, args ...any) *sql.Row
}) (s state, err error) {
	var text string
	var crc int64
	if err := db.QueryRow("SELECT json, crc FROM state WHERE one = 1").Scan(&text, &crc); err != nil {
		return s, err
	}
	if int64(crc32.Checksum([]byte(text), castagnoli)) != crc {
		return s, fmt.Errorf("%w: its state has another checksum", ErrCheckpoint)
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil || !s.sound() {
		return s, errors.Join(fmt.Errorf("%w: its state cannot be read", ErrCheckpoint), err)
	}
	return s, nil
}
