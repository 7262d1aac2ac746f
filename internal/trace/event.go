package trace

import "time"

// Version is the version of the format.
const Version = 1

// Header is the first line.
type Header struct {
	Version int       `json:"papo_trace"`
	Source  string    `json:"source"`         // SourceLab or SourceChat
	Seed    *uint64   `json:"seed,omitempty"` // lab: what repeats it
	Title   string    `json:"title,omitempty"`
	Wall    time.Time `json:"wall"`    // at Event.At 0; lab: invented
	Members []Member  `json:"members"` // lab: all, in the order of columns; chat: the one who writes
}

// Where a trace comes from.
const (
	SourceLab  = "lab"
	SourceChat = "chat"
)

// Member is who something happens to.
type Member struct {
	Name string `json:"name"` // unique in the trace
	Key  string `json:"key"`  // hex
}

// Kind says what happened.
type Kind string

// The kinds of events, and the fields that each has beside At and Member.
const (
	KindStart   Kind = "start"   // a member, or a new incarnation of it, begins: Incarnation; Why "anew": without a restart
	KindStop    Kind = "stop"    // it ends: Why is exit, kill or power
	KindPause   Kind = "pause"   // it stands still: Why is stopped or asleep
	KindResume  Kind = "resume"  //
	KindSend    Kind = "send"    // Datagram, Peer (empty: all) and Message
	KindReceive Kind = "receive" // Datagram, Peer and Message
	KindLose    Kind = "lose"    // lab: Datagram does not reach Member, from Peer, for Why
	KindView    Kind = "view"    // View, Members
	KindFloor   Kind = "floor"   // State, and what docs/EVENTS.md has for it
	KindAppend  Kind = "append"  // Turns are written; Count is in how many replicas
	KindLine    Kind = "line"    // State of the line Line; Text when it is queued
	KindShow    Kind = "show"    // Turns (one) of Peer is shown: Stamp, Text, Late
	KindTell    Kind = "tell"    // Code, of docs/EVENTS.md; Members, Count
	KindFault   Kind = "fault"   // lab: Code, Members, Text, Peer, Count, State: an operation of the schedule begins or ends
	KindWrong   Kind = "wrong"   // lab: a promise is broken: Code, Text
)

// CodeDropped is the Code of a KindTell that papo itself puts into the trace of a chat:
// Count events of Member are missing before it, because the disk was too slow.
const CodeDropped = "trace-dropped"

// Message is what a datagram says. Which fields it has depends on Msg.
type Message struct {
	Msg    string   `json:"msg,omitempty"` // HELLO, BEAT, REQ, ...: the names of docs/PROTOCOL.md
	TS     uint64   `json:"ts,omitempty"`
	K      uint32   `json:"k,omitempty"`
	View   string   `json:"view,omitempty"` // the first 8 hex digits of its hash
	Why    string   `json:"why,omitempty"`
	Place  int      `json:"place,omitempty"`
	Grants []Grant  `json:"grants,omitempty"`
	Turns  []string `json:"turns,omitempty"` // the first 8 hex digits of their ids
	Stamp  uint64   `json:"stamp,omitempty"`
}

// Grant is one permission of a message.
type Grant struct {
	To string `json:"to"` // name, or incarnation where the name is not known
	TS uint64 `json:"ts"`
}

// Event is one line after the header. Fields that do not apply are left out.
type Event struct {
	At     time.Duration `json:"t"` // ns since the beginning of the trace
	Member string        `json:"m,omitempty"`
	Kind   Kind          `json:"e"`

	Incarnation string   `json:"inc,omitempty"` // 16 hex digits
	Datagram    string   `json:"d,omitempty"`   // incarnation of the sender, "-", its counter: unique
	Peer        string   `json:"peer,omitempty"`
	State       string   `json:"state,omitempty"`
	PeerTS      uint64   `json:"peer_ts,omitempty"` // floor deferred: of the other's request
	Until       int64    `json:"until,omitempty"`   // floor granted, renewed, held: At of the end of the lease, ns
	Kept        bool     `json:"kept,omitempty"`
	Members     []string `json:"members,omitempty"` // view: who is in it; floor requested: whose permission is missing
	Queue       []string `json:"queue,omitempty"`
	Code        string   `json:"code,omitempty"`
	Count       int      `json:"count,omitempty"`
	Line        string   `json:"line,omitempty"` // its id
	Text        string   `json:"text,omitempty"`
	Late        bool     `json:"late,omitempty"`
	Message
}
