package member

import (
	"time"

	"github.com/papo-chat/papo/floor"
)

// Info is what is known of one member.
type Info struct {
	Member floor.Member
	Name   string        // as it says it
	Heard  time.Duration // Boot time of its last sign of life
	Quiet  bool          // by its newest heartbeat
	InView bool          // it is in this member's view
}

// Event is something that people should be told: one of the types below.
type Event interface{ event() }

// Joined tells that another is there: it said who it is, and confirmed that it
// hears this very incarnation. What was recorded earlier and is played back
// cannot do that, so it shows nobody.
type Joined struct{ Who Info }

// Suspected tells that one who had joined has been silent for 3/4 of suspect.
type Suspected struct{ Who Info }

// Recovered tells that one who was suspected gave a sign of life after all.
type Recovered struct{ Who Info }

// Left tells that one who had joined is gone: it said so, or it was silent for
// a whole suspect.
type Left struct {
	Who Info
	Bye bool
}

// LeftOut tells that one who had joined has not been in this member's view for
// a whole suspect. Self: this member itself is in the view of nobody whom it
// hears; Who is then its own.
type LeftOut struct {
	Who  Info
	Self bool
}

// LetIn tells the end of what LeftOut told.
type LetIn struct {
	Who  Info
	Self bool
}

// Full tells that this member stays quiet, although its quiet time is over,
// because MaxMembers are there already; or, with On false, that it does so no
// longer.
type Full struct{ On bool }

// Copied tells that another incarnation of this member's own key is alive, as
// of a copied data directory, and that it is this member that must exit.
type Copied struct{ Other floor.Member }

// Misused tells that another heard from this very incarnation a counter that it
// never sent: somebody of the group sent in its name. (Or the other lies.) What it
// sends below that counter will be taken for a repetition.
type Misused struct{ By floor.Member }

func (Joined) event()    {}
func (Suspected) event() {}
func (Recovered) event() {}
func (Left) event()      {}
func (LeftOut) event()   {}
func (LetIn) event()     {}
func (Full) event()      {}
func (Copied) event()    {}
func (Misused) event()   {}
