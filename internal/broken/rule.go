package broken

// Rule is one rule that can be taken out: 0 is none. The numbers may change from
// version to version; Entry.Name does not.
type Rule uint8

// The rules, named after what is there as long as they are not taken out. All has a
// sentence for each that says what is there then.
const (
	_ Rule = iota

	// Of package floor.

	F1VoidReplies
	StaleHold
	F2Lease
	F2LeaseFromSending
	F2NotIdle
	F2NotIdleHandOver
	F2Tag
	F2SetOfReplies
	F2AllReplies
	F2WaitIsNoReply
	F3OwnGrants
	F4Quiet
	F6Membership
	F6ViewHash
	F6ClockRaise
	F7DeferWhileHolding
	F7DeferWhileLower
	F7TieByID
	F7RequestTime
	F7AllDeferred
	F7QueueOrder
	F8OutsideGrants
	F9PermissionGone
	F9NewestRequest
	F9Addressee
	F9AnswerTime
	F10ForgetOnRelease
	F10DropOnRelease

	// Of package member.

	Confirmation
	FreshConfirmation
	QuietUncounted
	Suspicion
	FollowLowest
	FollowOwnView
	MutualHearing
	ByeFinal
	CopyExits

	// Of package peer: speaking.

	WriteFirst
	WrittenOrUnsaid
	NotAfter
	UnsentWritten
	LineIDLookup
	BackToQueue
	SafeBeforeSaid
	WholePast
	LeaveContended
	HoldLimit
	OwnStamp
	ClockRestored
	SleepNoticed
	NewIncarnation

	// Of package peer: the record and what is shown of it.

	KeptInHeads
	WantParents
	AnswerWants
	ParentsFirst
	LateMarked
	TieLate
	ShownOnce
	SettledCompared
	SettledSame
	Reconciliation
	AllFound
	EveryWindow

	// Of package turn.

	StampsChecked
	HeadsRenewed
	AllHeads

	end
)
