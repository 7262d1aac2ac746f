package reconcile

import (
	"errors"
	"fmt"

	"github.com/papo-chat/papo/internal/turn"
)

// MinFrameLimit is the smallest bound on messages that can be asked for, other
// than none: what all implementations of the protocol agree on. Below it, one
// split of a range might not fit and nothing would ever move on.
const MinFrameLimit = 4096

// What callers may want to tell apart.
var (
	// ErrMessage: the bytes are no message of the protocol. Whoever sent them
	// is broken or hostile; nothing was taken from them.
	ErrMessage = errors.New("reconcile: malformed message")
	// ErrVersion: the responder speaks only other versions of the protocol.
	ErrVersion = errors.New("reconcile: the other side does not speak version 1 of the protocol")
	// ErrFrameLimit: a frame limit that is neither 0 nor at least MinFrameLimit.
	ErrFrameLimit = errors.New("reconcile: frame limit out of range")
)

// Session is the initiator's side. It holds its set and the limits, but nothing
// of the other's set and nothing of the messages before, so it has no end of
// its own: who drives it counts rounds and gives up.
//
// When neither set changes during the session, both follow the protocol and
// MaxHave is 0, it ends after finitely many rounds (each settles at least the
// lowest range still open) with exactly the differences told. With a frame limit
// an id may be told more than once, in different rounds, and a responder that is
// another implementation can, rarely, lose what lies beyond a cut (see answer).
//
// The set may grow between two rounds: no message then depends on an index of
// an older one, so the session goes on as correct as before. An item that came
// into a range already settled is not told; the next session finds it. An item
// that came meanwhile from elsewhere may still be told as needed.
type Session struct {
	set   Set
	limit int

	// MaxHave bounds the ids that one call of Reconcile gives as had, so that a
	// responder that claims to have nothing cannot make it list a whole set at
	// once. 0 is no bound. Those over the bound are not told in this session, but
	// in a later one, once the responder has those that were told. Needed ids are
	// bounded by the message's length.
	MaxHave int
}

// NewInitiator begins a session over s. No message of it will be longer than
// frameLimit bytes; 0 is no limit, and only for a trusted responder; else it
// must be at least MinFrameLimit.
func NewInitiator(s Set, frameLimit int) (*Session, error) {
	if err := checkLimit(frameLimit); err != nil {
		return nil, err
	}
	return &Session{set: s, limit: frameLimit}, nil
}

// Initiate gives the first message. It is under 1200 bytes long.
func (s *Session) Initiate() []byte {
	set := still(s.set)
	w := newWriter()
	w.split(end, set, 0, set.Len())
	return w.buf
}

// Reconcile reads the responder's answer and gives the next message, nil when
// all is settled. have are ids in this set and not in the responder's, each once
// and in the order; need are ids the other way round, as the message gives them.
// Only a responder that lies makes need name an id twice (in two ranges), or one
// that is in the set (elsewhere).
//
// Any bytes are taken: what is no message gives an error of kind ErrMessage or
// ErrVersion and nothing else. One call costs O(len(msg) log n), and O(n) for
// going once through the ranges that the responder lists.
func (s *Session) Reconcile(msg []byte) (next []byte, have, need []turn.ID, err error) {
	d := &differences{maxHave: s.MaxHave}
	next, err = answer(still(s.set), s.limit, msg, d)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(next) == 1 { // the version alone: no range is left open
		next = nil
	}
	return next, d.have, d.need, nil
}

// Respond answers one message of an initiator from s. It keeps nothing, so
// sessions cost nothing between messages, and a message that came twice is
// answered twice; s may have grown since the message before.
//
// Any bytes are taken: what is no message gives an error of kind ErrMessage. A
// message of another version is answered with the version spoken here. The
// answer has at most frameLimit bytes; 0 is no limit, and only for a trusted
// initiator; else it must be at least MinFrameLimit. One call costs
// O(len(msg) log n).
func Respond(s Set, frameLimit int, msg []byte) ([]byte, error) {
	if err := checkLimit(frameLimit); err != nil {
		return nil, err
	}
	return answer(still(s), frameLimit, msg, nil)
}

func checkLimit(limit int) error {
	if limit != 0 && limit < MinFrameLimit {
		return fmt.Errorf("%w: %d bytes; give 0 for none, or at least %d", ErrFrameLimit, limit, MinFrameLimit)
	}
	return nil
}

// differences collects what an initiator learns from one message.
type differences struct {
	maxHave    int
	have, need []turn.ID
}

// compare takes the responder's list of all it has in a range where the
// initiator has the items [from, to) of s.
func (d *differences) compare(s Set, from, to int, list []byte) {
	theirs := make(map[turn.ID]struct{}, len(list)/len(turn.ID{}))
	for b := list; len(b) > 0; b = b[len(turn.ID{}):] {
		theirs[turn.ID(b[:len(turn.ID{})])] = struct{}{}
	}
	for i := from; i < to; i++ {
		id := s.At(i).ID
		if _, ok := theirs[id]; ok {
			delete(theirs, id)
		} else if d.maxHave == 0 || len(d.have) < d.maxHave {
			d.have = append(d.have, id)
		}
	}
	for b := list; len(b) > 0; b = b[len(turn.ID{}):] {
		id := turn.ID(b[:len(turn.ID{})])
		if _, ok := theirs[id]; ok {
			delete(theirs, id)
			d.need = append(d.need, id)
		}
	}
}
