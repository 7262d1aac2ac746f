package uitest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"time"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
)

// Clock is the clock of Events: it starts on a Monday, at 23:58:20 in UTC.
var Clock = ui.Clock{Wall: time.Date(2026, 1, 5, 23, 58, 20, 0, time.UTC), Boot: 1000 * time.Second}

// At is the Boot time, s seconds after the start of Clock.
func At(s float64) peer.At { return peer.At(Boot(s)) }

// Boot is At as a duration.
func Boot(s float64) time.Duration { return Clock.Boot + time.Duration(s*float64(time.Second)) }

// Wall is the wall time, s seconds after the start of Clock.
func Wall(s float64) time.Time { return Clock.Wall.Add(time.Duration(s * float64(time.Second))) }

// ID gives a turn's id that ends in n.
func ID(n byte) turn.ID { return turn.ID{0xab, 0xcd, 31: n} }

// reasons are those of peer.Reason.
var reasons = []peer.Reason{
	peer.DropForeign, peer.DropForged, peer.DropRepeated, peer.DropOverflow, peer.DropUndecodable,
	peer.DropPieceRepeated, peer.DropPieceInconsistent, peer.DropPieceMalformed, peer.DropUnfinishedFull,
	peer.DropUnfinishedGivenUp, peer.DropBadHello, peer.DropOtherKey, peer.DropNoHello, peer.DropTableFull,
	peer.DropBadTurn, peer.DropAhead, peer.DropWantGivenUp, peer.DropWantFull,
}

var (
	ana    = turn.Key{0xa1, 0xa2, 0xa3}
	rafael = turn.Key{0xf1, 0xf2, 0xf3}
)

// Named is an event with a word for what is special about it.
type Named struct {
	Name  string
	Event peer.Event
}

// Events gives one event of every type, state and code (codes are those of
// peer.Code, from Consts), as one chat that could nearly have been.
func Events(codes []string) []Named {
	all := append(beginning(), Named{"exit with unsent", peer.Exit{At: At(70), Code: 1, Unsent: 2}})
	all = append(all, floors()...)
	all = append(all, answers()...)
	for _, code := range codes {
		all = append(all,
			Named{"notice " + code, peer.Notice{
				At: At(50), Code: peer.Code(code), Names: []string{"Rafael", "Brenda#3f9a"}, Count: 3,
				Path: "/data/replica_ana_0.log", Text: "no space left", Left: 1840 * time.Millisecond,
			}},
			Named{"bare notice " + code, peer.Notice{At: At(50), Code: peer.Code(code), Count: 1}},
			Named{"error " + code, peer.Error{At: At(51), Code: peer.Code(code), Path: "/data", Text: "no space left"}},
		)
	}
	for _, name := range append(ui.Commands(), "frob") {
		all = append(all, Named{"failed " + name, peer.Result{At: At(60), N: 9, Command: name, Code: failure(name)}})
	}
	return append(all,
		Named{"exit with unsent, told already", peer.Exit{At: At(70), Code: 1, Unsent: 2}},
		Named{"exit", peer.Exit{At: At(70)}},
	)
}

func failure(command string) peer.Code {
	switch command {
	case "frob":
		return peer.CodeUnknown
	case "sync":
		return peer.CodeSyncRunning
	case "release", "cancel":
		return peer.CodeNothingWaits
	}
	return peer.CodeUsage
}

func beginning() []Named {
	line := peer.Line{At: At(3), N: 4, Line: turn.LineID{1, 2, 3}}
	state := func(s peer.LineState) peer.Line { l := line; l.State = s; return l }
	sent, said, failed, unsent := state(peer.LineSent), state(peer.LineSaid), state(peer.LineError), state(peer.LineQueued)
	sent.Turn, said.Turn = ID(7), ID(7)
	failed.Code = peer.CodeTooLong
	unsent.N, unsent.Text = 0, "fala antiga"
	shown := peer.TurnShown{
		At: At(4), ID: ID(2), After: ID(1), Stamp: 12, Name: "Rafael", Author: rafael,
		Time: Wall(3.25), Lines: []string{"bom dia", "tudo <bem>?\nsegunda linha"},
	}
	late := shown
	late.ID, late.Late, late.Before, late.Time = ID(3), true, peer.Mark{Time: Wall(3), Name: "ana"}, Wall(2)
	lateDay := late
	lateDay.Time, lateDay.Before.Time, lateDay.Lines = Wall(-90000), Wall(-3600), []string{"ontem"}
	lateLast := late
	lateLast.Before, lateLast.Unkept = peer.Mark{}, true
	next := shown
	next.ID, next.Time, next.Lines, next.Own, next.Name, next.Author = ID(4), Wall(120), []string{"amanhã"}, true, "ana", ana
	newer := next
	newer.ID, newer.Lines = ID(5), nil
	nasty := next
	nasty.Lines = []string{"\x1b[31mred\u202e\x9b2J\r tab\there", "x\n[23:59:59] Rafael: not me"}
	old := shown
	old.Time, old.Lines = Wall(-86400), []string{"de ontem"}
	view := []string{"ana", "Rafael"}
	return []Named{
		{"restored nothing", peer.Restored{At: At(0)}},
		{"restored", peer.Restored{
			At: At(0), From: []peer.Source{{Name: "checkpoint", Turns: 118}, {Name: "replicas", Turns: 2}}, Turns: 120,
			Repaired: []string{"/data/replica_ana_1.log"}, Damaged: []string{"/data/checkpoint.db"}, Recent: []peer.TurnShown{old, shown},
		}},
		{"restored one", peer.Restored{At: At(0), From: []peer.Source{{Name: "replicas", Turns: 1}}, Turns: 1}},
		{"checkpoint", peer.Checkpoint{At: At(0), Path: "/data/checkpoint.db", Turns: 120, New: 2, Took: 7 * time.Millisecond}},
		{"started", peer.Started{
			At: At(1.84), Name: "ana", Member: ana, Incarnation: 0xfedcba9876543210, Group: "224.1.1.1:5007",
			Room: "papo", Interfaces: []string{"eth0", "wlan0"}, View: view, Open: true,
		}},
		{"started alone", peer.Started{
			At: At(1.84), Name: "ana", Member: ana, Incarnation: 5, Group: "224.1.1.1:5007",
			Room: "papo", Interfaces: []string{"eth0"}, View: []string{"ana"},
		}},
		{"line from the last run", unsent},
		{"line queued", state(peer.LineQueued)},
		{"line sent", sent},
		{"line said", said},
		{"line cancelled", state(peer.LineCancelled)},
		{"line error", failed},
		{"turn", shown},
		{"late turn", late},
		{"late turn of another day", lateDay},
		{"late turn, last and not kept", lateLast},
		{"turn of the next day", next},
		{"newer turn", newer},
		{"nasty turn", nasty},
		{"joined", peer.Peer{At: At(5), Name: "Brenda#3f9a", Member: rafael, State: peer.PeerJoined, View: append(view, "Brenda#3f9a")}},
		{"suspected", peer.Peer{At: At(5), Name: "Rafael", Member: rafael, State: peer.PeerSuspected, View: append(view, "Brenda#3f9a")}},
		{"left", peer.Peer{At: At(5), Name: "Rafael", Member: rafael, State: peer.PeerLeft, View: []string{"ana"}}},
		{"left with bye", peer.Peer{At: At(5), Name: "Brenda#3f9a", Member: rafael, State: peer.PeerLeft, Bye: true, View: []string{"ana"}}},
		{"recovered", peer.Peer{At: At(5), Name: "Rafael", Member: rafael, State: peer.PeerRecovered, View: []string{"ana"}}},
		{"let in", peer.Peer{At: At(5), Name: "Rafael", Member: rafael, State: peer.PeerLetIn, View: view}},
		{"left out", peer.Peer{At: At(5), Name: "Rafael", Member: rafael, State: peer.PeerLeftOut, View: []string{"ana"}}},
	}
}

func floors() []Named {
	f := func(state peer.FloorState, change func(*peer.Floor)) peer.Floor {
		ev := peer.Floor{At: At(10), State: state, TS: 7, Stamp: 9, View: floor.ViewHash{0xaa, 0xbb}}
		if change != nil {
			change(&ev)
		}
		return ev
	}
	who := func(why string, ts uint64) func(*peer.Floor) {
		return func(ev *peer.Floor) { ev.Who, ev.WhoTS, ev.Why = "Rafael", ts, why }
	}
	until := func(ev *peer.Floor) { ev.Until = Boot(11.5) }
	message := func(msg, other, why string) func(*peer.Floor) {
		return func(ev *peer.Floor) { ev.Msg, ev.Peer, ev.K, ev.Why, ev.Place = msg, other, 3, why, 1 }
	}
	return []Named{
		{"floor requested", f(peer.FloorRequested, func(ev *peer.Floor) { ev.WaitingFor = []string{"Ana", "Rafael"} })},
		{"floor requested, one missing", f(peer.FloorRequested, func(ev *peer.Floor) { ev.WaitingFor = []string{"Rafael"} })},
		{"floor requested of nobody", f(peer.FloorRequested, nil)},
		{"floor deferred, asking", f(peer.FloorDeferred, who("asking", 9))},
		{"floor deferred, tie", f(peer.FloorDeferred, who("asking", 7))},
		{"floor deferred, holding", f(peer.FloorDeferred, who("holding", 9))},
		{"floor deferred, grant", f(peer.FloorDeferred, who("grant", 9))},
		{"floor deferred", f(peer.FloorDeferred, who("", 9))},
		{"floor grant", f(peer.FloorGrant, who("", 9))},
		{"floor granted", f(peer.FloorGranted, until)},
		{"floor granted, kept", f(peer.FloorGranted, func(ev *peer.Floor) { ev.Until, ev.Kept = Boot(11.5), true })},
		{"floor renewed", f(peer.FloorRenewed, until)},
		{"floor held", f(peer.FloorHeld, until)},
		{"floor released", f(peer.FloorReleased, nil)},
		{"floor released to the queue", f(peer.FloorReleased, func(ev *peer.Floor) { ev.Queue = []string{"Rafael", "Brenda#3f9a"} })},
		{"floor cancelled", f(peer.FloorCancelled, nil)},
		{"floor sent", f(peer.FloorSent, message("REQ", "", ""))},
		{"floor sent to one", f(peer.FloorSent, message("WAIT", "Rafael", "holding"))},
		{"floor received", f(peer.FloorReceived, message("WAIT", "Rafael", "grant"))},
		{"floor received from nobody known", f(peer.FloorReceived, message("REP", "", "asking"))},
	}
}

func answers() []Named {
	print := [32]byte{0x3f, 0x9a, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07}
	same := peer.ReplicaReport{Path: "/data/replica_ana_0.log", Turns: 120}
	mended := peer.ReplicaReport{Path: "/data/replica_ana_1.log", Turns: 120, Missing: 2, Damaged: 1, Repaired: 3}
	broken := peer.ReplicaReport{Path: "/data/replica_ana_1.log", Turns: 118, Missing: 2}
	local := func(ok bool, rs ...peer.ReplicaReport) peer.Reconciled {
		return peer.Reconciled{At: At(20), Scope: "local", Consistent: ok, Turns: 120, Fingerprint: print, Replicas: rs}
	}
	group := func(ok bool, ms ...peer.MemberReport) peer.Reconciled {
		return peer.Reconciled{At: At(20), Scope: "group", Consistent: ok, Turns: 120, Fingerprint: print, Members: ms}
	}
	many := group(true, peer.MemberReport{Name: "Rafael", InSync: true}, peer.MemberReport{Name: "Brenda#3f9a", InSync: true})
	many.Turns = 1204
	ok := func(command string) peer.Result { return peer.Result{At: At(30), N: 2, Command: command, OK: true} }
	peers, history, cancel := ok("peers"), ok("history"), ok("cancel")
	peers.Peers = []peer.PeerInfo{
		{Name: "ana", Member: ana, Incarnation: 5, InView: true, Self: true, Activity: "asking", InSync: true},
		{Name: "日本", Member: rafael, Incarnation: 6, InView: true, Activity: "holding", Heard: 80 * time.Millisecond, InSync: true},
		{Name: "Brenda#3f9a", Member: rafael, Incarnation: 7, Activity: "idle", Heard: 2300 * time.Millisecond},
		{Name: "Novo", Member: rafael, Incarnation: 8, Quiet: true, Activity: "idle", Heard: time.Second},
	}
	droppedOne, droppedMany := ok("peers"), ok("peers")
	for i, r := range reasons {
		peers.Dropped = append(peers.Dropped, peer.Drop{Reason: r})
		droppedOne.Dropped = append(droppedOne.Dropped, peer.Drop{Reason: r, Count: 1})
		droppedMany.Dropped = append(droppedMany.Dropped, peer.Drop{Reason: r, Count: uint64(i) + 2})
	}
	history.Turns = []peer.TurnShown{
		{ID: ID(1), Stamp: 1, Name: "ana", Author: ana, Time: Wall(-3600), Lines: []string{"oi"}, Own: true},
		{ID: ID(2), After: ID(1), Stamp: 2, Name: "Rafael", Author: rafael, Time: Wall(110), Lines: []string{"olá"}, Late: true},
	}
	search := ok("search")
	search.Turns, search.More = history.Turns[1:], true
	cancel.Lines = 2
	delay, delayOff, arrival, agreed := ok("delay"), ok("delay"), ok("order"), ok("order")
	delay.Delay, delayOff.Held = 1500*time.Millisecond, 3
	arrival.Order, agreed.Order, agreed.Turns = peer.OrderArrival, peer.OrderAgreed, history.Turns
	delayHolds, agreedStill := delay, agreed
	delayHolds.Held, agreedStill.Turns = 1, nil
	return []Named{
		{"replicas same", local(true, same, same)},
		{"replicas mended", local(true, same, mended)},
		{"replicas differ", local(false, same, broken)},
		{"members same", group(true, peer.MemberReport{Name: "Rafael", InSync: true})},
		{"members gave", group(true, peer.MemberReport{Name: "Rafael", InSync: true, Received: 2})},
		{"members differ", group(false, peer.MemberReport{Name: "Rafael", InSync: true}, peer.MemberReport{Name: "Brenda#3f9a"})},
		{"no members", group(true)},
		{"asked to sync", ui.Asked{At: At(19), Command: "sync"}},
		{"replicas same, asked", local(true, same)},
		{"no members, asked", group(true)},
		{"asked to sync again", ui.Asked{At: At(19), Command: "sync"}},
		{"replicas same, asked again", local(true, same, same, same)},
		{"members same, asked", many},
		{"delivered", peer.Delivered{At: At(25), ID: ID(7), To: 1, Of: 2}},
		{"delivered to one", peer.Delivered{At: At(25), ID: ID(7), To: 1, Of: 1}},
		{"peers", peers},
		{"peers, one dropped for each reason", droppedOne},
		{"peers, several dropped for each reason", droppedMany},
		{"history", history},
		{"history of nothing", ok("history")},
		{"search", search},
		{"search for nothing", ok("search")},
		{"search not possible", peer.Result{At: At(30), N: 2, Command: "search", Code: peer.CodeNotSearched}},
		{"delay", delay},
		{"delay, with one held", delayHolds},
		{"delay off, with some held", delayOff},
		{"delay off", ok("delay")},
		{"order of arrival", arrival},
		{"order agreed", agreed},
		{"order agreed, as it was", agreedStill},
		{"cancel", cancel},
		{"asked to hold", ui.Asked{At: At(30), Command: "hold"}},
		{"hold", ok("hold")},
		{"release", ok("release")},
		{"sync", ok("sync")},
		{"quit", ok("quit")},
		{"help", ok("help")},
		{"verbose", ok("verbose")},
		{"verbose again", ok("verbose")},
	}
}

// Consts reads the string constants of a type from a Go file, in their order.
func Consts(path, typeName string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); !ok || id.Name != typeName {
			return true
		}
		for _, v := range spec.Values {
			if lit, ok := v.(*ast.BasicLit); ok {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					return false
				}
				values = append(values, s)
			}
		}
		return true
	})
	if len(values) == 0 {
		return nil, fmt.Errorf("uitest: no constants of type %s in %s", typeName, path)
	}
	return values, nil
}
