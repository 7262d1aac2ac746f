package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// Flags.
const (
	helloWant     = 1 << 0
	beatQuiet     = 1 << 0
	beatAsking    = 1 << 1
	beatHolding   = 1 << 2
	repHandOver   = 1 << 0
	turnsRep      = 1 << 0
	reconResponse = 1 << 0
)

// Append appends the encoding of m to dst. Durations are cut to whole
// milliseconds and to what their field can say, from 0 upwards; anything else
// that is out of its bounds is an error (ErrBounds, ErrUnsorted, ErrTooLarge),
// and then dst comes back as it was.
func Append(dst []byte, m Message) ([]byte, error) {
	out, err := m.appendBody(append(dst, byte(m.Kind())))
	if err == nil && len(out)-len(dst) > MaxMessage {
		err = ErrTooLarge
	}
	if err != nil {
		return dst, fmt.Errorf("cannot encode %v: %w", m.Kind(), err)
	}
	return out, nil
}

func (m Hello) appendBody(dst []byte) ([]byte, error) {
	if len(m.Name) < 1 || len(m.Name) > MaxNameBytes {
		return dst, ErrBounds
	}
	dst = append(dst, bit(m.Want, helloWant))
	dst = append(dst, m.Key[:]...)
	dst = append(dst, m.Signature[:]...)
	dst = append(dst, byte(len(m.Name)))
	return append(dst, m.Name...), nil
}

func (m Beat) appendBody(dst []byte) ([]byte, error) {
	if len(m.Heads) > MaxBeatHeads || len(m.Heard) > MaxHeard || m.Activity > Holding {
		return dst, ErrBounds
	}
	for i := 1; i < len(m.Heard); i++ {
		if m.Heard[i-1].Incarnation >= m.Heard[i].Incarnation {
			return dst, ErrUnsorted
		}
	}
	dst = append(dst, bit(m.Quiet, beatQuiet)|
		bit(m.Activity == Asking, beatAsking)|
		bit(m.Activity == Holding, beatHolding))
	dst = binary.BigEndian.AppendUint16(dst, uint16(millis(m.Interval, math.MaxUint16)))
	dst = binary.BigEndian.AppendUint64(dst, m.TS)
	dst = binary.BigEndian.AppendUint32(dst, uint32(millis(m.Left, math.MaxUint32)))
	dst = append(dst, m.View[:]...)
	dst = binary.BigEndian.AppendUint64(dst, m.Leader)
	dst = binary.BigEndian.AppendUint64(dst, m.SettledStamp)
	dst = append(dst, m.Settled[:]...)
	dst = binary.BigEndian.AppendUint64(dst, m.Gaps)
	dst = appendIDs(dst, m.Heads)
	dst = append(dst, byte(len(m.Heard)))
	var inView uint64
	for i, h := range m.Heard {
		if h.InView {
			inView |= 1 << i
		}
	}
	dst = binary.BigEndian.AppendUint64(dst, inView)
	for _, h := range m.Heard {
		dst = binary.BigEndian.AppendUint64(dst, h.Incarnation)
		dst = binary.BigEndian.AppendUint32(dst, h.Counter)
	}
	return dst, nil
}

func (m Req) appendBody(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint64(dst, m.TS)
	dst = binary.BigEndian.AppendUint32(dst, m.K)
	return append(dst, m.View[:]...), nil
}

func (m Rep) appendBody(dst []byte) ([]byte, error) {
	if len(m.Heads) > MaxRepHeads || len(m.Grants) > MaxGrants || len(m.Grants) == 0 && !m.HandOver {
		return dst, ErrBounds
	}
	dst = append(dst, bit(m.HandOver, repHandOver))
	dst = append(dst, m.View[:]...)
	dst = binary.BigEndian.AppendUint64(dst, m.Clock)
	dst = appendIDs(dst, m.Heads)
	dst = append(dst, byte(len(m.Grants)))
	for i := range m.Grants {
		g := &m.Grants[i]
		dst = append(dst, g.To.Key[:]...)
		dst = binary.BigEndian.AppendUint64(dst, g.To.Incarnation)
		dst = binary.BigEndian.AppendUint64(dst, g.TS)
		dst = binary.BigEndian.AppendUint32(dst, g.K)
	}
	return dst, nil
}

func (m Wait) appendBody(dst []byte) ([]byte, error) {
	if !knownWhy(m.Why) {
		return dst, ErrBounds
	}
	dst = binary.BigEndian.AppendUint64(dst, m.To)
	dst = binary.BigEndian.AppendUint64(dst, m.TS)
	dst = binary.BigEndian.AppendUint16(dst, m.Place)
	dst = append(dst, byte(m.Why))
	return binary.BigEndian.AppendUint32(dst, uint32(millis(m.Left, math.MaxUint32))), nil
}

func (m Release) appendBody(dst []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint64(dst, m.TS), nil
}

func (m Turns) appendBody(dst []byte) ([]byte, error) {
	if len(m.Turns) < 1 || len(m.Turns) > MaxTurns {
		return dst, ErrBounds
	}
	dst = append(dst, bit(m.Rep != nil, turnsRep))
	if m.Rep != nil {
		var err error
		if dst, err = m.Rep.appendBody(dst); err != nil {
			return dst, err
		}
	}
	dst = append(dst, byte(len(m.Turns)))
	for _, t := range m.Turns {
		if len(t) < 1 || len(t) > MaxTurnBytes {
			return dst, ErrBounds
		}
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(t)))
		dst = append(dst, t...)
	}
	return dst, nil
}

func (m Want) appendBody(dst []byte) ([]byte, error) {
	if len(m.IDs) < 1 || len(m.IDs) > MaxWant {
		return dst, ErrBounds
	}
	return appendIDs(dst, m.IDs), nil
}

func (m Frag) appendBody(dst []byte) ([]byte, error) {
	if !m.valid() {
		return dst, ErrBounds
	}
	dst = binary.BigEndian.AppendUint32(dst, m.Number)
	dst = append(dst, m.Index, m.Count)
	return append(dst, m.Data...), nil
}

// valid tells whether the piece is one that Fragment can make.
func (m Frag) valid() bool {
	if m.Count < 1 || m.Count > MaxFragments || m.Index >= m.Count {
		return false
	}
	if m.Index < m.Count-1 {
		return len(m.Data) == MaxFragData
	}
	return len(m.Data) >= 1 && len(m.Data) <= MaxFragData
}

func (m FragWant) appendBody(dst []byte) ([]byte, error) {
	if m.Missing == 0 {
		return dst, ErrBounds
	}
	dst = binary.BigEndian.AppendUint64(dst, m.Of)
	dst = binary.BigEndian.AppendUint32(dst, m.Number)
	return binary.BigEndian.AppendUint64(dst, m.Missing), nil
}

func (m Recon) appendBody(dst []byte) ([]byte, error) {
	if m.From >= m.To || len(m.Data) > MaxReconData {
		return dst, ErrBounds
	}
	dst = append(dst, bit(m.Response, reconResponse))
	dst = binary.BigEndian.AppendUint32(dst, m.Session)
	dst = binary.BigEndian.AppendUint32(dst, m.Round)
	dst = binary.BigEndian.AppendUint64(dst, m.From)
	dst = binary.BigEndian.AppendUint64(dst, m.To)
	return append(dst, m.Data...), nil
}

func (m Ping) appendBody(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint64(dst, m.Origin)
	return binary.BigEndian.AppendUint64(dst, m.Target), nil
}

func (m Pong) appendBody(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint64(dst, m.Of)
	dst = binary.BigEndian.AppendUint64(dst, m.To)
	return binary.BigEndian.AppendUint32(dst, m.Counter), nil
}

func (Bye) appendBody(dst []byte) ([]byte, error) { return dst, nil }

// appendIDs appends a count in one byte and the ids. The caller has checked
// the bound.
func appendIDs(dst []byte, ids []turn.ID) []byte {
	dst = append(dst, byte(len(ids)))
	for i := range ids {
		dst = append(dst, ids[i][:]...)
	}
	return dst
}

func bit(on bool, mask byte) byte {
	if on {
		return mask
	}
	return 0
}

// millis gives d in whole milliseconds, at least 0 and at most limit.
func millis(d time.Duration, limit int64) int64 {
	return min(max(d.Milliseconds(), 0), limit)
}
