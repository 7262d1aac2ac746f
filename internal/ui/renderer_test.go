package ui_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/uitest"
	"github.com/papo-chat/papo/internal/ui/words"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s, line %d:\n got %s\nwant %s\n(-update rewrites it)", path, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d (-update rewrites it)", path, len(g), len(w))
}

func codes(t *testing.T) []string {
	t.Helper()
	cs, err := uitest.Consts("../peer/event.go", "Code")
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// What people read of each event, in each language, with the protocol shown
// and without.
func TestRendererGolden(t *testing.T) {
	for _, lang := range []string{words.English, words.Portuguese} {
		for _, verbose := range []bool{false, true} {
			name := lang
			if verbose {
				name += "-verbose"
			}
			t.Run(name, func(t *testing.T) {
				r := ui.NewRenderer(ui.Look{
					Words: words.For(lang), Zone: time.UTC, Clock: uitest.Clock, Verbose: verbose,
				})
				var b strings.Builder
				for _, ev := range uitest.Events(codes(t)) {
					b.WriteString("# " + ev.Name + "\n")
					for _, line := range r.Lines(ev.Event) {
						b.WriteString(line + "\n")
						if strings.Contains(line, "<no value>") || strings.ContainsAny(line, "\n\r\x1b") {
							t.Errorf("%s: %q", ev.Name, line)
						}
					}
				}
				golden(t, "testdata/"+name+".golden", b.String())
			})
		}
	}
}

func renderer(clock ui.Clock, zone *time.Location) *ui.Renderer {
	return ui.NewRenderer(ui.Look{Words: words.For(words.English), Zone: zone, Clock: clock})
}

func said(at time.Time, text string) peer.TurnShown {
	return peer.TurnShown{Name: "ana", Time: at, Lines: []string{text}}
}

// A turn is shown in the reader's zone, under a day line when its date is
// another than the one before.
func TestDaysAndZones(t *testing.T) {
	zone := time.FixedZone("-03", -3*60*60)
	at := func(d, h int) time.Time { return time.Date(2026, 3, d, h, 0, 0, 0, time.UTC) }
	r := renderer(ui.Clock{Wall: at(2, 12)}, zone)
	late := said(at(1, 12), "late")
	late.Late, late.Before = true, peer.Mark{Time: at(3, 2), Name: "bia"}
	var got []string
	for _, ev := range []peer.Event{
		said(at(2, 13), "a"),
		said(at(3, 2), "b"), // 23:00 of the day before, in the zone
		peer.Notice{At: peer.At(14 * time.Hour), Code: peer.CodeDayChanged}, // 02:00 UTC
		peer.Notice{At: peer.At(16 * time.Hour), Code: peer.CodeDayChanged},
		said(at(3, 4), "c"),
		late,
		said(at(3, 5), "d"),
	} {
		got = append(got, r.Lines(ev)...)
	}
	want := []string{
		"[10:00:00] ana: a",
		"[23:00:00] ana: b",
		"--- Tuesday, 3 March 2026 ---",
		"[01:00:00] ana: c",
		"[2026-03-01 09:00:00] ana: late (late, before 2026-03-02 23:00:00 bia)",
		"[02:00:00] ana: d",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Read without a chat, a record begins with its first day.
func TestRecordBeginsWithItsDay(t *testing.T) {
	got := renderer(ui.Clock{}, time.UTC).Lines(said(time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC), "oi"))
	if want := []string{"--- Monday, 5 January 2026 ---", "[08:00:00] ana: oi"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// At the start the last 20 restored turns are shown, not more.
func TestRestoredShowsTheLast(t *testing.T) {
	ev := peer.Restored{From: []peer.Source{{Name: "checkpoint", Turns: 100}}, Turns: 100}
	for i := range 25 {
		ev.Recent = append(ev.Recent, said(uitest.Wall(float64(i)), string(rune('a'+i))))
	}
	got := renderer(uitest.Clock, time.UTC).Lines(ev)
	if len(got) != 21 || !strings.HasSuffix(got[1], ": f") || !strings.HasSuffix(got[20], ": y") {
		t.Errorf("got %d lines: %q", len(got), got)
	}
}

// A comparison that found nothing is told only if it was asked for, once.
func TestSyncIsToldWhenAsked(t *testing.T) {
	r := renderer(uitest.Clock, time.UTC)
	same := peer.Reconciled{Scope: "local", Consistent: true, Replicas: make([]peer.ReplicaReport, 2)}
	if got := r.Lines(same); len(got) != 0 {
		t.Errorf("not asked for: %q", got)
	}
	group := peer.Reconciled{Scope: "group", Consistent: true, Turns: 1204, Members: []peer.MemberReport{{Name: "bia", InSync: true}, {Name: "caio", InSync: true}}}
	r.Lines(ui.Asked{Command: "sync"})
	if got := append(r.Lines(same), r.Lines(group)...); len(got) != 1 || !strings.Contains(got[0], "2 replicas identical; 2 of 2 other members identical; 1,204 turns") {
		t.Errorf("asked for: %q", got)
	}
	if got := append(r.Lines(same), r.Lines(group)...); len(got) != 0 {
		t.Errorf("told again: %q", got)
	}
	group.Members[1].Received = 3
	r.Lines(ui.Asked{Command: "sync"})
	if got := append(r.Lines(same), r.Lines(group)...); len(got) != 3 || !strings.Contains(got[0], "2 replicas") || !strings.Contains(got[1], "3 turns") {
		t.Errorf("something came in: %q", got)
	}
}

// The open room is told once, whether the start or a notice tells it first.
func TestOpenRoomIsToldOnce(t *testing.T) {
	for _, order := range [][]peer.Event{
		{peer.Started{Open: true}, peer.Notice{Code: peer.CodeOpenRoom}},
		{peer.Notice{Code: peer.CodeOpenRoom}, peer.Started{Open: true}},
	} {
		r := renderer(uitest.Clock, time.UTC)
		n := 0
		for _, ev := range order {
			for _, line := range r.Lines(ev) {
				n += strings.Count(line, "Open room")
			}
		}
		if n != 1 {
			t.Errorf("%T first: told %d times", order[0], n)
		}
	}
}

// Nothing that a peer says, is called or causes reaches the terminal as more
// than text, nor looks like a turn of somebody else.
func TestNothingForeignIsObeyed(t *testing.T) {
	const evil = "\x1b]0;title\a\u202e\u0085x\n[10:00:00] Rafael: no"
	turnShown := peer.TurnShown{Name: evil, Lines: []string{evil}, Late: true, Before: peer.Mark{Time: uitest.Wall(0), Name: evil}}
	for _, ev := range []peer.Event{
		turnShown,
		peer.Restored{From: []peer.Source{{Name: "replicas", Turns: 1}}, Damaged: []string{evil}, Repaired: []string{evil}, Recent: []peer.TurnShown{turnShown}},
		peer.Checkpoint{Path: evil},
		peer.Started{Name: evil, Room: evil, Group: evil, Interfaces: []string{evil}, View: []string{evil, evil}},
		peer.Line{State: peer.LineQueued, Text: evil},
		peer.Peer{Name: evil, State: peer.PeerJoined, View: []string{evil}},
		peer.Floor{State: peer.FloorDeferred, Who: evil},
		peer.Floor{State: peer.FloorReceived, Msg: evil, Peer: evil},
		peer.Notice{Code: peer.CodeNetwork, Text: evil},
		peer.Notice{Code: peer.CodeOtherKey, Names: []string{evil}},
		peer.Error{Code: peer.CodeDiskFull, Path: evil, Text: evil},
		peer.Reconciled{Scope: "group", Members: []peer.MemberReport{{Name: evil, Received: 1}}},
		peer.Result{OK: true, Command: "peers", Peers: []peer.PeerInfo{{Name: evil, Activity: "idle"}}},
		peer.Result{OK: true, Command: "history", Turns: []peer.TurnShown{turnShown}},
		peer.Result{Command: evil, Code: peer.CodeUnknown},
	} {
		r := ui.NewRenderer(ui.Look{Words: words.For(words.English), Zone: time.UTC, Clock: uitest.Clock, Verbose: true})
		lines := r.Lines(ev)
		if len(lines) == 0 {
			t.Errorf("%T: no lines", ev)
		}
		for _, line := range lines {
			if turn.Clean(line) != line || strings.Contains(line, "\n") {
				t.Errorf("%T: %q", ev, line)
			}
			if strings.HasPrefix(line, "[10:00:00]") {
				t.Errorf("%T: looks like a turn: %q", ev, line)
			}
		}
	}
}

// What was dropped is told in one line after the table, by the reasons that are
// not zero; if nothing was dropped there is no such line.
func TestDroppedIsTold(t *testing.T) {
	for _, c := range []struct {
		lang string
		want string
	}{
		{words.English, "* Dropped since the start: 12 of other groups or programs, 3 forged or damaged, 1 invalid turn."},
		{words.Portuguese, "* Descartado desde o início: 12 de outros grupos ou programas, 3 forjados ou danificados, 1 fala inválida."},
	} {
		r := ui.NewRenderer(ui.Look{Words: words.For(c.lang), Zone: time.UTC, Clock: uitest.Clock})
		answer := peer.Result{OK: true, Command: "peers", Peers: []peer.PeerInfo{{Name: "ana", Activity: "idle"}}}
		answer.Dropped = []peer.Drop{{Reason: peer.DropForeign}, {Reason: peer.DropForged}, {Reason: peer.DropRepeated}, {Reason: peer.DropBadTurn}}
		table := r.Lines(answer)
		if len(table) != 2 {
			t.Errorf("%s: nothing dropped: %q", c.lang, table)
		}
		answer.Dropped[0].Count, answer.Dropped[1].Count, answer.Dropped[3].Count = 12, 3, 1
		if got := r.Lines(answer); !slices.Equal(got, append(table, c.want)) {
			t.Errorf("%s: got %q, want %q last", c.lang, got, c.want)
		}
	}
}

// What comes of a first catch-up after its newest turns is not printed: its end is told.
func TestRestOfACatchUpIsNotPrinted(t *testing.T) {
	r := renderer(uitest.Clock, time.UTC)
	ev := said(uitest.Wall(0), "old")
	ev.Late, ev.Batch = true, true
	if got := r.Lines(ev); len(got) != 0 {
		t.Errorf("printed: %q", got)
	}
}

// How far a catch-up is.
func TestCatchingUp(t *testing.T) {
	for _, c := range []struct {
		lang         string
		count, total int
		want         string
	}{
		{words.English, 12_000, 100_000, "* Catching up: 12,000 of about 100,000 turns."},
		{words.English, 1_234_567, 0, "* Catching up: 1,234,567 turns."},
		{words.English, 5000, 5000, "* Catching up: 5,000 turns."},
		{words.Portuguese, 12_000, 100_000, "* Pondo a conversa em dia: 12.000 de cerca de 100.000 falas."},
		{words.Portuguese, 1000, 0, "* Pondo a conversa em dia: 1.000 falas."},
	} {
		r := ui.NewRenderer(ui.Look{Words: words.For(c.lang), Zone: time.UTC, Clock: uitest.Clock})
		got := r.Lines(peer.Notice{Code: peer.CodeCatchingUp, Count: c.count, Total: c.total})
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// Of many late turns the last 20 are shown, after the number of the others; of
// a first catch-up the last 20.
func TestBatchesAreCutShort(t *testing.T) {
	for _, late := range []bool{true, false} {
		r := renderer(uitest.Clock, time.UTC)
		var got []string
		for i := range 50 {
			ev := said(uitest.Wall(0), string(rune('A'+i)))
			ev.Late, ev.Batch, ev.Follow = late, !late, 49-i
			got = append(got, r.Lines(ev)...)
		}
		if late {
			if want := "* 30 more late turns are not printed here; /history shows them."; got[0] != want {
				t.Errorf("got %q, want %q", got[0], want)
			}
			got = got[1:]
		}
		if len(got) != 20 || !strings.Contains(got[0], "ana: _") || !strings.Contains(got[19], "ana: r") {
			t.Errorf("late %v: %d turns: %q", late, len(got), got)
		}
	}
}
