package wire

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
)

// Decode reads one message, which must be all of b. The error wraps one of
// ErrTruncated, ErrTrailing, ErrBounds, ErrUnsorted, ErrFlags, ErrUnknownKind
// and ErrTooLarge.
//
// The message is one of the struct types of this package, not a pointer. Empty
// lists are nil. Turns.Turns, Frag.Data and Recon.Data are parts of b, not
// copies: who keeps them after b is used again must copy them.
func Decode(b []byte) (Message, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("cannot read an empty message: %w", ErrTruncated)
	}
	kind := Kind(b[0])
	if len(b) > MaxMessage {
		return nil, fmt.Errorf("cannot read %v of %d bytes: %w", kind, len(b), ErrTooLarge)
	}
	r := reader{b: b[1:]}
	m := r.message(kind)
	if r.err == nil && len(r.b) > 0 {
		r.err = ErrTrailing
	}
	if r.err != nil {
		return nil, fmt.Errorf("cannot read %v of %d bytes: %w", kind, len(b), r.err)
	}
	return m, nil
}

// reader takes fields from the front of b. After the first error it gives
// zeros, so that only the end needs a check; loops are bounded by counts that
// were checked before.
type reader struct {
	b   []byte
	err error
}

func (r *reader) message(kind Kind) Message {
	switch kind {
	case KindHello:
		return r.hello()
	case KindBeat:
		return r.beat()
	case KindReq:
		return Req{TS: r.uint64(), K: r.uint32(), View: r.view()}
	case KindRep:
		return r.rep()
	case KindWait:
		return r.wait()
	case KindRelease:
		return Release{TS: r.uint64()}
	case KindTurns:
		return r.turns()
	case KindWant:
		return Want{IDs: r.ids(1, MaxWant)}
	case KindFrag:
		return r.frag()
	case KindFragWant:
		m := FragWant{Of: r.uint64(), Number: r.uint32(), Missing: r.uint64()}
		r.check(m.Missing != 0, ErrBounds)
		return m
	case KindRecon:
		return r.recon()
	case KindPing:
		return Ping{Origin: r.uint64(), Target: r.uint64()}
	case KindPong:
		return Pong{Of: r.uint64(), To: r.uint64(), Counter: r.uint32()}
	case KindBye:
		return Bye{}
	}
	r.fail(ErrUnknownKind)
	return nil
}

func (r *reader) hello() Message {
	var m Hello
	m.Want = r.flags(helloWant)&helloWant != 0
	copy(m.Key[:], r.take(len(m.Key)))
	copy(m.Signature[:], r.take(len(m.Signature)))
	m.Name = string(r.take(r.count(1, MaxNameBytes)))
	return m
}

func (r *reader) beat() Message {
	var m Beat
	flags := r.flags(beatQuiet | beatAsking | beatHolding)
	m.Quiet = flags&beatQuiet != 0
	switch flags & (beatAsking | beatHolding) {
	case beatAsking:
		m.Activity = Asking
	case beatHolding:
		m.Activity = Holding
	case beatAsking | beatHolding:
		r.fail(ErrFlags)
	}
	m.Interval = time.Duration(r.uint16()) * time.Millisecond
	m.TS = r.uint64()
	m.Left = time.Duration(r.uint32()) * time.Millisecond
	m.View = r.view()
	m.Leader = r.uint64()
	m.SettledStamp = r.uint64()
	copy(m.Settled[:], r.take(len(m.Settled)))
	m.Gaps = r.uint64()
	m.Heads = r.ids(0, MaxBeatHeads)
	n := r.count(0, MaxHeard)
	inView := r.uint64()
	r.check(inView>>n == 0, ErrFlags)
	if !r.has(n * heardSize) {
		return m
	}
	if n > 0 {
		m.Heard = make([]Heard, n)
	}
	for i := range m.Heard {
		m.Heard[i] = Heard{Incarnation: r.uint64(), Counter: r.uint32(), InView: inView>>i&1 != 0}
		r.check(i == 0 || m.Heard[i-1].Incarnation < m.Heard[i].Incarnation, ErrUnsorted)
	}
	return m
}

func (r *reader) rep() Rep {
	var m Rep
	m.HandOver = r.flags(repHandOver)&repHandOver != 0
	m.View = r.view()
	m.Clock = r.uint64()
	m.Heads = r.ids(0, MaxRepHeads)
	n := r.count(0, MaxGrants)
	r.check(n > 0 || m.HandOver, ErrBounds)
	if n == 0 || !r.has(n*grantSize) {
		return m
	}
	m.Grants = make([]Grant, n)
	for i := range m.Grants {
		g := &m.Grants[i]
		copy(g.To.Key[:], r.take(len(g.To.Key)))
		g.To.Incarnation = r.uint64()
		g.TS = r.uint64()
		g.K = r.uint32()
	}
	return m
}

func (r *reader) wait() Message {
	m := Wait{
		To:    r.uint64(),
		TS:    r.uint64(),
		Place: r.uint16(),
		Why:   floor.Why(r.uint8()),
		Left:  time.Duration(r.uint32()) * time.Millisecond,
	}
	r.check(knownWhy(m.Why), ErrBounds)
	return m
}

func (r *reader) turns() Message {
	var m Turns
	if r.flags(turnsRep)&turnsRep != 0 {
		rep := r.rep()
		m.Rep = &rep
	}
	n := r.count(1, MaxTurns)
	if !r.has(n * turnPrefix) {
		return m
	}
	m.Turns = make([][]byte, n)
	for i := range m.Turns {
		size := int(r.uint16())
		r.check(size > 0 && size <= MaxTurnBytes, ErrBounds)
		m.Turns[i] = r.take(size)
	}
	return m
}

func (r *reader) frag() Message {
	m := Frag{Number: r.uint32(), Index: r.uint8(), Count: r.uint8()}
	m.Data = r.rest()
	r.check(m.valid(), ErrBounds)
	return m
}

func (r *reader) recon() Message {
	response := r.flags(reconResponse)&reconResponse != 0
	m := Recon{
		Session:  r.uint32(),
		Round:    r.uint32(),
		Response: response,
		From:     r.uint64(),
		To:       r.uint64(),
	}
	m.Data = r.rest()
	r.check(m.From < m.To && len(m.Data) <= MaxReconData, ErrBounds)
	return m
}

// fail keeps the first error.
func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.b = nil
}

func (r *reader) check(ok bool, err error) {
	if !ok {
		r.fail(err)
	}
}

// has tells whether n bytes are left; too few is an error. It stands before
// what allocates by a count, so that a short datagram costs little.
func (r *reader) has(n int) bool {
	r.check(len(r.b) >= n, ErrTruncated)
	return r.err == nil
}

// take gives the next n bytes, or nil.
func (r *reader) take(n int) []byte {
	if !r.has(n) {
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

// rest gives all that is left; nothing is nil.
func (r *reader) rest() []byte {
	if len(r.b) == 0 {
		return nil
	}
	return r.take(len(r.b))
}

func (r *reader) uint8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) flags(known uint8) uint8 {
	f := r.uint8()
	r.check(f&^known == 0, ErrFlags)
	return f
}

// count reads a count in one byte.
func (r *reader) count(least, most int) int {
	n := int(r.uint8())
	if n < least || n > most {
		r.fail(ErrBounds)
		return 0
	}
	return n
}

func (r *reader) view() (v floor.ViewHash) {
	copy(v[:], r.take(len(v)))
	return v
}

func (r *reader) ids(least, most int) []turn.ID {
	n := r.count(least, most)
	if n == 0 || !r.has(n*headSize) {
		return nil
	}
	ids := make([]turn.ID, n)
	for i := range ids {
		copy(ids[i][:], r.take(headSize))
	}
	return ids
}

func knownWhy(w floor.Why) bool { return w >= floor.WhyHolding && w <= floor.WhyGrant }
