package e2e

import (
	"encoding/json"
	"fmt"
)

// event is one line of --format jsonl: the fields that the tests look at, of
// all types of event.
type event struct {
	Type   string `json:"type"`
	At     string `json:"at"`
	BootNS int64  `json:"boot_ns"`
	State  string `json:"state"`

	Name        string   `json:"name"`
	Member      string   `json:"member"`
	Incarnation string   `json:"incarnation"`
	Interfaces  []string `json:"interfaces"`
	Code        any      `json:"code"` // a number in exit, else a word
	Turns       int      `json:"turns"`
	Repaired    []string `json:"repaired"`
	Unsent      int      `json:"unsent"`
	N           int      `json:"n"`
	Count       int      `json:"count"`
	Text        string   `json:"text"`
	To          int      `json:"to"`
	Of          int      `json:"of"`
	Line        string   `json:"line"`

	View any `json:"view"` // names; in floor events a hash

	Turn   string   `json:"turn"` // of a line: the id
	ID     string   `json:"id"`
	After  string   `json:"after"`
	Stamp  uint64   `json:"stamp"`
	Author string   `json:"author"`
	Time   string   `json:"time"`
	Lines  []string `json:"lines"`
	Late   bool     `json:"late"`
	Own    bool     `json:"own"`
	Unkept bool     `json:"unkept"`

	UntilNS int64           `json:"until_ns"`
	Command string          `json:"command"`
	OK      bool            `json:"ok"`
	Data    json.RawMessage `json:"data"`
	Dropped map[string]int  `json:"dropped"`

	Scope       string `json:"scope"`
	Consistent  bool   `json:"consistent"`
	Fingerprint string `json:"fingerprint"`

	raw []byte
}

func parseEvent(raw []byte) (event, error) {
	e := event{raw: raw}
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fmt.Errorf("%w: %q", err, raw)
	}
	return e, nil
}

// is tells whether the event is of this type and in this state.
func (e event) is(kind, state string) bool { return e.Type == kind && e.State == state }

// code is the code of an event that has a word for it.
func (e event) code() string {
	s, _ := e.Code.(string)
	return s
}

// viewHash is the view of a floor event.
func (e event) viewHash() string {
	s, _ := e.View.(string)
	return s
}
