package floor

// rules is a set of rules taken out. It is always empty outside of tests:
// nothing but test code can set it. The tests take out one rule at a time and
// show that the checks of safety and progress then find two members on the
// floor at once, or one that waits for ever.
type rules uint64

const (
	noF1             rules = 1 << iota // a change of view does not void replies
	noF2Lease                          // replies never expire at the asker
	noF3                               // enters though a grant of its own lives outside of the view
	noF4                               // enters and answers while quiet
	noF6View                           // answers members that are not in its view
	noF6Hash                           // views are not compared
	noF8                               // grants though a grant of its own lives outside of the view
	acceptIdle                         // accepts a late reply while idle
	acceptIdleHand                     // the same, only for replies in a hand-over
	renewStale                         // renews a hold after a change of view
	keepReleased                       // keeps permissions after RELEASE
	anyAddressee                       // takes a REP that was meant for another
	lowerGrant                         // an older REQ lowers the ts of a recorded grant
	waitIsReply                        // counts a WAIT as a REP
	leaseFromReceipt                   // measures a reply's lease from its receipt
	noClockRaise                       // the clock is not raised on receiving
	tieBoth                            // grants on equal Lamport times, whatever the incarnations
	grantHolding                       // grants while holding
	compareClock                       // compares the live clock instead of the request's time
	untaggedReply                      // a reply to any request counts for the present one
	countReplies                       // counts replies instead of keeping a set of members
	halfDeferred                       // answers only every other deferred request
	enterOnTimeout                     // enters after a second without the missing replies
	keepGranted                        // keeps a permission of a member that it has answered
	backdatedGrant                     // answers on Left as of the time that it was told
)

func (r rules) has(x rules) bool { return r&x != 0 }
