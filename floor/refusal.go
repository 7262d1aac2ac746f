package floor

// Refusal names a way in which a rule keeps something from happening.
type Refusal uint8

// The refusals, by rule. A simulation counts them, to know that its runs met each.
const (
	RefusedViewChange   Refusal = iota // F1: a change of view made replies void
	RefusedLeaseOver                   // F2: the lease of a reply ended
	RefusedLateReply                   // F2: a reply to another request, or to none
	RefusedOtherView                   // F2: a reply that was given in another view
	RefusedOwnGrant                    // F3: a permission given to a member outside of the view is live
	RefusedQuiet                       // F4: a request of another, while quiet; counts as RefusedStranger too
	RefusedStranger                    // F6: a request of another view, or of no member of the view
	RefusedHolding                     // F7: a request, while holding
	RefusedAsking                      // F7: a request, while asking with an earlier one
	RefusedOutsideGrant                // F8: a request, while a permission given outside of the view is live
	RefusedOldRequest                  // F9: a sending that is not newer than the newest
	RefusedReleased                    // F10: a request that was taken back before
	NumRefusals
)

var refusalNames = [NumRefusals]string{
	"F1: replies void", "F2: lease over", "F2: late reply", "F2: reply of another view", "F3: own permission outside of the view", "F4: quiet",
	"F6: stranger", "F7: holding", "F7: asking", "F8: permission outside of the view", "F9: old sending", "F10: released",
}

// String gives the rule and the refusal.
func (r Refusal) String() string { return refusalNames[r] }

// Refusals tells how often each was met.
func (f *Floor) Refusals() [NumRefusals]int { return f.refused }

// deferrals are the refusals that defer a request.
var deferrals = [...]Refusal{WhyHolding: RefusedHolding, WhyAsking: RefusedAsking, WhyGrant: RefusedOutsideGrant}
