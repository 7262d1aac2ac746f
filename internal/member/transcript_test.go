package member

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/papo-chat/papo/floor"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/wire"
)

// transcript drives one Membership by commands. A member is named by a letter,
// which is its key, and a digit if it is not the first incarnation of it: a, b2.
//
//	new self=c [members=N]        a new member, started now
//	quiet [off]                   SetQuiet
//	hello from=a [want] [key=b]   a hello comes
//	beat from=a [quiet] [leader=b] [interval=D] [count=N] [wrong] heard=(c*,b:3)
//	                              a heartbeat comes; it names the members heard,
//	                              * marks those in the view of its sender, :N
//	                              gives the counter, else it is the newest.
//	                              wrong: its view hash is of another view
//	ping|pong|bye|data from=a [origin=b] [target=c] [of=b] [to=c] [counter=N]
//	run for=D [all]               time passes; without all, heartbeats that are
//	                              merely due are not shown
//	soon, peers, state
type transcript struct {
	m        *Membership
	self     string
	now      time.Duration
	counters map[string]uint32
	wake     time.Duration
	out      strings.Builder
}

func TestTranscripts(t *testing.T) {
	files := 0
	defer func() {
		if files == 0 {
			t.Error("no transcripts")
		}
	}()
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		files++
		tr := &transcript{counters: make(map[string]uint32)}
		datadriven.RunTest(t, path, tr.command)
	})
}

func incarnation(name string) uint64 {
	n := uint64(1)
	if len(name) > 1 {
		n = uint64(name[1] - '0')
	}
	return n<<8 | uint64(name[0])
}

func nameOf(inc uint64) string {
	if inc == 0 {
		return "everybody"
	}
	if inc>>8 == 1 {
		return string(rune(inc & 0xff))
	}
	return fmt.Sprintf("%c%d", rune(inc&0xff), inc>>8)
}

func memberOf(name string) floor.Member {
	return floor.Member{Key: [32]byte{name[0]}, Incarnation: incarnation(name)}
}

func showView(v floor.View) string {
	var names []string
	for _, m := range v.Members() {
		names = append(names, nameOf(m.Incarnation))
	}
	return "{" + strings.Join(names, " ") + "}"
}

func (tr *transcript) command(t *testing.T, d *datadriven.TestData) string {
	tr.out.Reset()
	arg := func(key, or string) string {
		if d.HasArg(key) {
			d.ScanArgs(t, key, &or)
		}
		return or
	}
	number := func(key string, or uint32) uint32 {
		n, err := strconv.ParseUint(arg(key, fmt.Sprint(or)), 10, 32)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		return uint32(n)
	}
	from := arg("from", "")
	switch d.Cmd {
	case "new":
		var members int
		if d.HasArg("members") {
			d.ScanArgs(t, "members", &members)
		}
		tr.self = arg("self", "")
		tr.counters[tr.self] = 0
		tr.m = New(Config{Self: memberOf(tr.self), Name: tr.self, MaxMembers: members, Rand: rand.New(rand.NewPCG(1, 2))}, tr.now)
	case "run":
		length, err := time.ParseDuration(arg("for", ""))
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		end := tr.now + length
		for tr.wake <= end {
			tr.now = tr.wake
			tr.m.Tick(tr.now)
			tr.drain(!d.HasArg("all"))
		}
		tr.now = end
		return tr.text()
	case "quiet":
		tr.m.SetQuiet(tr.now, !d.HasArg("off"))
	case "soon":
		tr.m.BeatSoon(tr.now)
	case "peers":
		for _, i := range tr.m.Peers() {
			fmt.Fprintf(&tr.out, "%s silent %v quiet=%v view=%v\n", nameOf(i.Member.Incarnation), tr.now-i.Heard, i.Quiet, i.InView)
		}
		return tr.text()
	case "state":
		return fmt.Sprintf("view %s alone=%v full=%v settling=%v %+v\n", showView(tr.m.View()), len(tr.m.Peers()) == 0, tr.m.Full(), tr.m.Settling(), tr.m.Stats())
	default:
		tr.counters[from]++
		counter := number("count", tr.counters[from])
		tr.counters[from] = max(tr.counters[from], counter)
		inc := incarnation(from)
		tr.m.Heard(tr.now, inc, counter)
		switch d.Cmd {
		case "data":
		case "hello":
			tr.m.Hello(tr.now, inc, wire.Hello{Key: turn.Key{arg("key", from)[0]}, Name: from, Want: d.HasArg("want")})
		case "bye":
			tr.m.Bye(tr.now, inc, counter)
		case "ping":
			tr.m.Ping(tr.now, inc, wire.Ping{Origin: incarnation(arg("origin", from)), Target: incarnation(arg("target", tr.self))})
		case "pong":
			tr.m.Pong(tr.now, inc, wire.Pong{
				Of:      incarnation(arg("of", from)),
				To:      incarnation(arg("to", tr.self)),
				Counter: number("counter", tr.counters[tr.self]),
			})
		case "beat":
			tr.m.Beat(tr.now, inc, counter, tr.beat(t, d, from, arg))
		default:
			d.Fatalf(t, "unknown command %s", d.Cmd)
		}
	}
	tr.drain(false)
	return tr.text()
}

func (tr *transcript) beat(t *testing.T, d *datadriven.TestData, from string, arg func(key, or string) string) wire.Beat {
	interval, err := time.ParseDuration(arg("interval", "250ms"))
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	b := wire.Beat{Interval: interval, Quiet: d.HasArg("quiet"), Leader: incarnation(arg("leader", from))}
	members := []floor.Member{memberOf(from)}
	for _, a := range d.CmdArgs {
		if a.Key != "heard" {
			continue
		}
		for _, s := range a.Vals {
			s, count, given := strings.Cut(s, ":")
			name := strings.TrimSuffix(s, "*")
			h := wire.Heard{Incarnation: incarnation(name), Counter: tr.counters[name], InView: name != s}
			if given {
				n, err := strconv.ParseUint(count, 10, 32)
				if err != nil {
					d.Fatalf(t, "%v", err)
				}
				h.Counter = uint32(n)
			}
			if h.InView {
				members = append(members, memberOf(name))
			}
			b.Heard = append(b.Heard, h)
		}
	}
	slices.SortFunc(b.Heard, func(x, y wire.Heard) int { return int(int64(x.Incarnation) - int64(y.Incarnation)) })
	b.View = floor.NewView(members...).Hash()
	if d.HasArg("wrong") {
		b.View[0]++
	}
	return b
}

// drain performs a Ready and writes down what is in it.
func (tr *transcript) drain(hideDue bool) {
	r := tr.m.Ready(tr.now)
	line := func(format string, args ...any) {
		fmt.Fprintf(&tr.out, "%6.3f ", tr.now.Seconds())
		fmt.Fprintf(&tr.out, format+"\n", args...)
	}
	for _, e := range r.Events {
		line("%s", showEvent(e))
	}
	if r.ViewChanged {
		line("view %s", showView(r.View))
	}
	for _, o := range r.Send {
		tr.counters[tr.self]++
		tr.m.Sent(tr.now, tr.counters[tr.self])
		if _, ok := o.Msg.(wire.Beat); ok && hideDue && !r.ViewChanged {
			continue
		}
		line("-> %s %s", nameOf(o.To), showMessage(o.Msg))
	}
	tr.wake = r.Wake
}

func (tr *transcript) text() string {
	if tr.out.Len() == 0 {
		return "-\n"
	}
	return tr.out.String()
}

func showMessage(msg wire.Message) string {
	switch msg := msg.(type) {
	case wire.Hello:
		return fmt.Sprintf("HELLO %s want=%v", msg.Name, msg.Want)
	case wire.Beat:
		s := fmt.Sprintf("BEAT every %v quiet=%v leader=%s heard", msg.Interval, msg.Quiet, nameOf(msg.Leader))
		for _, h := range msg.Heard {
			s += fmt.Sprintf(" %s:%d", nameOf(h.Incarnation), h.Counter)
			if h.InView {
				s += "*"
			}
		}
		return s
	case wire.Ping:
		return fmt.Sprintf("PING origin=%s target=%s", nameOf(msg.Origin), nameOf(msg.Target))
	case wire.Pong:
		return fmt.Sprintf("PONG of=%s to=%s counter=%d", nameOf(msg.Of), nameOf(msg.To), msg.Counter)
	}
	return msg.String()
}

func showEvent(e Event) string {
	who := func(i Info) string { return nameOf(i.Member.Incarnation) }
	switch e := e.(type) {
	case Joined:
		return "joined " + who(e.Who)
	case Suspected:
		return "suspected " + who(e.Who)
	case Recovered:
		return "recovered " + who(e.Who)
	case Left:
		return fmt.Sprintf("left %s bye=%v", who(e.Who), e.Bye)
	case LeftOut:
		return fmt.Sprintf("left-out %s self=%v", who(e.Who), e.Self)
	case LetIn:
		return fmt.Sprintf("let-in %s self=%v", who(e.Who), e.Self)
	case Full:
		return fmt.Sprintf("full on=%v", e.On)
	case Misused:
		return fmt.Sprintf("misused, says %c", e.By.Key[0])
	case Copied:
		return "copied by " + nameOf(e.Other.Incarnation)
	}
	return fmt.Sprintf("%#v", e)
}
