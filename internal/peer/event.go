package peer

import (
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
)

// Event is something that happened at one member, told once, at the moment
// when it happened. Its content is data, not words: the words for people are
// the user interface's.
type Event interface {
	// When is the Boot time of the transition.
	When() time.Duration
}

// At is the Boot time of an event: see Now.
type At time.Duration

// When implements Event.
func (a At) When() time.Duration { return time.Duration(a) }

// Started tells that the member takes part: it is no longer quiet.
type Started struct {
	At
	Name        string
	Member      turn.Key
	Incarnation uint64
	Group       string // address and port
	Room        string
	Interfaces  []string
	View        []string // names, in order of key
	Open        bool     // no passphrase
}

// Restored tells what the start found on disk. It comes first of all.
type Restored struct {
	At
	From     []Source // in the order of reading; empty: there was nothing
	Turns    int      // all that are there now
	Repaired []string // paths
	Damaged  []string // paths
	Recent   []TurnShown
}

// Source is where restored turns came from: "checkpoint" or "replicas".
type Source struct {
	Name  string
	Turns int
}

// Checkpoint tells that the checkpoint covers what was said until now.
type Checkpoint struct {
	At
	Path  string
	Turns int // that it has
	New   int // of these
	Took  time.Duration
}

// LineState is what has become of a line that was typed.
type LineState string

// The states of a line. Said means that a crash cannot lose it any more: it is
// fsynced in one replica, or another member holds it.
const (
	LineQueued    LineState = "queued"
	LineSent      LineState = "sent"
	LineSaid      LineState = "said"
	LineCancelled LineState = "cancelled"
	LineError     LineState = "error"
)

// Line tells a change of state of one line. N is the number that came with it
// (0: from unsent.log).
type Line struct {
	At
	N     int
	State LineState
	Turn  turn.ID // sent, said
	Line  turn.LineID
	Code  Code   // error: why
	Text  string // queued from unsent.log: its text
}

// TurnShown is a turn to be shown, in the order or late.
type TurnShown struct {
	At
	ID     turn.ID
	After  turn.ID // the one before it in the order; zero: none
	Stamp  uint64
	Name   string // as this member shows it
	Author turn.Key
	Time   time.Time // when it was said, by its author's clock
	Lines  []string  // nil: it needs a newer papo
	Late   bool      // shown after one that comes later in the order
	Before Mark      // late: the turn that comes next in the order
	Own    bool
	Unkept bool // no replica could take it
	Batch  bool // of the first catch-up; late too: of what came of it after its newest turns were shown
	Follow int  // catch-up, late: how many more of the same batch come after it
}

// Mark names a turn for people.
type Mark struct {
	Time time.Time
	Name string
}

// FloorState names a transition of the floor as this member sees it.
type FloorState string

// The transitions. Sent and Received are single messages of the protocol and
// come only when asked for (verbose).
const (
	FloorRequested FloorState = "requested"
	FloorDeferred  FloorState = "deferred" // this member deferred Who
	FloorGrant     FloorState = "grant"    // this member gave Who its permission
	FloorGranted   FloorState = "granted"  // this member entered
	FloorRenewed   FloorState = "renewed"
	FloorHeld      FloorState = "held" // /hold is in force
	FloorReleased  FloorState = "released"
	FloorCancelled FloorState = "cancelled"
	FloorSent      FloorState = "sent"
	FloorReceived  FloorState = "received"
)

// Floor is a transition of the floor.
type Floor struct {
	At
	State      FloorState
	TS         uint64
	Stamp      uint64 // the clock at the transition
	View       floor.ViewHash
	Until      time.Duration // Boot time: granted, renewed, held: when the lease ends
	Kept       bool          // granted: entered on kept permissions alone
	Who        string        // deferred, grant: the other member
	WhoTS      uint64        // deferred: the other's request
	WaitingFor []string      // requested: whose permission is missing
	Queue      []string      // who waits for this member, in order
	Msg        string        // sent, received: REQ, REP, WAIT, RELEASE, TURN, ...
	Peer       string        // sent, received: the other; empty: everybody
	K          uint32
	Why        string // deferred, WAIT: holding, asking or grant
	Place      int    // WAIT
}

// PeerState is what is thought of another member.
type PeerState string

// The states of another member.
const (
	PeerJoined    PeerState = "joined"
	PeerSuspected PeerState = "suspected"
	PeerLeft      PeerState = "left"
	PeerLeftOut   PeerState = "left-out"  // heard, but not in the view
	PeerLetIn     PeerState = "let-in"    // in the view again
	PeerRecovered PeerState = "recovered" // no longer suspected
)

// Peer is a change of what is thought of another member.
type Peer struct {
	At
	Name   string
	Member turn.Key
	State  PeerState
	Bye    bool     // left: it said so
	View   []string // names, in order of key
}

// ReplicaReport is what a comparison found of one replica.
type ReplicaReport struct {
	Path     string
	Turns    int
	Missing  int
	Damaged  int
	Repaired int
}

// MemberReport is what a reconciliation found of one member.
type MemberReport struct {
	Name     string
	InSync   bool
	Received int
}

// Reconciled is the outcome of a comparison: of the replicas (scope local) or
// with the members (scope group).
type Reconciled struct {
	At
	Scope       string // "local" or "group"
	Consistent  bool
	Turns       int
	Fingerprint [32]byte
	Replicas    []ReplicaReport
	Members     []MemberReport
}

// Delivered tells that To more of Of members hold an own turn.
type Delivered struct {
	At
	ID turn.ID
	To int
	Of int
}

// Result answers a command.
type Result struct {
	At
	N       int
	Command string
	OK      bool
	Code    Code
	Peers   []PeerInfo    // of peers
	Dropped []Drop        // of peers: one of each Reason, in their order
	Turns   []TurnShown   // of history and search; of order, when it was set to agreed: the last ones
	More    bool          // of history and search: there are others before Turns
	Lines   int           // of cancel: how many lines were taken back
	Delay   time.Duration // of delay; 0: it is off
	Held    int           // of delay: how many turns were held when it was asked for
	Order   Order         // of order
}

// PeerInfo is one row of the answer to /peers.
type PeerInfo struct {
	Name        string
	Member      turn.Key
	Incarnation uint64
	InView      bool
	Self        bool
	Quiet       bool
	Activity    string        // idle, asking, holding
	Heard       time.Duration // since its last sign of life
	InSync      bool          // its heads are ours
}

// Drop is how much was dropped for one reason since the start.
type Drop struct {
	Reason Reason
	Count  uint64
}

// Reason is a stable name of why something is dropped.
type Reason string

// The reasons, by the layer that drops. docs/PROTOCOL.md, section 14, has what
// is dropped for each.
const (
	// Before the core, where the datagrams are opened.
	DropForeign  Reason = "foreign"  // datagrams of another group, or none of papo's
	DropForged   Reason = "forged"   // datagrams that are damaged, or of somebody without the key
	DropRepeated Reason = "repeated" // datagrams seen before, or too old
	DropOverflow Reason = "overflow" // datagrams for which the program was too slow

	// In the core.
	DropUndecodable       Reason = "undecodable"         // not a message
	DropPieceRepeated     Reason = "piece_repeated"      // pieces that are there already
	DropPieceInconsistent Reason = "piece_inconsistent"  // pieces with another count than the first
	DropPieceMalformed    Reason = "piece_malformed"     // pieces that nobody makes
	DropUnfinishedFull    Reason = "unfinished_full"     // unfinished messages that gave way to newer ones
	DropUnfinishedGivenUp Reason = "unfinished_given_up" // unfinished messages whose pieces did not come
	DropBadHello          Reason = "bad_hello"           // hellos with a bad signature or name
	DropOtherKey          Reason = "other_key"           // hellos of a known incarnation with another key
	DropNoHello           Reason = "no_hello"            // messages of an incarnation that has not said who it is
	DropTableFull         Reason = "table_full"          // datagrams of newcomers without a place in the table
	DropBadTurn           Reason = "bad_turn"            // turns that are not valid by themselves
	DropAhead             Reason = "ahead"               // messages with a Lamport time too far ahead
	DropWantGivenUp       Reason = "want_given_up"       // wanted turns that nobody gave
	DropWantFull          Reason = "want_full"           // ids of turns beyond those that can wait to be asked for
)

// Code is a stable name of a notice, an error or a command's failure. Programs
// branch on it; people read the words that the catalogue has for it.
type Code string

// The codes. docs/EVENTS.md lists them for programs.
const (
	CodeAlone           Code = "alone"            // nobody heard yet
	CodeWaiting         Code = "waiting"          // the floor is not free yet: Names says whom it waits for
	CodeWaitingGone     Code = "waiting-gone"     // the floor is not free before a permission ends that one who is gone has: Names
	CodeMerged          Code = "merged"           // both sides of a partition spoke: Count turns came in
	CodeCaughtUp        Code = "caught-up"        // Count turns came in at the first catch-up
	CodeCatchingUp      Code = "catching-up"      // Count turns of about Total that are missing came in; at Total that is over
	CodeLateMore        Code = "late-more"        // Count late turns are not printed one by one
	CodeGap             Code = "gap"              // a turn is shown before one that it names as parent
	CodeNameClash       Code = "name-clash"       // another key uses the own name
	CodeOtherKey        Code = "other-key"        // a known name with another key
	CodeLeftOut         Code = "left-out"         // this member is in nobody's view
	CodeFull            Code = "full"             // 64 members are there already
	CodeCopied          Code = "copied"           // the same identity runs elsewhere
	CodeSlept           Code = "slept"            // the machine slept, or its clock was set
	CodeAnew            Code = "anew"             // this member begins anew: the others did not answer it as it was
	CodeDiskFull        Code = "disk-full"        // no replica takes a turn
	CodeKept            Code = "kept"             // Count turns that were shown as not kept are kept now
	CodeNotQueued       Code = "not-queued"       // unsent.log took no line: a crash would lose it
	CodeReplicaLost     Code = "replica-lost"     // one replica failed, others go on: Path
	CodeTornTail        Code = "torn-tail"        // a replica's last line was cut off: Path
	CodeDamaged         Code = "damaged"          // a replica has damaged lines: Path, Count
	CodeCheckpointAside Code = "checkpoint-aside" // the checkpoint was damaged or somebody else's: Path is where it was put; a new one is made
	CodeCheckpointLost  Code = "checkpoint-lost"  // the checkpoint cannot be used or advanced: Path
	CodeForeignLog      Code = "foreign-log"      // a replica was another group's record: Path; it was put aside
	CodeMended          Code = "mended"           // a replica was mended with Count turns: Path; Text: of which files
	CodeNotMended       Code = "not-mended"       // a replica could not be mended: Path
	CodeOldLine         Code = "unsent"           // a line of the last run is queued again
	CodeLeaving         Code = "leaving"          // the chat is ending: no more lines
	CodeTooLong         Code = "too-long"         // a line of over 8 KiB
	CodeEmpty           Code = "empty"            // a line of nothing but control characters
	CodeQueueFull       Code = "queue-full"       // too many lines wait
	CodeBadText         Code = "bad-text"         // typed bytes that are no UTF-8 were replaced
	CodeOpenRoom        Code = "open-room"        // no passphrase: everybody on the network can read
	CodeHoldEnded       Code = "hold-ended"       // /hold reached its time limit
	CodeHoldView        Code = "hold-view"        // /hold was interrupted by a change of view
	CodeNothingWaits    Code = "nothing-waits"    // /cancel, /release: there is nothing
	CodeUnknown         Code = "unknown"          // no such command
	CodeUsage           Code = "usage"            // bad argument of a command
	CodeSyncRunning     Code = "sync-running"     // a /sync is under way already
	CodeNotSearched     Code = "not-searched"     // the record cannot be searched now: no checkpoint can be used
	CodeNoWords         Code = "no-words"         // nothing to search for: no letter, no digit
	CodeSearches        Code = "searches"         // too many searches wait
	CodeJoining         Code = "joining"          // the start takes `quiet`
	CodeDayChanged      Code = "day"              // the local date changed
	CodeUnsentKept      Code = "unsent-kept"      // Count lines stay in unsent.log
	CodeNetwork         Code = "network"          // a socket's error that does not end the chat
	CodeBehind          Code = "behind"           // Count events were not shown: the screen was too slow
	CodeNewer           Code = "newer"            // Count turns need a newer papo
)

// Notice is something that people should know and that is no failure.
type Notice struct {
	At
	Code  Code
	Names []string
	Count int
	Total int // what Count will be in the end, where the code speaks of it; 0: not known
	Path  string
	Text  string // free text from outside, as an operating system's error
	// Left is a time still to wait, where the code speaks of one.
	Left time.Duration
}

// Error is a failure that does not end the program.
type Error struct {
	At
	Code Code
	Path string
	Text string
}

// Exit is the last event.
type Exit struct {
	At
	Code   int
	Unsent int
}
