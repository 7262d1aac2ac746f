package peer

import (
	"crypto/ed25519"
	"math/rand/v2"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/turn"
)

// Config is what a member is. Those from Turns on may be empty; Archive must be set
// if Summary has turns.
type Config struct {
	Name       string
	Private    ed25519.PrivateKey
	Group      turn.GroupID
	Address    string // of the group, for people
	Room       string
	Interfaces []string
	Open       bool // no passphrase
	// ReconcileEvery is the pause between comparisons with a member that are
	// made though nothing looks different.
	ReconcileEvery time.Duration
	// Rand is the only source of randomness.
	Rand *rand.Rand
	// Signatures makes and checks signatures; nil: Ed25519.
	Signatures Signatures
	// Verbose adds the single messages of the protocol to the events.
	Verbose bool
	// Delay is how long each turn of another is held at the most: see SetDelay.
	Delay time.Duration
	// Order is the order in which turns are shown; empty: OrderAgreed.
	Order Order
	// Without is what a simulation takes out of the rules.
	Without broken.Rules

	Restored Restored // what the start found; Turns and Recent are filled in
	// Summary is of the turns of a checkpoint. If there are any, Loaded must be
	// told of them soon.
	Summary turn.Summary
	// Turns are what the disk has beside what Summary sums up, in any order.
	Turns []*turn.Signed
	// Archive gives each turn of Summary and of Turns, and each that was in a
	// Ready's Append and that a replica took, from before Done is called. Nil: all
	// turns stay in memory.
	Archive turn.Archive
	// Unsent are lines of the last run that were not said, but for those that a turn
	// of Turns or of Summary.Recent carries: these are noted as said. No other turn
	// may carry one.
	Unsent []QueuedLine
	// Met is who was met in earlier runs, in the order of meeting: see Core.Met. Who
	// is not in it, nor the author of one of Turns, counts as not met.
	Met []Met
}
