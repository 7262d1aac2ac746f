package lab

import (
	"maps"

	"github.com/papo-chat/papo/floor"
)

// Some names something that happens in some runs only. A long run in which one of them
// never did has not tested what it stands for.
type Some string

// Counts says how often each happened.
type Counts map[Some]int

// Add adds others.
func (c Counts) Add(o Counts) {
	for k, n := range o {
		c[k] += n
	}
}

// Never gives those that must happen in a long run of mixed faults and did not.
func (c Counts) Never() []Some {
	var out []Some
	for _, s := range Must {
		if c[s] == 0 {
			out = append(out, s)
		}
	}
	return out
}

// Clone gives a copy.
func (c Counts) Clone() Counts { return maps.Clone(c) }

// What can happen: to the network,
const (
	SomeReorder Some = "net: reordered"
	SomeRepeat  Some = "net: repeated"
	SomeStale   Some = "net: an old datagram came again"

	// Reasons why a datagram did not arrive.
	lostLoss     Some = lostPrefix + "loss"
	lostBurst    Some = lostPrefix + "burst"
	lostCut      Some = lostPrefix + "cut"
	lostFlip     Some = lostPrefix + "flip"
	lostTruncate Some = lostPrefix + "truncate"
	lostMTU      Some = lostPrefix + "mtu"
	lostOverflow Some = lostPrefix + "overflow"
	lostNowhere  Some = lostPrefix + "nowhere"  // whom it was for is not there any more
	lostRepeated Some = lostPrefix + "repeated" // it had come before
)

const lostPrefix = "net: lost, "

// to members, clocks and disks,
const (
	SomeStarted     Some = "member: started"
	SomeLate        Some = "member: started late"
	SomeKilled      Some = "member: killed"
	SomeKilledWrite Some = "member: killed in a write to the disk"
	SomeKilledSend  Some = "member: killed between two datagrams"
	SomePower       Some = "member: its power was cut"
	SomeWiped       Some = "member: its disk was lost"
	SomeQuit        Some = "member: left"
	SomePaused      Some = "member: stood still"
	SomePausedHold  Some = "member: stood still while it held the floor, for longer than its lease"
	SomeSlept       Some = "member: its machine slept"
	SomeSleptHold   Some = "member: its machine slept while it held the floor, for longer than its lease"
	SomeClockSet    Some = "member: its wall clock was set"
	SomeAnew        Some = "member: took a new incarnation"
	SomeCopied      Some = "member: two live copies of one data directory"
	SomeCopyLeft    Some = "member: one of two copies left"
	SomeDiskFull    Some = "disk: full"
	SomeDiskError   Some = "disk: an operation failed"
	SomeDiskTorn    Some = "disk: a write was torn"
	SomeFsyncFailed Some = "disk: an fsync failed"
	SomeRot         Some = "disk: a bit flipped"
	SomeNoReplica   Some = "disk: no replica took a turn"
	SomeNotQueued   Some = "disk: a line could not be noted"
	SomeForged      Some = "member: signed a turn whose stamp is not possible"
	SomeNoStart     Some = "disk: a start failed"
)

// in the protocol,
const (
	SomeGranted    Some = "floor: entered"
	SomeKept       Some = "floor: entered on kept permissions"
	SomeRenewed    Some = "floor: renewed a hold"
	SomeHeld       Some = "floor: /hold"
	SomeCancelled  Some = "floor: cancelled"
	SomeHandOver   Some = "floor: handed over with a turn"
	SomeView       Some = "views: changed"
	SomeViewHold   Some = "views: changed during a hold"
	SomeLeftOut    Some = "views: a member was left out"
	SomeMerged     Some = "views: both sides of a partition spoke"
	SomeSuspected  Some = "views: a member was suspected"
	SomeLateTurn   Some = "record: a turn was shown late"
	SomeGap        Some = "record: a turn was shown before its parent"
	SomeDelivered  Some = "record: told as delivered"
	SomeReconciled Some = "record: reconciled with members"
	SomeCaughtUp   Some = "record: a first catch-up"
	SomeUnkept     Some = "record: a turn was shown as not kept"
	SomeFragments  Some = "record: a turn in fragments"
)

// and at a start.
const (
	SomeRestored Some = "start: turns of the replicas"
	SomeSummary  Some = "start: turns of the checkpoint"
	SomeAdvanced Some = "checkpoint: advanced"
	SomeRemade   Some = "checkpoint: made anew"
	SomeOldLine  Some = "start: a line of the last run was queued again"
	SomeOldSaid  Some = "start: a line of the last run was in the record"
	SomeTorn     Some = "start: a torn last line"
	SomeDamaged  Some = "start: a damaged line"
	SomeMended   Some = "start: a replica was mended"
	SomeRepaired Some = "start: a replica was mended while the program ran"
)

// refusal names what a rule kept from happening.
var refusal [floor.NumRefusals]Some

func init() {
	for r := range floor.NumRefusals {
		refusal[r] = Some("refused, " + r.String())
		Must = append(Must, refusal[r])
	}
}

// Must are those that a long run of mixed faults has to reach. The refusals of all rules
// of the floor belong to them.
var Must = []Some{
	SomeReorder, SomeRepeat, SomeStale,
	SomeStarted, SomeLate, SomeKilled, SomeKilledWrite, SomeKilledSend, SomePower, SomeWiped, SomeQuit, SomePaused, SomePausedHold,
	SomeSlept, SomeSleptHold, SomeClockSet, SomeAnew, SomeCopied, SomeCopyLeft,
	SomeDiskFull, SomeDiskError, SomeDiskTorn, SomeFsyncFailed, SomeRot, SomeNoReplica, SomeNotQueued, SomeNoStart,
	SomeGranted, SomeKept, SomeRenewed, SomeHeld, SomeCancelled, SomeHandOver,
	SomeView, SomeViewHold, SomeLeftOut, SomeMerged, SomeSuspected,
	SomeLateTurn, SomeGap, SomeDelivered, SomeReconciled, SomeCaughtUp, SomeUnkept, SomeFragments,
	SomeRestored, SomeSummary, SomeAdvanced, SomeOldLine, SomeOldSaid, SomeTorn, SomeDamaged, SomeMended, SomeRepaired,
	lostLoss, lostBurst, lostCut, lostFlip, lostTruncate, lostMTU, lostOverflow, lostNowhere, lostRepeated,
}
