package floor

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
)

// TestTranscripts plays the files of testdata: each tells in words what a rule
// of the protocol says, and then shows it, message by message. To write what
// is seen anew: go test ./floor -run TestTranscripts -rewrite; then read it.
//
// The commands. Names are members; #n are messages, numbered as they are sent.
//
//	group a=1 b=2     all begins anew: members a and b with incarnations 1 and 2,
//	                  past their quiet time, each with the view of all; time
//	                  begins at 0. clock=N: their Lamport time
//	new d=4           a member that starts now. key=b: a new incarnation of b
//	view a b          a and b have the view a+b from now on. for=a: only a
//	ask a, ask-all a, leave a, cancel a, farewell a
//	hand-over a       what it returns is sent to all; left a [at=T] ends it
//	listen a on|off, await a on|off
//	stamp a           a says something
//	beat a            a's heartbeat is sent to all
//	bye b from=a      b learns that a is gone for good
//	forge REQ|REP|WAIT|RELEASE|BEAT from=a to=b ...
//	                  a message that a did not send
//	deliver           every message on its way arrives, in the order of sending;
//	                  what is sent in answer stays on its way.
//	                  Numbers, from=a, to=b: only those
//	drop              the same messages are lost instead
//	duplicate n       message n is on its way a second time; to=b: only to b
//	delay n           message n arrives only when it is delivered by number
//	cut a b           what a sends does not reach b; mend ends all cuts
//	tick to=T         time passes; nothing arrives
//	run to=T delay=D  time passes; each message takes D. With show=(X,Y) both
//	                  show only the lines with one of these words
//	stall a, wake a   a does nothing meanwhile
//	crash a           a is no more
//	state             of all, or of those named
func TestTranscripts(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	played := 0
	for _, file := range files {
		name, ok := strings.CutSuffix(file.Name(), ".txt")
		if !ok {
			continue
		}
		played++
		t.Run(name, func(t *testing.T) {
			s := newStage()
			datadriven.RunTest(t, "testdata/"+file.Name(), func(t *testing.T, d *datadriven.TestData) string {
				defer func() {
					if r := recover(); r != nil {
						d.Fatalf(t, "%v", r)
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
	}
	if played < 45 {
		t.Fatalf("only %d transcripts", played)
	}
}

// words are the arguments of a command: bare ones, and those with values.
type words struct {
	bare []string
	with map[string][]string
}

func wordsOf(d *datadriven.TestData) words {
	w := words{with: map[string][]string{}}
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 0 {
			w.bare = append(w.bare, a.Key)
		} else {
			w.with[a.Key] = a.Vals
		}
	}
	return w
}

func (w words) word(key string) string {
	if v := w.with[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (w words) number(key string) uint64 {
	v := w.word(key)
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (w words) duration(key string) time.Duration {
	d, err := time.ParseDuration(w.word(key))
	if err != nil {
		panic(err)
	}
	return d
}

func (s *stage) command(d *datadriven.TestData) {
	w := wordsOf(d)
	inputs := map[string]func(f *Floor){
		"ask":     func(f *Floor) { f.Ask(s.now) },
		"ask-all": func(f *Floor) { f.AskAll(s.now) },
		"leave":   func(f *Floor) { f.Leave(s.now) },
		"cancel": func(f *Floor) {
			if !f.Cancel(s.now) {
				s.sayf("  nothing waits")
			}
		},
		"farewell": func(f *Floor) { f.Farewell(s.now) },
		"stamp":    func(f *Floor) { s.sayf("  stamp %d", f.Stamp()) },
		"wake":     func(f *Floor) { f.Tick(s.now) },
	}
	if in, ok := inputs[d.Cmd]; ok {
		for _, name := range w.bare {
			p := s.player(name)
			p.stalled = false
			s.do(p, in)
		}
		return
	}
	switch d.Cmd {
	case "group", "new":
		s.cast(d, w)
	case "view":
		v := s.view(w.bare)
		for _, name := range cmpOr(w.with["for"], w.bare) {
			s.do(s.player(name), func(f *Floor) { f.SetView(s.now, v) })
		}
	case "hand-over":
		p := s.player(w.bare[0])
		s.do(p, func(f *Floor) { s.post(p, f.HandOver(s.now), nil) })
	case "left":
		at := s.now
		if w.word("at") != "" {
			at = s.zero + w.duration("at")
		}
		s.do(s.player(w.bare[0]), func(f *Floor) { f.Left(at) })
	case "await", "listen":
		on := w.bare[1] == "on"
		s.do(s.player(w.bare[0]), func(f *Floor) {
			if d.Cmd == "await" {
				f.Await(s.now, on)
			} else {
				f.Listen(s.now, on)
			}
		})
	case "bye":
		from := s.player(w.word("from")).f.self
		for _, name := range w.bare {
			s.do(s.player(name), func(f *Floor) { f.Bye(s.now, from) })
		}
	case "beat":
		for _, name := range w.bare {
			p := s.player(name)
			ts, isAsking, isHolding := p.f.Request()
			s.post(p, beat{isAsking, isHolding, ts}, nil)
		}
	case "forge":
		s.post(s.player(w.word("from")), s.forged(w), []Member{s.player(w.word("to")).f.self})
	case "tick":
		s.ticks(s.zero+w.duration("to"), false)
		s.show(w)
	case "run":
		s.run(w)
	case "stall":
		s.player(w.bare[0]).stalled = true
	case "crash":
		s.player(w.bare[0]).dead = true
	case "cut":
		s.cuts[[2]string{w.bare[0], w.bare[1]}] = true
	case "mend":
		clear(s.cuts)
	case "state":
		for _, p := range s.players {
			if !p.dead && (len(w.bare) == 0 || slices.Contains(w.bare, p.name)) {
				s.sayf("  %s %s", p.name, s.state(p))
			}
		}
	default:
		s.handle(d, w)
	}
}

func cmpOr(a, b []string) []string {
	if len(a) > 0 {
		return a
	}
	return b
}

// cast is group and new.
func (s *stage) cast(d *datadriven.TestData, w words) {
	if d.Cmd == "group" {
		*s = *newStage()
	}
	var names []string
	for _, a := range d.CmdArgs {
		if a.Key == "clock" || a.Key == "key" {
			continue
		}
		names = append(names, a.Key)
		key := a.Key
		if w.word("key") != "" {
			key = w.word("key")
		}
		s.perform(s.start(a.Key, key, w.number(a.Key), w.number("clock")))
	}
	if d.Cmd == "new" {
		return
	}
	s.now += Quiet
	s.zero = s.now
	v := s.view(names)
	for _, name := range names {
		s.do(s.player(name), func(f *Floor) {
			f.Tick(s.now)
			f.SetView(s.now, v)
		})
	}
	s.log = []string{s.views[v.hash] + " are up"}
}

func (s *stage) forged(w words) any {
	view := func() ViewHash { return s.view(w.with["view"]).hash }
	switch kind := w.bare[0]; kind {
	case "REQ":
		return Req{TS: w.number("ts"), K: uint32(w.number("k")), View: view()}
	case "REP":
		g := Grant{To: s.player(w.word("grant")).f.self, TS: w.number("ts"), K: uint32(w.number("k"))}
		return Rep{View: view(), Clock: w.number("clock"), Grants: []Grant{g}}
	case "WAIT":
		return Wait{To: s.player(w.word("to")).f.self.Incarnation, TS: w.number("ts"), Place: uint16(w.number("place")), Why: WhyHolding}
	case "RELEASE":
		return Release{TS: w.number("ts")}
	case "BEAT":
		return beat{asking: w.word("ts") != "", ts: w.number("ts")}
	default:
		panic("cannot forge " + kind)
	}
}

func (s *stage) run(w words) {
	s.carry = w.duration("delay")
	for _, l := range s.mail {
		l.due = s.now + s.carry
	}
	s.ticks(s.zero+w.duration("to"), true)
	s.carry = 0
	s.log = slices.DeleteFunc(s.log, func(line string) bool { return strings.Contains(line, " gets #") })
	s.show(w)
}

func (s *stage) show(w words) {
	if wanted := w.with["show"]; wanted != nil {
		s.log = slices.DeleteFunc(s.log, func(line string) bool {
			return !slices.ContainsFunc(wanted, func(word string) bool { return strings.Contains(line, word) })
		})
	}
}

// handle is what is done with messages on their way.
func (s *stage) handle(d *datadriven.TestData, w words) {
	var chosen []*letter
	for _, l := range s.mail {
		named := slices.Contains(w.bare, strconv.Itoa(l.number))
		if named || len(w.bare) == 0 && len(l.to) > 0 && !l.delayed &&
			(w.word("from") == "" || w.word("from") == l.from.name) {
			chosen = append(chosen, l)
		}
	}
	if len(chosen) < len(w.bare) {
		panic(fmt.Sprintf("%s: a message of these was never sent", d.Cmd))
	}
	lost := 0
	for _, l := range chosen {
		switch d.Cmd {
		case "deliver", "drop":
			var rest []*player
			for _, p := range l.to {
				switch to := w.with["to"]; {
				case to != nil && !slices.Contains(to, p.name):
					rest = append(rest, p)
				case d.Cmd == "drop":
					lost++
				default:
					s.deliver(l, p)
				}
			}
			l.to = rest
		case "duplicate":
			again := *l
			again.to = nil
			for _, p := range s.players {
				if p != l.from && (w.with["to"] == nil || slices.Contains(w.with["to"], p.name)) {
					again.to = append(again.to, p)
				}
			}
			s.mail = append(s.mail, &again)
		case "delay":
			l.delayed = true
		default:
			panic("unknown command " + d.Cmd)
		}
	}
	if lost > 0 {
		s.sayf("lost: %d", lost)
	}
}
