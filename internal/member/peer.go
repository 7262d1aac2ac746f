package member

import (
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/wire"
)

// never is a time so long ago that everything measured from it has expired.
const never = time.Duration(-1 << 62)

// peer is what is known of one other incarnation.
type peer struct {
	floor.Member // Key: once known
	name         string
	known        bool // its hello came
	slot         int  // in the table
	twin         bool // it has this member's own key

	live    bool          // it gave a sign of life, and is not dropped
	since   time.Duration // live since
	sign    time.Duration // last sign of life
	direct  time.Duration // last datagram from itself
	dropped time.Duration // when it was last dropped for its silence
	heard   counterLog    // its counters

	confirmed time.Duration // when it last confirmed that it hears this member
	heardAt   time.Duration // when the newest datagram of this member that it confirmed was sent
	joined    bool          // it confirmed since it lives, and Joined was told
	suspected bool          // Suspected was told
	out       time.Duration // heard and not in the view since; never: it is in
	outTold   bool          // LeftOut was told

	hasBeat  bool // beat is from this life of it
	beatAt   time.Duration
	counter  uint32 // of the newest heartbeat
	hasCount bool
	interval time.Duration
	quiet    bool
	view     floor.ViewHash
	leader   uint64
	says     []wire.Heard // its heard set: at most wire.MaxHeard, which wire.Decode sees to
	hears    slotSet      // those of says that are in the table, and fresh

	inView bool // in this member's own view

	pinged   time.Duration // when PING was last sent
	asked    time.Duration // when its hello was last asked for
	answered time.Duration // when hello was last sent to it because it asked
}

func newPeer(incarnation uint64) *peer {
	return &peer{
		Member:  floor.Member{Incarnation: incarnation},
		since:   never,
		sign:    never,
		direct:  never,
		dropped: never,
		// 64 marks 100 ms apart span 6.4 s: two suspects of the largest group.
		heard:     counterLog{every: 100 * time.Millisecond, limit: 64},
		confirmed: never,
		out:       never,
		beatAt:    never,
		pinged:    never,
		asked:     never,
		answered:  never,
	}
}

// marks tells whether the newest heartbeat has the incarnation in its sender's view.
func (p *peer) marks(incarnation uint64) bool {
	for _, h := range p.says {
		if h.Incarnation == incarnation {
			return h.InView
		}
	}
	return false
}

func (p *peer) info() Info {
	return Info{
		Member: p.Member,
		Name:   p.name,
		Heard:  p.sign,
		Quiet:  p.quiet,
		InView: p.inView,
	}
}
