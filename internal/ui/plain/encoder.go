package plain

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/words"
)

// version is the v of every object.
const version = 1

// nano is RFC 3339 with nine digits of the second, always, so that times can
// be compared as text.
const nano = "2006-01-02T15:04:05.000000000Z07:00"

// Encoder writes events as the objects of docs/EVENTS.md. It must get all
// events of one chat, in order, from one goroutine.
type Encoder struct {
	clock     ui.Clock
	words     *words.Words
	sentences *ui.Sentences
}

// NewEncoder makes an encoder. The fields named text are in w's language.
func NewEncoder(clock ui.Clock, w *words.Words) *Encoder {
	return &Encoder{clock: clock, words: w, sentences: ui.NewSentences(w)}
}

// Encode gives the event as one line of JSON with its newline; nil for what is
// told inside the interface only (ui.Asked).
func (e *Encoder) Encode(ev peer.Event) []byte {
	e.sentences.Saw(ev)
	object := e.object(ev)
	if object == nil {
		return nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(object); err != nil {
		// The structs hold nothing that JSON cannot say.
		panic(fmt.Sprintf("plain: encoding %T: %v", ev, err))
	}
	return b.Bytes()
}

func (e *Encoder) object(ev peer.Event) any {
	switch ev := ev.(type) {
	case peer.Started:
		return readyObject{
			head: e.head("ready", ev), Name: ev.Name, Member: ev.Member.String(),
			Incarnation: incarnation(ev.Incarnation), Group: ev.Group, Room: ev.Room,
			Interfaces: list(ev.Interfaces), View: list(ev.View), Open: ev.Open,
		}
	case peer.Restored:
		o := restoredObject{
			head: e.head("restored", ev), From: []string{}, FromEach: []int{}, Turns: ev.Turns,
			Repaired: list(ev.Repaired), Damaged: list(ev.Damaged),
		}
		for _, s := range ev.From {
			o.From, o.FromEach = append(o.From, s.Name), append(o.FromEach, s.Turns)
		}
		return o
	case peer.Checkpoint:
		return checkpointObject{head: e.head("checkpoint", ev), Path: ev.Path, Turns: ev.Turns, New: ev.New, MS: ev.Took.Milliseconds()}
	case peer.Line:
		return e.line(ev)
	case peer.TurnShown:
		return turnObject{head: e.head("turn", ev), turnFields: turnOf(ev)}
	case peer.Floor:
		return e.floor(ev)
	case peer.Peer:
		return peerObject{
			head: e.head("peer", ev), Name: ev.Name, Member: ev.Member.String(),
			State: string(ev.State), Bye: ev.Bye, View: list(ev.View),
		}
	case peer.Reconciled:
		return e.reconciled(ev)
	case peer.Delivered:
		return deliveredObject{head: e.head("delivered", ev), ID: ev.ID.String(), To: ev.To, Of: ev.Of}
	case peer.Result:
		return e.result(ev)
	case peer.Notice:
		return noticeObject{
			head: e.head("notice", ev), Code: string(ev.Code), Text: e.sentences.Notice(ev),
			Names: list(ev.Names), Count: ev.Count, Total: ev.Total, Path: ev.Path, Detail: ev.Text, LeftNS: int64(ev.Left),
		}
	case peer.Error:
		return errorObject{
			head: e.head("error", ev), Code: string(ev.Code), Text: e.sentences.Error(ev),
			Path: ev.Path, Detail: ev.Text,
		}
	case peer.Exit:
		return exitObject{head: e.head("exit", ev), Code: ev.Code, Unsent: ev.Unsent}
	}
	return nil
}

func (e *Encoder) head(kind string, ev peer.Event) head {
	return head{V: version, Type: kind, At: e.time(ev.When()), BootNS: int64(ev.When())}
}

func (e *Encoder) time(boot time.Duration) string {
	return e.clock.At(boot).UTC().Format(nano)
}

func (e *Encoder) line(ev peer.Line) lineObject {
	o := lineObject{
		head: e.head("line", ev), N: ev.N, State: string(ev.State),
		Turn: id(ev.Turn), Code: string(ev.Code), Text: ev.Text,
	}
	if ev.Line != (turn.LineID{}) {
		o.Line = ev.Line.String()
	}
	if ev.State == peer.LineError {
		o.Text = e.sentences.Line(ev)
	}
	return o
}

func turnOf(t peer.TurnShown) turnFields {
	return turnFields{
		ID: t.ID.String(), After: id(t.After), Stamp: t.Stamp,
		Name: t.Name, Author: t.Author.String(), Time: t.Time.UTC().Format(nano),
		Lines: list(t.Lines), Late: t.Late, Own: t.Own, Unkept: t.Unkept,
	}
}

func turnsOf(turns []peer.TurnShown) []turnFields {
	out := make([]turnFields, 0, len(turns))
	for _, t := range turns {
		out = append(out, turnOf(t))
	}
	return out
}

func (e *Encoder) floor(ev peer.Floor) floorObject {
	o := floorObject{
		head: e.head("floor", ev), State: string(ev.State), TS: ev.TS, Stamp: ev.Stamp,
		View: hex.EncodeToString(ev.View[:]), Kept: ev.Kept,
		Who: ev.Who, WhoTS: ev.WhoTS, Why: ev.Why,
		WaitingFor: list(ev.WaitingFor), Queue: list(ev.Queue),
	}
	switch ev.State {
	case peer.FloorGranted, peer.FloorRenewed, peer.FloorHeld:
		at, ns := e.time(ev.Until), int64(ev.Until)
		o.Until, o.UntilNS = &at, &ns
	case peer.FloorSent, peer.FloorReceived:
		o.messageFields = &messageFields{Msg: ev.Msg, Peer: ev.Peer, K: ev.K, Place: ev.Place}
	}
	return o
}

func (e *Encoder) reconciled(ev peer.Reconciled) reconciledObject {
	o := reconciledObject{
		head: e.head("reconciled", ev), Scope: ev.Scope, Consistent: ev.Consistent, Turns: ev.Turns,
		Fingerprint: hex.EncodeToString(ev.Fingerprint[:]),
		Replicas:    make([]replicaEntry, 0, len(ev.Replicas)),
		Members:     make([]memberEntry, 0, len(ev.Members)),
	}
	for _, r := range ev.Replicas {
		o.Replicas = append(o.Replicas, replicaEntry(r))
	}
	for _, m := range ev.Members {
		o.Members = append(o.Members, memberEntry(m))
	}
	return o
}

func (e *Encoder) result(ev peer.Result) resultObject {
	o := resultObject{
		head: e.head("result", ev), N: ev.N, Command: ev.Command, OK: ev.OK, Code: string(ev.Code),
	}
	if !ev.OK {
		o.Text = e.sentences.Result(ev)
		return o
	}
	switch ev.Command {
	case "peers":
		o.Data = peersOf(ev.Peers)
		o.Dropped = make(map[string]uint64, len(ev.Dropped))
		for _, d := range ev.Dropped {
			o.Dropped[string(d.Reason)] = d.Count
		}
	case "history", "search":
		o.Data, o.More = turnsOf(ev.Turns), ev.More
	case "delay":
		o.Data = delayEntry{DelayNS: int64(ev.Delay), Held: ev.Held}
	case "order":
		o.Data = orderEntry{Order: string(ev.Order), Turns: turnsOf(ev.Turns)}
	case "cancel":
		o.Data = cancelEntry{Lines: ev.Lines}
	case "help":
		o.Text = strings.Join(e.sentences.Help(), "\n")
	}
	return o
}

func peersOf(peers []peer.PeerInfo) []peerEntry {
	rows := make([]peerEntry, 0, len(peers))
	for _, p := range peers {
		rows = append(rows, peerEntry{
			Name: p.Name, Member: p.Member.String(), Incarnation: incarnation(p.Incarnation),
			InView: p.InView, Self: p.Self, Quiet: p.Quiet,
			Activity: p.Activity, HeardNS: int64(p.Heard), InSync: p.InSync,
		})
	}
	return rows
}

// list gives [] rather than null for no items.
func list(items []string) []string {
	if items == nil {
		return []string{}
	}
	return items
}

// id is the hex of a turn's id, and empty for none.
func id(t turn.ID) string {
	if t == (turn.ID{}) {
		return ""
	}
	return t.String()
}

// incarnation is written in hex: as a number it would lose digits in programs
// that read JSON's numbers as floating point.
func incarnation(n uint64) string { return fmt.Sprintf("%016x", n) }
