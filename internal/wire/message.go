package wire

import (
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
)

// Message is one message of the protocol: what a datagram says once it is
// opened. Who sent it (the incarnation) and its counter stand before it in the
// sealed part and are not repeated here.
type Message interface {
	// Kind returns the byte that stands first in the encoding.
	Kind() Kind
	// String is a summary in one line, for logs and transcripts.
	String() string
	// appendBody appends what stands after the kind. The messages of this
	// package are all there are.
	appendBody(dst []byte) ([]byte, error)
}

// Hello tells who an incarnation is. Signature is the key's, over the group,
// the incarnation and the name (docs/PROTOCOL.md, "The hello signature"), so
// nobody else can claim the key. wire checks neither the signature nor the
// characters of the name.
type Hello struct {
	Key       turn.Key
	Name      string // 1 to MaxNameBytes bytes
	Signature [64]byte
	Want      bool // "I want yours"
}

// Heard says of one member what its hearer heard last.
type Heard struct {
	Incarnation uint64
	Counter     uint32 // the highest counter heard from it
	InView      bool   // it is in the view of who says this
}

// Activity is what a member is doing with the floor.
type Activity uint8

// What a heartbeat may say of its sender.
const (
	Idle    Activity = 0
	Asking  Activity = 1 // TS is the request's
	Holding Activity = 2 // Left is what remains of the hold's leases, or of an announced /hold
)

// Beat is the heartbeat. It is multicast every Interval, and at once on a
// change of view.
type Beat struct {
	Interval time.Duration // ms on the wire: how often its sender beats at present
	Quiet    bool
	Activity Activity
	TS       uint64        // asking or holding: the Lamport time of the request
	Left     time.Duration // ms on the wire
	View     floor.ViewHash
	Leader   uint64    // incarnation of the lowest key of that view
	Heard    []Heard   // at most MaxHeard, strictly ascending by incarnation
	Heads    []turn.ID // at most MaxBeatHeads, in any order
	// Settled is Negentropy's fingerprint of all turns with a stamp in
	// [0, SettledStamp].
	SettledStamp uint64
	Settled      [16]byte
	// Gaps is turn.History's fingerprint of what its sender lacks before its
	// heads; 0: nothing.
	Gaps uint64
}

// Req asks for the floor.
type Req struct {
	TS   uint64
	K    uint32
	View floor.ViewHash
}

// Grant is one member's permission, given to one request. Several can travel
// together, in a Rep or with a turn: then in the order of the queue.
type Grant struct {
	To floor.Member
	TS uint64
	K  uint32
}

// Rep carries permissions. Heads are up to MaxRepHeads heads of its sender,
// which who enters should have seen.
type Rep struct {
	View     floor.ViewHash
	Clock    uint64
	HandOver bool      // its sender has just left the floor: see SplitGrants
	Heads    []turn.ID // at most MaxRepHeads, in any order
	Grants   []Grant   // at most MaxGrants; none only in a hand-over
}

// Wait tells an asker that its request was heard and is deferred.
type Wait struct {
	To    uint64 // incarnation of the asker
	TS    uint64
	Place uint16        // how many wait before the asker
	Why   floor.Why     // holding, asking or grant
	Left  time.Duration // ms on the wire
}

// Release takes back the request TS and all older ones of its sender.
type Release struct {
	TS uint64
}

// Turns carries turns: one that is said now, with the permissions that its
// speaker gives on leaving, or several that are sent again for repair, with
// none. Each is the signed bytes; wire does not look inside.
type Turns struct {
	Rep   *Rep     // nil: none
	Turns [][]byte // 1 to MaxTurns, each of 1 to MaxTurnBytes bytes
}

// Want asks for turns by id.
type Want struct {
	IDs []turn.ID // 1 to MaxWant, in any order
}

// Frag is one piece of a message too large for one datagram. Pieces of one
// message have the same Number, which counts its sender's fragmented messages.
type Frag struct {
	Number uint32
	Index  uint8  // below Count
	Count  uint8  // 1 to MaxFragments
	Data   []byte // MaxFragData bytes; the last piece: 1 to MaxFragData
}

// FragWant asks for the pieces of a message that did not come. Bit i of
// Missing stands for piece i.
type FragWant struct {
	Of      uint64 // incarnation of the sender of the fragments
	Number  uint32
	Missing uint64 // never 0
}

// Recon carries one message of a reconciliation (Negentropy Protocol V1).
// A session is opened by the initiator with a number of its own; Round counts
// the initiator's messages, so that a repeated one is answered, not obeyed.
type Recon struct {
	Session  uint32
	Round    uint32
	Response bool // from the one who was asked
	// Bounds of the window in stamps: [From, To), From < To. A session goes
	// through several windows, newest first; a response repeats its round's.
	From, To uint64
	// Data has at most MaxReconData bytes. Empty in a response: refused, too
	// many sessions.
	Data []byte
}

// Ping asks Target for a Pong on behalf of Origin. Who gets a Ping for another
// passes it on once.
type Ping struct {
	Origin uint64
	Target uint64
}

// Pong answers a Ping: Of lives, and the last it heard from To is Counter.
type Pong struct {
	Of      uint64
	To      uint64
	Counter uint32
}

// Bye says that its sender leaves. It is final for that incarnation.
type Bye struct{}
