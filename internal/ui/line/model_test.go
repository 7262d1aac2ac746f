package line

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// keys are what a terminal sends, by the names used in this test.
var keys = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd},
	"backspace": {Code: tea.KeyBackspace}, "delete": {Code: tea.KeyDelete},
	"esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "f1": {Code: tea.KeyF1},
}

func key(name string) tea.KeyPressMsg {
	if k, ok := keys[name]; ok {
		return k
	}
	if c, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: rune(c[0]), Mod: tea.ModCtrl}
	}
	r := []rune(name)
	return tea.KeyPressMsg{Code: r[0], Text: name}
}

// screenplay is a model at work, and what it gave to the chat.
type screenplay struct {
	*model
	interrupts int
}

func play(lang string, width int) *screenplay {
	p := &screenplay{}
	p.model = newModel(words.For(lang), "ana", newQueue(), func() { p.interrupts++ })
	p.Update(tea.WindowSizeMsg{Width: width, Height: 10})
	return p
}

func (p *screenplay) press(names ...string) *screenplay {
	for _, name := range names {
		p.Update(key(name))
	}
	return p
}

func (p *screenplay) write(text string) *screenplay {
	for _, r := range text {
		p.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	return p
}

func (p *screenplay) happen(events ...peer.Event) *screenplay {
	for _, ev := range events {
		p.Update(eventMsg{ev})
	}
	return p
}

// typed takes all that waits for the chat.
func (p *screenplay) typed() []string {
	var all []string
	for {
		t, ok := p.queue.take()
		if !ok {
			return all
		}
		switch t.kind {
		case typedLine:
			all = append(all, t.text)
		case typedLong:
			all = append(all, "<long>")
		case typedLost:
			all = append(all, fmt.Sprintf("<%d lost>", t.count))
		case typedEnd:
			all = append(all, "<end>")
		}
	}
}

// frame draws the view as it looks, the cursor's column under it.
func (p *screenplay) frame() string {
	v := p.View()
	s := ansi.Strip(v.Content) + "\n"
	if v.Cursor != nil {
		s += strings.Repeat(" ", v.Cursor.X) + fmt.Sprintf("^ row %d\n", v.Cursor.Y)
	}
	return s
}

func started(view ...string) peer.Started {
	return peer.Started{Name: "ana", Room: "papo", View: view}
}

// The screen at each step, 30 columns wide.
func TestViews(t *testing.T) {
	line := func(n int, s peer.LineState) peer.Line { return peer.Line{N: n, State: s} }
	var b strings.Builder
	for _, lang := range []string{words.English, words.Portuguese} {
		p := play(lang, 30)
		step := func(name string) { fmt.Fprintf(&b, "# %s: %s\n%s", lang, name, p.frame()) }
		step("at first")
		p.happen(started("ana", "Rafael"))
		step("ready")
		p.write("olá 日本")
		step("accents and wide letters")
		p.press("left", "left")
		step("left twice")
		p.press("ctrl+u").write("👨‍👩‍👧🇧🇷")
		step("cut; a family typed code point by code point, and a flag")
		p.press("left", "backspace")
		step("the family taken back")
		p.press("ctrl+k").write("uma linha mais comprida do que a tela")
		step("longer than the screen")
		p.press("left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left", "left")
		step("left to the edge and over it")
		p.press("home")
		step("home")
		p.press("end")
		step("end")
		p.Update(tea.WindowSizeMsg{Width: 50, Height: 10})
		step("a wider terminal")
		p.Update(tea.WindowSizeMsg{Width: 8, Height: 10})
		step("a narrow terminal")
		p.Update(tea.WindowSizeMsg{Width: 30, Height: 10})
		p.press("enter")
		step("enter")
		p.happen(line(1, peer.LineQueued), line(2, peer.LineQueued))
		step("two lines wait")
		p.happen(peer.Floor{State: peer.FloorRequested, WaitingFor: []string{"Rafael", "Brenda"}},
			peer.Notice{Code: peer.CodeWaiting, Names: []string{"Rafael", "Brenda"}})
		step("for two members; cut off at the edge")
		p.Update(tea.WindowSizeMsg{Width: 60, Height: 10})
		step("whole")
		p.happen(peer.Floor{State: peer.FloorRequested, WaitingFor: []string{"Rafael"}})
		step("for one")
		p.happen(peer.Floor{State: peer.FloorGranted}, line(1, peer.LineSent))
		step("one was sent")
		p.happen(line(2, peer.LineCancelled), peer.Peer{State: peer.PeerJoined, View: []string{"ana", "Rafael", "Brenda"}})
		step("the other taken back, somebody joined")
		p.happen(peer.Floor{State: peer.FloorRequested})
		step("asking to hold")
		p.happen(peer.Floor{State: peer.FloorGranted}, peer.Floor{State: peer.FloorHeld})
		step("holding")
		p.happen(peer.Floor{State: peer.FloorReleased})
		step("released")
		p.happen(peer.Line{State: peer.LineQueued, Line: turn.LineID{1}}, peer.Line{State: peer.LineQueued, Line: turn.LineID{2}}, line(3, peer.LineQueued))
		step("two lines of the last run, and one more")
		p.happen(peer.Notice{Code: peer.CodeCatchingUp, Count: 12_000, Total: 100_000})
		step("catching up")
		p.happen(peer.Notice{Code: peer.CodeCaughtUp, Count: 100_000})
		step("caught up")
		p.happen(peer.Notice{Code: peer.CodeCatchingUp, Count: 2000}, peer.Notice{Code: peer.CodeCatchingUp, Count: 2300, Total: 2300})
		step("many turns came, and no more are missing")
		p.press("ctrl+d")
		step("leaving")
		p.Update(endMsg{})
		step("over")
	}
	const path = "testdata/views.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.String(); got != string(want) {
		g, w := strings.Split(got, "\n# "), strings.Split(string(want), "\n# ")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("got\n%s\nwant\n%s\n(-update rewrites it)", g[i], w[i])
			}
		}
		t.Fatalf("%d steps, want %d (-update rewrites it)", len(g), len(w))
	}
}

// The frame has two rows, each narrower than the terminal, with the cursor in
// it, whatever is typed.
func TestFrameFits(t *testing.T) {
	texts := []string{"", "x", strings.Repeat("日", 40), strings.Repeat("👨‍👩‍👧", 30), strings.Repeat("long words ", 20), strings.Repeat("\t", 50)}
	for width := 1; width < 70; width++ {
		for _, text := range texts {
			p := play(words.English, width)
			p.happen(started("ana"))
			p.Update(tea.PasteMsg{Content: text})
			for range 60 {
				v := p.View()
				rows := strings.Split(ansi.Strip(v.Content), "\n")
				if len(rows) != 2 || v.Cursor.Y != 1 || v.Cursor.X > max(width-1, 6) {
					t.Fatalf("width %d, %q: %q, cursor %+v", width, text, rows, v.Cursor.Position)
				}
				for _, row := range rows {
					if w := ansi.StringWidthWc(row); w > max(width, 7) {
						t.Fatalf("width %d: %q is %d wide", width, row, w)
					}
				}
				p.press("left")
			}
		}
	}
}

// Each print must be followed by a frame that differs from the last one drawn,
// or the cursor stays above it.
func TestEveryEventChangesTheFrame(t *testing.T) {
	p := play(words.English, 40)
	seen := map[string]bool{}
	for range 1000 {
		p.happen(peer.Delivered{})
		seen[p.View().Content] = true
	}
	if len(seen) != 1000 {
		t.Errorf("%d frames, want 1000", len(seen))
	}
}

func TestTyping(t *testing.T) {
	long := strings.Repeat("x", turn.MaxLine+1)
	paste := func(s string) func(*screenplay) {
		return func(p *screenplay) { p.Update(tea.PasteMsg{Content: s}) }
	}
	press := func(names ...string) func(*screenplay) { return func(p *screenplay) { p.press(names...) } }
	for _, c := range []struct {
		name  string
		do    []func(*screenplay)
		typed []string
		draft string
	}{
		{"a line", []func(*screenplay){press("o", "i", "enter")}, []string{"oi"}, ""},
		{"an empty line", []func(*screenplay){press("enter")}, []string{""}, ""},
		{"keys without text", []func(*screenplay){press("a", "esc", "f1", "tab", "ctrl+x")}, nil, "a"},
		{"history", []func(*screenplay){press("a", "enter", "b", "enter", "c", "up", "up", "up")}, []string{"a", "b"}, "a"},
		{"history and back", []func(*screenplay){press("a", "enter", "c", "up", "down", "down")}, []string{"a"}, "c"},
		{"paste one line", []func(*screenplay){press("a", "b", "left"), paste("x y")}, nil, "ax yb"},
		{"paste several", []func(*screenplay){press("a"), paste("1\r\n2\r3\n4")}, []string{"a1", "2", "3"}, "4"},
		{"paste whole lines", []func(*screenplay){paste("1\n\n2\n")}, []string{"1", "", "2"}, ""},
		{"paste what a terminal would obey", []func(*screenplay){paste("\x1b[31mr\u202ex\tb")}, nil, "[31mrx\tb"},
		{"ctrl-d deletes", []func(*screenplay){press("a", "b", "home", "ctrl+d")}, nil, "b"},
		{"ctrl-d ends", []func(*screenplay){press("a", "enter", "ctrl+d")}, []string{"a", "<end>"}, ""},
		{"too long a line stays", []func(*screenplay){paste(long), press("enter")}, []string{long}, long},
		{"and can be shortened", []func(*screenplay){paste(long), press("enter", "backspace", "enter")}, []string{long, long[1:]}, ""},
		{"far too long a paste is refused whole", []func(*screenplay){press("a"), paste(strings.Repeat(long, 4))}, []string{"<long>"}, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := play(words.English, 80)
			for _, do := range c.do {
				do(p)
			}
			if got := p.typed(); !slices.Equal(got, c.typed) {
				t.Errorf("typed %.100q, want %.100q", got, c.typed)
			}
			if p.edit.text != c.draft {
				t.Errorf("the draft is %.100q, want %.100q", p.edit.text, c.draft)
			}
		})
	}
}

// Ctrl-C interrupts the chat, once; the second one does not wait for it.
func TestInterrupt(t *testing.T) {
	p := play(words.English, 80)
	if _, cmd := p.Update(key("ctrl+c")); cmd != nil || p.interrupts != 1 {
		t.Errorf("first: %d interrupts, command %v", p.interrupts, cmd != nil)
	}
	_, cmd := p.Update(key("ctrl+c"))
	if cmd == nil || p.interrupts != 1 || p.ended {
		t.Fatalf("second: %d interrupts, ended %v", p.interrupts, p.ended)
	}
	if _, ok := cmd().(tea.QuitMsg); !ok {
		t.Error("the second does not quit")
	}
}

// The queue keeps order, is bounded, and tells how many lines it refused, where
// they were. What ends the chat is never refused.
func TestQueue(t *testing.T) {
	q := newQueue()
	for i := range maxTyped + 5 {
		q.put(typed{kind: typedLine, text: fmt.Sprint(i)})
	}
	q.put(typed{kind: typedEnd})
	stop := make(chan struct{})
	for i := range maxTyped {
		if got, ok := q.next(stop); !ok || got.text != fmt.Sprint(i) {
			t.Fatalf("item %d: %+v", i, got)
		}
	}
	if got, _ := q.next(stop); got.kind != typedLost || got.count != 5 {
		t.Errorf("%+v, want 5 lost", got)
	}
	if got, _ := q.next(stop); got.kind != typedEnd {
		t.Errorf("%+v, want the end", got)
	}
	close(stop)
	if _, ok := q.next(stop); ok {
		t.Error("something is left")
	}
}

// A terminal that counts clusters gets them whole.
func TestClusterMode(t *testing.T) {
	p := play(words.English, 40)
	p.Update(tea.PasteMsg{Content: "👨‍👩‍👧"})
	if strings.Contains(p.View().Content, "👧") {
		t.Error("a cluster that terminals differ over is drawn whole")
	}
	p.Update(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeReset})
	if !strings.Contains(p.View().Content, "👨‍👩‍👧") {
		t.Error("the terminal counts clusters, and gets a part")
	}
}
