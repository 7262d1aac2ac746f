package plain

// The objects of --format jsonl, one struct a type. docs/EVENTS.md is their
// contract: names and meanings stay within one value of v, fields may be added.

// head begins every object.
type head struct {
	V      int    `json:"v"`
	Type   string `json:"type"`
	At     string `json:"at"`
	BootNS int64  `json:"boot_ns"`
}

type readyObject struct {
	head
	Name        string   `json:"name"`
	Member      string   `json:"member"`
	Incarnation string   `json:"incarnation"`
	Group       string   `json:"group"`
	Room        string   `json:"room"`
	Interfaces  []string `json:"interfaces"`
	View        []string `json:"view"`
	Open        bool     `json:"open"`
}

type restoredObject struct {
	head
	From     []string `json:"from"`
	FromEach []int    `json:"from_turns"`
	Turns    int      `json:"turns"`
	Repaired []string `json:"repaired"`
	Damaged  []string `json:"damaged"`
}

type checkpointObject struct {
	head
	Path  string `json:"path"`
	Turns int    `json:"turns"`
	New   int    `json:"new"`
	MS    int64  `json:"ms"`
}

type lineObject struct {
	head
	N     int    `json:"n"`
	State string `json:"state"`
	Turn  string `json:"turn"`
	Line  string `json:"line"`
	Code  string `json:"code"`
	Text  string `json:"text"`
}

type turnObject struct {
	head
	turnFields
}

// turnFields are those of a turn as an event and as an answer to /history and /search.
type turnFields struct {
	ID     string   `json:"id"`
	After  string   `json:"after"`
	Stamp  uint64   `json:"stamp"`
	Name   string   `json:"name"`
	Author string   `json:"author"`
	Time   string   `json:"time"`
	Lines  []string `json:"lines"`
	Late   bool     `json:"late"`
	Own    bool     `json:"own"`
	Unkept bool     `json:"unkept"`
}

type floorObject struct {
	head
	State      string   `json:"state"`
	TS         uint64   `json:"ts"`
	Stamp      uint64   `json:"stamp"`
	View       string   `json:"view"`
	Until      *string  `json:"until"`
	UntilNS    *int64   `json:"until_ns"`
	Kept       bool     `json:"kept"`
	Who        string   `json:"who"`
	WhoTS      uint64   `json:"who_ts"`
	Why        string   `json:"why"`
	WaitingFor []string `json:"waiting_for"`
	Queue      []string `json:"queue"`
	*messageFields
}

// messageFields come with the states sent and received alone.
type messageFields struct {
	Msg   string `json:"msg"`
	Peer  string `json:"peer"`
	K     uint32 `json:"k"`
	Place int    `json:"place"`
}

type peerObject struct {
	head
	Name   string   `json:"name"`
	Member string   `json:"member"`
	State  string   `json:"state"`
	Bye    bool     `json:"bye"`
	View   []string `json:"view"`
}

type reconciledObject struct {
	head
	Scope       string         `json:"scope"`
	Consistent  bool           `json:"consistent"`
	Turns       int            `json:"turns"`
	Fingerprint string         `json:"fingerprint"`
	Replicas    []replicaEntry `json:"replicas"`
	Members     []memberEntry  `json:"members"`
}

type replicaEntry struct {
	Path     string `json:"path"`
	Turns    int    `json:"turns"`
	Missing  int    `json:"missing"`
	Damaged  int    `json:"damaged"`
	Repaired int    `json:"repaired"`
}

type memberEntry struct {
	Name     string `json:"name"`
	InSync   bool   `json:"in_sync"`
	Received int    `json:"received"`
}

type deliveredObject struct {
	head
	ID string `json:"id"`
	To int    `json:"to"`
	Of int    `json:"of"`
}

type resultObject struct {
	head
	N       int    `json:"n"`
	Command string `json:"command"`
	OK      bool   `json:"ok"`
	Code    string `json:"code"`
	Text    string `json:"text"`
	Data    any    `json:"data"`
	More    bool   `json:"more"`
	// Dropped is beside the data because that of /peers is a list.
	Dropped map[string]uint64 `json:"dropped"`
}

// peerEntry is one row of the answer to /peers.
type peerEntry struct {
	Name        string `json:"name"`
	Member      string `json:"member"`
	Incarnation string `json:"incarnation"`
	InView      bool   `json:"in_view"`
	Self        bool   `json:"self"`
	Quiet       bool   `json:"quiet"`
	Activity    string `json:"activity"`
	HeardNS     int64  `json:"heard_ns"`
	InSync      bool   `json:"in_sync"`
}

// cancelEntry is the answer to /cancel.
type cancelEntry struct {
	Lines int `json:"lines"`
}

// delayEntry is the answer to /delay.
type delayEntry struct {
	DelayNS int64 `json:"delay_ns"`
	Held    int   `json:"held"`
}

// orderEntry is the answer to /order.
type orderEntry struct {
	Order string       `json:"order"`
	Turns []turnFields `json:"turns"`
}

type noticeObject struct {
	head
	Code   string   `json:"code"`
	Text   string   `json:"text"`
	Names  []string `json:"names"`
	Count  int      `json:"count"`
	Total  int      `json:"total"`
	Path   string   `json:"path"`
	Detail string   `json:"detail"`
	LeftNS int64    `json:"left_ns"`
}

type errorObject struct {
	head
	Code   string `json:"code"`
	Text   string `json:"text"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

type exitObject struct {
	head
	Code   int `json:"code"`
	Unsent int `json:"unsent"`
}
