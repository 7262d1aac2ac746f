package peer

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// The transcripts in testdata: what members are told, and what datagrams,
// appends and events come of it. -rewrite writes them anew. Ids and hashes
// stand as names: ana is a member's incarnation, ana' its next one, ana+bia a
// view, t1 a turn. In commands
//
//	group NAME...                  all are up, quiet is over, and they have met
//	start NAME [like=NAME]         one more, or one again; with another's identity and record
//	alone NAME...                  each says one line where nobody hears it, and is gone
//	give NAME NAME...              the first starts again with the records of the others beside its own
//	watch KIND...                  what is written down: datagrams by their kind, append, unsent,
//	                               and events by their type; +KIND and -KIND change what is
//	say NAME [at once]             each line of the input is typed
//	hold NAME FOR, release NAME, cancel NAME, end NAME LINGER, stop NAME CODE, sync NAME, history NAME
//	delay NAME [FOR], order NAME [agreed|arrival]
//	run DURATION
//	lose [KIND...] [from=] [to=] [n=] [piece=], mend
//	crash NAME, wipe NAME, sleep NAME, disk NAME ok|full|DURATION
//	ghost NAME [name=] [incarnation=], forge NAME KIND ...
//	state NAME...
func TestTranscripts(t *testing.T) {
	files := 0
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return
		}
		files++
		s := newStage()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("%s: %v", d.Pos, r)
				}
			}()
			s.log = nil
			s.command(d)
			if len(s.log) == 0 {
				return "nothing\n"
			}
			return strings.Join(s.log, "\n") + "\n"
		})
	})
	if files < 10 {
		t.Errorf("only %d transcripts", files)
	}
}

// usually is what is written down unless told otherwise.
var usually = []string{
	"REQ", "REP", "WAIT", "RELEASE", "TURN", "WANT", "FRAG", "FRAGWANT", "BYE",
	"append", "unsent", "line", "turn", "floor", "notice", "error", "result", "reconciled", "exit", "started",
}

// args are the arguments of a command: bare words, and those with a value.
type args struct {
	bare []string
	with map[string]string
}

func argsOf(d *datadriven.TestData) args {
	a := args{with: map[string]string{}}
	for _, c := range d.CmdArgs {
		if len(c.Vals) > 0 {
			a.with[c.Key] = strings.Join(c.Vals, " ")
		} else {
			a.bare = append(a.bare, c.Key)
		}
	}
	return a
}

func (a args) number(key string) uint64 {
	if a.with[key] == "" {
		return 0
	}
	n, err := strconv.ParseUint(a.with[key], 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

func (s *stage) command(d *datadriven.TestData) {
	w := argsOf(d)
	on := func() *actor { return s.actor(w.bare[0]) }
	do := func(in func(c *Core, now Now)) { s.input(on(), in) }
	switch d.Cmd {
	case "group":
		*s = *newStage()
		s.watch()
		s.silently(func() {
			for _, name := range w.bare {
				s.start(s.cast(name, nil))
			}
			s.run(s.now + 3*time.Second)
		})
		s.zero = s.now
		for _, a := range s.actors {
			s.know(a)
			s.sayf("%s is up, view %s", a.name, a.core.floor.View().Hash())
		}
	case "start":
		name := w.bare[0]
		i := slices.IndexFunc(s.actors, func(a *actor) bool { return a.name == name })
		if i < 0 {
			var like *actor
			if w.with["like"] != "" {
				like = s.actor(w.with["like"])
			}
			s.start(s.cast(name, like))
		} else {
			s.start(s.actors[i])
		}
	case "alone":
		s.silently(func() { s.alone(w.bare) })
	case "give":
		s.give(on(), w.bare[1:])
	case "watch":
		s.watch(w.bare...)
	case "say":
		lines := strings.Split(d.Input, "\n")
		a := on()
		s.input(a, func(c *Core, now Now) {
			for i, l := range lines {
				if i > 0 && !slices.Contains(w.bare, "once") {
					s.perform(a)
				}
				a.lines++
				c.Say(now, a.lines, s.typed(l))
			}
		})
	case "hold":
		do(func(c *Core, now Now) { c.Hold(now, 1, duration(w.bare[1])) })
	case "release":
		do(func(c *Core, now Now) { c.Release(now, 1) })
	case "cancel":
		do(func(c *Core, now Now) { c.Cancel(now, 1) })
	case "sync":
		do(func(c *Core, now Now) { c.Reconcile(now, 1) })
	case "delay":
		do(func(c *Core, now Now) {
			if len(w.bare) == 1 {
				c.TellDelay(now, 1)
				return
			}
			c.SetDelay(now, 1, duration(w.bare[1]))
		})
	case "order":
		do(func(c *Core, now Now) {
			if len(w.bare) == 1 {
				c.TellOrder(now, 1)
				return
			}
			c.SetOrder(now, 1, Order(w.bare[1]))
		})
	case "end":
		linger := Forever
		if w.bare[1] != "forever" {
			linger = duration(w.bare[1])
		}
		do(func(c *Core, now Now) { c.End(now, linger) })
	case "stop":
		code, _ := strconv.Atoi(w.bare[1])
		do(func(c *Core, now Now) { c.Stop(now, code) })
	case "run":
		s.run(s.now + duration(w.bare[0]))
	case "lose":
		s.lose(w)
	case "mend":
		s.losses = nil
	case "crash":
		a := on()
		a.dead, a.busy, a.ready = true, 0, Ready{}
	case "wipe":
		on().disk.turns = nil
	case "sleep":
		on().shift += time.Minute
	case "disk":
		a := on()
		a.disk.fail, a.disk.slow = w.bare[1] == "full", 0
		if w.bare[1] != "full" && w.bare[1] != "ok" {
			a.disk.slow = duration(w.bare[1])
		}
	case "ghost":
		s.ghost(w)
	case "forge":
		s.forge(w, d.Input)
	case "state":
		for _, name := range w.bare {
			s.state(s.actor(name))
		}
	default:
		panic("unknown command " + d.Cmd)
	}
}

// typed is a line of the input: "xN" stands for a line of N times x.
func (s *stage) typed(l string) string {
	if n, err := strconv.Atoi(strings.TrimPrefix(l, "x")); err == nil && l[0] == 'x' {
		return strings.Repeat("x", n)
	}
	return l
}

// alone has each say one line at the same time, apart from all.
func (s *stage) alone(names []string) {
	mail, others := s.mail, s.actors
	zero := s.now
	for _, name := range names {
		s.now, s.actors, s.mail = zero, nil, nil
		a := s.cast(name, nil)
		s.start(a)
		s.run(s.now + 2*time.Second)
		s.input(a, func(c *Core, now Now) { c.Say(now, 1, "from "+name) })
		a.dead = true
		others = append(others, a)
	}
	s.now, s.actors, s.mail = zero, others, mail
}

// give has a start again with what others had on disk.
func (s *stage) give(a *actor, from []string) {
	for _, name := range from {
		a.disk.turns = append(a.disk.turns, s.actor(name).disk.turns...)
	}
	s.start(a)
}

func (s *stage) silently(do func()) {
	kept := s.watched
	s.watched = nil
	do()
	s.watched = kept
}

func (s *stage) watch(kinds ...string) {
	if len(kinds) == 0 {
		kinds = usually
	}
	if !strings.HasPrefix(kinds[0], "+") && !strings.HasPrefix(kinds[0], "-") {
		s.watched = map[string]bool{}
	}
	for _, k := range kinds {
		s.watched[strings.TrimLeft(k, "+-")] = !strings.HasPrefix(k, "-")
	}
}

func (s *stage) lose(w args) {
	l := &loss{kinds: w.bare, from: w.with["from"], to: w.with["to"], piece: -1, left: -1}
	if w.with["n"] != "" {
		l.left = int(w.number("n"))
	}
	if w.with["piece"] != "" {
		l.piece = int(w.number("piece"))
	}
	s.losses = append(s.losses, l)
}

// ghost casts somebody who sends forged datagrams only, from an incarnation
// that has said who it is.
func (s *stage) ghost(w args) {
	a := s.cast(w.bare[0], nil)
	if n := w.with["name"]; n != "" {
		a.shown = n
	}
	a.ghost = w.number("incarnation")
	s.words[strconv.FormatUint(a.ghost, 16)] = a.name
}

// forge sends what a command says, whatever that is good for.
func (s *stage) forge(w args, input string) {
	a := s.actor(w.bare[0])
	view := func() floor.ViewHash { return s.actor(w.with["view"]).core.floor.View().Hash() }
	var m wire.Message
	switch w.bare[1] {
	case "HELLO":
		h := wire.Hello{Name: a.shown, Signature: seal.SignHello(a.key, turn.GroupID{9}, a.ghost, a.shown)}
		copy(h.Key[:], a.key[32:])
		m = h
	case "REQ":
		m = wire.Req{TS: w.number("ts"), K: uint32(w.number("k")), View: view()}
	case "REP":
		to := s.actor(w.with["for"]).core.self
		m = wire.Rep{View: view(), Clock: w.number("clock"), Grants: []wire.Grant{{To: to, TS: w.number("ts"), K: uint32(w.number("k"))}}}
	case "RELEASE":
		m = wire.Release{TS: w.number("ts")}
	case "WANT":
		m = wire.Want{IDs: []turn.ID{s.turnOf(w.with["turn"])}}
	case "TURN":
		rep := wire.Rep{View: view(), Clock: w.number("clock"), HandOver: true}
		if to := w.with["for"]; to != "" {
			rep.Grants = []wire.Grant{{To: s.actor(to).core.self, TS: w.number("ts"), K: uint32(w.number("k"))}}
		}
		m = wire.Turns{Rep: &rep, Turns: [][]byte{[]byte(input)}}
	case "BEAT":
		m = wire.Beat{Interval: Beat, Activity: wire.Asking, TS: w.number("ts")}
	default:
		panic("cannot forge " + w.bare[1])
	}
	b, err := wire.Append(nil, m)
	if err != nil {
		panic(err)
	}
	inc, counter := a.ghost, &a.counter
	if as := w.with["as"]; as != "" { // in another's name, as one of the group can
		inc, counter = s.actor(as).core.self.Incarnation, &s.actor(as).core.counter
	}
	*counter++
	s.send(a, w.with["to"], inc, *counter, b)
}

// turnOf finds a turn by its label.
func (s *stage) turnOf(label string) turn.ID {
	for _, a := range s.actors {
		for _, t := range a.disk.turns {
			if s.label(t) == label {
				return t.ID()
			}
		}
	}
	panic("there is no turn " + label)
}

// state writes down what a member is at.
func (s *stage) state(a *actor) {
	c := a.core
	ts, isAsking, isHolding := c.floor.Request()
	text := "idle"
	switch {
	case c.floor.IsQuiet():
		text = "quiet"
	case isAsking:
		text = fmt.Sprintf("asking ts=%d", ts)
	case isHolding:
		text = fmt.Sprintf("holding ts=%d", ts)
	}
	text += fmt.Sprintf(" clock=%d view=%s", c.floor.Clock(), c.floor.View().Hash())
	var record []string
	for i := range c.history.Len() {
		record = append(record, s.label(c.history.Get(c.history.At(i).ID)))
	}
	text += fmt.Sprintf(", record [%s]", strings.Join(record, " "))
	if n := c.Unsent(); n > 0 {
		text += fmt.Sprintf(", %d unsent", n)
	}
	if n := len(a.disk.queued); n > 0 {
		text += fmt.Sprintf(", %d in unsent.log", n)
	}
	if n := len(c.repair.order); n > 0 {
		text += fmt.Sprintf(", wants %d", n)
	}
	if n := len(c.delay.held); n > 0 {
		text += fmt.Sprintf(", holds back %d", n)
	}
	if c.counts != (counts{}) {
		text += fmt.Sprintf(", counts %+v", c.counts)
	}
	s.sayf("%s is %s", a.name, text)
}
