package broken

// Entry is what is to be known of a rule.
type Entry struct {
	Rule Rule
	// Name names it on a command line: lower case, with hyphens. The sentence for
	// people is in the catalogue of words under "broken." and this.
	Name string
	// Of is which of docs/PROTOCOL.md's F1 to F10 it is, or is part of; empty: none.
	Of string
	// Without says, in English, what is done when it is taken out.
	Without string
}

// All returns all rules, in order. The caller must not change them.
func All() []Entry { return table }

// Lookup returns the rule with this name. False: there is none.
func Lookup(name string) (Rule, bool) {
	for _, e := range table {
		if e.Name == name {
			return e.Rule, true
		}
	}
	return 0, false
}

// String returns the rule's name; "" if there is no such rule.
func (r Rule) String() string {
	for _, e := range table {
		if e.Rule == r {
			return e.Name
		}
	}
	return ""
}

var table = []Entry{
	{F1VoidReplies, "f1-void-replies", "F1", "Permissions stay good when the view changes."},
	{StaleHold, "stale-hold", "F1", "A hold is renewed after a change of the view."},
	{F2Lease, "f2-lease", "F2", "Permissions never end at who asked for them."},
	{F2LeaseFromSending, "f2-lease-from-sending", "F2", "The lease of a permission counts from when it comes, and not from when it was asked for."},
	{F2NotIdle, "f2-not-idle", "F2", "A permission that comes late is taken by a member that asks for nothing any more."},
	{F2NotIdleHandOver, "f2-not-idle-hand-over", "F2", "A permission that comes late with a turn is taken by a member that asks for nothing any more."},
	{F2Tag, "f2-tag", "F2", "A permission for an earlier request counts for the present one."},
	{F2SetOfReplies, "f2-set-of-replies", "F2", "Permissions are counted, and one that comes twice counts twice."},
	{F2AllReplies, "f2-all-replies", "F2", "Who has waited for a second enters without the permissions that are missing."},
	{F2WaitIsNoReply, "f2-wait-is-no-reply", "F2", "\"Wait\" is taken for a permission."},
	{F3OwnGrants, "f3-own-grants", "F3", "A member enters while a permission that it gave itself to somebody outside of its view is in use."},
	{F4Quiet, "f4-quiet", "F4", "A member takes part as soon as it has started."},
	{F6Membership, "f6-membership", "F6", "Requests of who is not in the view are answered."},
	{F6ViewHash, "f6-view-hash", "F6", "Requests and permissions count whatever the other's view is."},
	{F6ClockRaise, "f6-clock-raise", "F6", "The logical clock is not raised by the times that others tell."},
	{F7DeferWhileHolding, "f7-defer-while-holding", "F7", "Who holds the floor gives permission all the same."},
	{F7DeferWhileLower, "f7-defer-while-lower", "F7", "Who asks gives permission to all others, whoever asked first."},
	{F7TieByID, "f7-tie-by-id", "F7", "Of two requests with the same time each gives way to the other."},
	{F7RequestTime, "f7-request-time", "F7", "The clock of now is compared, and not the time of the request."},
	{F7AllDeferred, "f7-all-deferred", "F7", "Who leaves the floor answers only every other one of those that wait."},
	{F7QueueOrder, "f7-queue-order", "F7", "Who leaves the floor answers those that wait in reverse: all of them ask whoever comes last."},
	{F8OutsideGrants, "f8-outside-grants", "F8", "A member gives permission while one that it gave to somebody outside of its view is in use."},
	{F9PermissionGone, "f9-permission-gone", "F9", "Who gives permission keeps the one that it had from the same member."},
	{F9NewestRequest, "f9-newest-request", "F9", "An older request that comes late lowers the time of a permission that was given."},
	{F9Addressee, "f9-addressee", "F9", "A permission that was meant for another is taken."},
	{F9AnswerTime, "f9-answer-time", "F9", "Who waited until the end of a hold is answered as of a moment ago, and the permission ends too early at its giver."},
	{F10ForgetOnRelease, "f10-forget-on-release", "F10", "Who takes its request back keeps the permissions that it got."},
	{F10DropOnRelease, "f10-drop-on-release", "F10", "That somebody took its request back is not heeded."},

	{Confirmation, "confirmation", "", "A member counts on all that it hears, whether or not they hear it."},
	{FreshConfirmation, "fresh-confirmation", "", "That another hears this member is believed however long ago it heard it."},
	{QuietUncounted, "quiet-uncounted", "", "A member counts on a newcomer that is still quiet and answers nobody."},
	{Suspicion, "suspicion", "", "Who is silent stays in the view for an hour."},
	{FollowLowest, "follow-lowest", "", "Each member makes a view of its own, and follows nobody."},
	{FollowOwnView, "follow-own-view", "", "A member follows a leader that does not have it in its view."},
	{MutualHearing, "mutual-hearing", "", "Who leads takes all into the view that it hears, whether or not they hear each other."},
	{ByeFinal, "bye-final", "", "A message that comes late brings back a member that said good-bye."},
	{CopyExits, "copy-exits", "", "Of two members with a copy of the same key neither stops."},

	{WriteFirst, "write-first", "", "A turn is sent first and written to the disk then."},
	{WrittenOrUnsaid, "written-or-unsaid", "", "A turn is sent though no replica took it."},
	{NotAfter, "not-after", "F2", "A turn is sent though the lease ended while it was being written."},
	{UnsentWritten, "unsent-written", "", "What is typed is not written down until it is said."},
	{LineIDLookup, "line-id-lookup", "", "Lines that wait from the last run are said without a look whether the record has them."},
	{BackToQueue, "back-to-queue", "", "Lines of a turn that no replica took are forgotten, and not said later."},
	{SafeBeforeSaid, "safe-before-said", "", "A line is taken for said as soon as it is written, before it is safe on a disk or at another member."},
	{WholePast, "whole-past", "", "A turn is told to be delivered to who has a later one, though turns are missing there."},
	{LeaveContended, "leave-contended", "F7", "Who holds the floor says all that it has, turn after turn, while others wait."},
	{HoldLimit, "hold-limit", "", "A hold of the floor lasts an hour, whatever time was asked for."},
	{OwnStamp, "own-stamp", "", "A turn is stamped with the time of the request, and not with a new one."},
	{ClockRestored, "clock-restored", "", "After a restart the logical clock begins at 0, and not at the record's last stamp."},
	{SleepNoticed, "sleep-noticed", "", "That the machine slept with a clock that stops is not noticed."},
	{NewIncarnation, "new-incarnation", "", "After a restart a member uses the same incarnation again."},

	{KeptInHeads, "kept-in-heads", "", "A turn that no replica took is part of the record, and told to others."},
	{WantParents, "want-parents", "", "Turns that are missing before one that came are not asked for."},
	{AnswerWants, "answer-wants", "", "Nobody gives others the turns that they lack."},
	{ParentsFirst, "parents-first", "", "A turn is shown before those that it follows."},
	{LateMarked, "late-marked", "", "A turn that comes late is shown as if it were the last."},
	{TieLate, "tie-late", "", "Turns with the same stamp are shown as they come, and none of them as late."},
	{ShownOnce, "shown-once", "", "A turn that was shown when no disk took it is shown again when one does."},
	{SettledCompared, "settled-compared", "", "That another's record differs is not seen from its heartbeats."},
	{SettledSame, "settled-same", "", "The two fingerprints of a record that are compared are of different turns."},
	{Reconciliation, "reconciliation", "", "Records are never compared with those of others."},
	{AllFound, "all-found", "", "One of the turns that a comparison finds missing is not fetched."},
	{EveryWindow, "every-window", "", "A comparison of records leaves out some of the older turns."},

	{StampsChecked, "stamps-checked", "", "A turn is valid whatever its stamp is beside those that it follows."},
	{HeadsRenewed, "heads-renewed", "", "The list of a record's last turns is not made anew when another comes beside them."},
	{AllHeads, "all-heads", "", "A turn names only one of those that it follows."},
}
