package wire

import "github.com/papo-chat/papo/internal/turn"

// Bounds of the messages, in bytes where nothing else is said. Append and
// Decode both refuse what exceeds one.
const (
	// MaxPayload is the largest message that fits a datagram of 1200 bytes:
	// the sealing takes 57.
	MaxPayload = 1200 - 57

	// MaxFragData is what one piece of a fragmented message carries. Every
	// piece but the last carries exactly so much.
	MaxFragData = MaxPayload - fragHeader

	// MaxFragments is how many pieces a message can have: the bits of
	// FragWant.Missing.
	MaxFragments = 64

	// MaxMessage is the largest message at all: the most that fragments can
	// carry. It has room for a TURN of the largest turn with a REP of
	// MaxGrants.
	MaxMessage = MaxFragments * MaxFragData

	// MaxNameBytes is 32 characters of four bytes.
	MaxNameBytes = 128

	// MaxHeard is how many members a heartbeat can tell to have heard: the
	// bits of its inView. Who hears more tells of 64, those in its view
	// first: they are at most 63, as a view has at most 64 members.
	MaxHeard = 64

	// MaxBeatHeads is how many heads a heartbeat can tell. Who has more
	// tells the newest.
	MaxBeatHeads = 4

	// MaxRepHeads is how many heads a REP can tell. Who has more tells the
	// newest.
	MaxRepHeads = 4

	// MaxGrants is how many permissions one REP can carry: more than a view
	// of 64 members can wait for. See SplitGrants.
	MaxGrants = 64

	// MaxTurns is how many turns one TURN can carry.
	MaxTurns = 64

	// MaxTurnBytes is the largest turn, signature included.
	MaxTurnBytes = turn.MaxSigned

	// MaxWant is how many turns one WANT can ask for: as many as fit a
	// datagram.
	MaxWant = (MaxPayload - 2) / 32

	// MaxReconData is the largest frame of a reconciliation.
	MaxReconData = 4096
)

// Sizes of parts, as the package comment draws them.
const (
	fragHeader  = 1 + 4 + 1 + 1
	reconHeader = 1 + 1 + 4 + 4 + 8 + 8
	repFixed    = 1 + 16 + 8 + 1 + 1 // without kind, heads and grants
	headSize    = 32
	grantSize   = 32 + 8 + 8 + 4
	heardSize   = 8 + 4
	turnsFixed  = 1 + 1 + 1 // kind, flags, count
	turnPrefix  = 2
)
