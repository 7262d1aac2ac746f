package diagram

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// shivizFormat is the regular expression by which ShiViz reads the log: it is the first
// line. The second is empty: there is one run.
const shivizFormat = `(?<host>\S+) (?<clock>\{.*\})\n(?<time>\S+) (?<kind>\S+) (?<datagram>\S+) (?<event>.*)`

// Log writes a trace, or the part that o chooses, for the viewer ShiViz
// (https://bestchai.bitbucket.io/shiviz/): of each event the member, a vector clock and
// what happens. Of two events the clock of the one is below that of the other exactly
// if it happened before it, by the order of each member and by the messages that the
// log has. Messages that are left out carry nothing, so that each line that ShiViz draws
// is a message; with Options.All there are all of them. Of a lost one there is the
// sending alone. Errors are those of Draw.
func Log(w io.Writer, h trace.Header, events iter.Seq2[trace.Event, error], o Options) error {
	if o.Words == nil {
		o.Words = words.For(words.English)
	}
	l, err := readLog(h, events, o)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%s\n\n", shivizFormat)
	for i := range l.events {
		l.visit(out, i)
	}
	return out.Flush()
}

// hosts are the members of a log.
type hosts struct {
	names []string // as ShiViz takes them: without blanks, each once
	by    map[string]int
}

// log is what is written for ShiViz.
type log struct {
	hosts
	events []logged
	clocks [][]int // of each host, now
}

// logged is an event of the log.
type logged struct {
	trace.Event
	host   int
	text   string
	before int // the one before it of its host; -1: none
	from   int // receive: the sending; -1: not in the log
	state  int
	clock  []int // when it is done
}

// The states of a logged event.
const (
	waiting = iota
	begun
	done
)

// readLog collects the events.
func readLog(h trace.Header, events iter.Seq2[trace.Event, error], o Options) (*log, error) {
	l := &log{hosts: hosts{by: map[string]int{}}}
	var met []string
	meet := func(name string) int {
		i, known := l.by[name]
		if !known {
			met, i = append(met, name), -1
			if len(o.Members) == 0 || slices.Contains(o.Members, name) {
				i = len(l.names)
				l.names = append(l.names, l.host(name))
			}
			l.by[name] = i
		}
		return i
	}
	for _, m := range h.Members {
		meet(m.Name)
	}
	fits := time.Duration(0) // until then there is not too much
	sends, last := map[string]int{}, map[int]int{}
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if o.To > 0 && e.At > o.To {
			break
		}
		if e.Member == "" {
			continue
		}
		host := meet(e.Member)
		text := logText(&e, &o)
		if len(l.names) > maxColumns || len(met) > maxNames {
			return nil, &TooLargeError{Members: true, Most: maxColumns}
		}
		if host < 0 || text == "" || !o.covers(e.At) {
			continue
		}
		if n := len(l.events); n > 0 && e.At > l.events[n-1].At {
			fits = l.events[n-1].At
		}
		if len(l.events) == maxLogged {
			return nil, &TooLargeError{Most: maxLogged, Fits: fits}
		}
		before, follows := last[host]
		if !follows {
			before = -1
		}
		last[host] = len(l.events)
		if e.Kind == trace.KindSend {
			sends[e.Datagram] = len(l.events)
		}
		l.events = append(l.events, logged{Event: e, host: host, text: text, before: before, from: -1})
	}
	for _, name := range o.Members {
		if _, known := l.by[name]; !known {
			return nil, &UnknownMemberError{Name: name, Members: met}
		}
	}
	if len(l.events) == 0 {
		return nil, ErrEmpty
	}
	for i := range l.events {
		if e := &l.events[i]; e.Kind == trace.KindReceive {
			if from, known := sends[e.Datagram]; known {
				e.from = from
			}
		}
	}
	l.clocks = make([][]int, len(l.names))
	return l, nil
}

// host makes a name that ShiViz takes.
func (h *hosts) host(name string) string {
	base := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, plain(name))
	if base == "" {
		base = "_"
	}
	for n, s := 2, base; ; n++ {
		if !slices.Contains(h.names, s) {
			return s
		}
		s = fmt.Sprintf("%s_%d", base, n)
	}
}

// logText says what happens; empty: it is not in the log.
func logText(e *trace.Event, o *Options) string {
	t := o.Words.T
	switch e.Kind {
	case trace.KindSend, trace.KindReceive:
		d := words.D{"Message": name(&e.Message), "Peer": clip(e.Peer, mostText)}
		switch {
		case !o.shows(e.Msg):
			return ""
		case e.Kind == trace.KindSend:
			return t("diagram.log-send", d)
		}
		return t("diagram.log-receive", d)
	case trace.KindView:
		return t("diagram.log-view", words.D{"Hash": clip(e.View, 8), "Members": clip(strings.Join(e.Members, ", "), 200)})
	case trace.KindWrong:
		return t("diagram.wrong", words.D{"Code": clip(e.Code+" "+e.Text, 200)})
	}
	if !o.tells(e) {
		return ""
	}
	text, _ := mark(o.Words, e)
	return text
}

// visit writes an event after all those that happened before it, whatever the order of
// the trace: in one that was put together from several clocks a message can seem to come
// before it is sent.
func (l *log) visit(out io.Writer, i int) {
	e := &l.events[i]
	if e.state != waiting {
		return
	}
	e.state = begun
	if e.before >= 0 {
		l.visit(out, e.before)
	}
	clock := make([]int, len(l.names))
	if e.from >= 0 {
		l.visit(out, e.from)
		if from := &l.events[e.from]; from.state == done { // else it is sent after itself: nonsense
			copy(clock, from.clock)
		}
	}
	for k, n := range l.clocks[e.host] {
		clock[k] = max(clock[k], n)
	}
	clock[e.host]++
	e.clock, e.state, l.clocks[e.host] = clock, done, clock
	known := map[string]int{}
	for k, n := range clock {
		if n > 0 {
			known[l.names[k]] = n
		}
	}
	j, err := json.Marshal(known)
	if err != nil {
		panic(err) // strings and numbers
	}
	datagram := cmp.Or(strings.ReplaceAll(plain(e.Datagram), " ", "_"), "-")
	fmt.Fprintf(out, "%s %s\n%.6f %s %s %s\n", l.names[e.host], j, e.At.Seconds(), e.Kind, datagram, e.text)
}
