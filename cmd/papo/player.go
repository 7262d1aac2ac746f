package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/lab"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/story"
	"github.com/papo-chat/papo/internal/ui/words"
)

const (
	// How long people take for a sentence when no speed was asked for.
	readSentence = 600 * time.Millisecond
	readLetter   = 30 * time.Millisecond
	// A longer wait is cut to this.
	mostWait = 2 * time.Second
	// A time of the run in which nothing happens is spoken of from this on.
	silence = time.Second
)

// player tells a run, sentence by sentence, at the pace of a teacher.
type player struct {
	p       *program
	speed   float64 // 0: as people read
	width   int
	step    bool // a key for each step
	atOnce  bool // no waiting at all
	colored bool

	names *regexp.Regexp // of the members
	color map[string]string
	floor heldBy
	shown string        // what was printed last of the floor
	last  time.Duration // the moment of the latest step
	again bool          // what was printed last is that something was lost again
	ended bool          // somebody has had enough
	err   error         // of printing: nothing is printed after it
}

// play tells all of a run. The error is that of the output.
func (o *player) play(sc *lab.Scenario, without broken.Rule, events []trace.Event, r lab.Result) error {
	t := o.p.words.T
	o.paint(&sc.Schedule)
	o.print("%s\n\n%s\n\n", o.bold(o.wrap(t(words.Key("scenario."+sc.Name)), "")), o.wrap(t(words.Key("scenario."+sc.Name+".look")), ""))
	if without != 0 {
		o.print("%s\n\n", o.bold(o.wrap(t("play.without", words.D{"Rule": without.String(), "Sentence": t(words.Key("broken." + without.String()))}), "")))
	}
	if o.step {
		o.print("%s\n\n", o.dim(t("play.keys")))
	}
	o.tell(sc, events)
	if o.ended {
		return o.err
	}
	o.verdict(sc, without, r)
	return o.err
}

// tell tells the events, from the part on that shows the point.
func (o *player) tell(sc *lab.Scenario, events []trace.Event) {
	teller := story.New(o.p.words)
	views := map[string][]string{}
	lost := map[string]int{} // sentences about datagrams: how often
	begun := false
	var healed *story.Line // that the faults end, which matters if anything follows
	var wrong *trace.Event
	for i := range events {
		e := &events[i]
		if wrong != nil && e.At > wrong.At {
			break // what comes then is nobody's lesson
		}
		if e.Kind == trace.KindWrong {
			wrong = e
			continue
		}
		if e.Kind == trace.KindView {
			views[e.Member] = e.Members
		}
		if !begun && e.At >= sc.From {
			begun = true
			o.before(teller, sc, views)
		}
		for _, l := range teller.Tell(*e) {
			if !l.Important || !begun && e.Kind != trace.KindFault {
				continue
			}
			if e.Kind == trace.KindFault && e.Code == "heal" {
				healed = &l
				continue
			}
			if healed != nil {
				o.sentence(teller, *healed)
				healed = nil
			}
			if e.Kind == trace.KindLose {
				lost[l.Text]++
				if lost[l.Text] == 2 && !o.again {
					o.again = true
					o.print("%s%s\n", indent, o.dim(o.p.words.T("play.again")))
				}
				if lost[l.Text] > 1 {
					continue
				}
			}
			o.sentence(teller, l)
			if o.ended || o.err != nil {
				return
			}
		}
		if o.floor.sees(e) && begun {
			o.stands()
		}
	}
	if wrong != nil {
		o.loud(wrong)
	}
}

// before says in one sentence what was before the part that is told.
func (o *player) before(teller *story.Teller, sc *lab.Scenario, views map[string][]string) {
	var run []string
	whole := true
	for i := range sc.Schedule.Members {
		if name := sc.Schedule.Name(i); views[name] != nil {
			run = append(run, name)
		}
	}
	for _, in := range views {
		whole = whole && len(in) == len(run)
	}
	if len(run) > 0 && whole {
		o.print("%s\n", o.wrap(o.p.words.T("play.before", words.D{"Time": teller.Time(sc.From), "Members": o.p.words.List(run)}), ""))
	}
	o.last = sc.From
}

// sentence tells one step, after the time that it takes to come to it.
func (o *player) sentence(teller *story.Teller, l story.Line) {
	if gap := l.At - o.last; gap >= silence {
		o.print("%s%s\n", indent, o.dim(o.p.words.T("play.silence", words.D{"Seconds": o.p.words.Seconds(gap)})))
	}
	o.wait(l)
	if o.ended {
		return
	}
	o.last, o.again = max(o.last, l.At), false
	at := fmt.Sprintf("[%7s s] ", teller.Time(l.At))
	o.print("%s%s\n", o.dim(at), strings.TrimPrefix(o.names.ReplaceAllStringFunc(o.wrap(l.Text, indent), o.member), indent))
}

// indent is as wide as the time before a sentence.
const indent = "            "

// wait lets the time before a step go by, or waits for the key.
func (o *player) wait(l story.Line) {
	switch {
	case o.atOnce:
	case o.step:
		o.ended = o.key()
	case o.speed == 0:
		time.Sleep(readSentence + readLetter*time.Duration(len(l.Text)))
	default:
		time.Sleep(min(mostWait, time.Duration(float64(l.At-o.last)/o.speed)))
	}
}

// stands tells who has the floor and who waits for it, if that has changed.
func (o *player) stands() {
	w := o.p.words
	holds, waits := o.floor.now()
	d := words.D{"Holds": w.List(holds), "Waits": w.List(waits), "Many": len(holds) > 1}
	if text := w.T("play.floor", d); text != o.shown {
		o.shown = text
		o.print("%s%s\n", indent, o.names.ReplaceAllStringFunc(o.bold(text), o.member))
	}
}

// loud tells that a promise is broken.
func (o *player) loud(e *trace.Event) {
	w := o.p.words
	text := w.T("play.broken", words.D{"Promise": w.T(words.Key("play.promise." + e.Code))})
	o.print("\n%s\n\n", o.style("1;7;31", o.wrap(text, "")))
}

// verdict says how it ended, why the rule is there that was missing, and what to do next.
func (o *player) verdict(sc *lab.Scenario, without broken.Rule, r lab.Result) {
	t, rule := o.p.words.T, without.String()
	switch {
	case r.Wrong != nil && without != 0:
		if why, ok := o.why(rule); ok {
			o.print("%s\n\n", o.wrap(t("play.why", words.D{"Why": why}), ""))
		}
		o.next(t("play.next-whole"), "papo lab "+sc.Name)
	case r.Wrong != nil:
		o.print("%s\n", o.wrap(t("play.bug"), ""))
	default:
		o.print("\n%s\n\n", o.bold(o.wrap(t("play.kept", words.D{"Turns": o.p.words.N("count.turns", r.Turns)}), "")))
	}
	if r.Wrong == nil && without != 0 {
		o.print("%s\n", o.wrap(t("play.not-missed", words.D{"Rule": rule}), ""))
		if other := lab.ScenarioOf(without); other != nil {
			o.next(t("play.next-missed"), "papo lab "+other.Name+" --break "+rule)
		}
		return
	}
	for _, b := range sc.Breaks {
		if b != without {
			o.next(t(words.Key("broken."+b.String())), "papo lab "+sc.Name+" --break "+b.String())
		}
	}
	if i := slices.IndexFunc(lab.Scenarios, func(s lab.Scenario) bool { return s.Name == sc.Name }); i+1 < len(lab.Scenarios) {
		after := lab.Scenarios[i+1].Name
		o.next(t(words.Key("scenario."+after)), "papo lab "+after)
	}
}

// why is the reason of a rule, if the catalogue has one.
func (o *player) why(rule string) (string, bool) {
	key := words.Key("broken." + rule + ".why")
	s := o.p.words.T(key)
	return s, s != string(key)
}

// next proposes a command.
func (o *player) next(sentence, command string) {
	o.print("  %s\n%s\n", o.bold(command), o.wrap(sentence, "      "))
}

// paint gives each member a colour.
func (o *player) paint(s *lab.Schedule) {
	var names []string
	o.color = map[string]string{}
	for i := range s.Members {
		names = append(names, regexp.QuoteMeta(s.Name(i)))
		o.color[s.Name(i)] = colors[i%len(colors)]
	}
	o.names = regexp.MustCompile(`\b(` + strings.Join(names, "|") + `)\b`)
}

// print prints, until printing fails once.
func (o *player) print(format string, args ...any) {
	if o.err == nil {
		_, o.err = fmt.Fprintf(o.p.stdout, format, args...)
	}
}

// wrap breaks a sentence into lines, each behind the margin.
func (o *player) wrap(text, margin string) string {
	return margin + strings.ReplaceAll(ansi.Wordwrap(text, o.width-len(margin), ""), "\n", "\n"+margin)
}

func (o *player) member(name string) string {
	return o.style("1;"+o.color[name], name)
}
func (o *player) bold(text string) string { return o.style("1", text) }
func (o *player) dim(text string) string  { return o.style("2", text) }

// style paints a text, line by line.
func (o *player) style(code, text string) string {
	if !o.colored {
		return text
	}
	return "\x1b[" + code + "m" + strings.ReplaceAll(text, "\n", "\x1b[m\n\x1b["+code+"m") + "\x1b[m"
}

// heldBy follows who has the floor and who waits for it. Who stands still or is gone has
// it until the lease ends, as nobody can know better.
type heldBy struct {
	holds []holder
	waits []string
	down  map[string]bool
}

type holder struct {
	name  string
	until time.Duration
}

// sees takes an event and tells whether something may have changed.
func (h *heldBy) sees(e *trace.Event) bool {
	before := len(h.holds)
	h.holds = slices.DeleteFunc(h.holds, func(x holder) bool { return h.down[x.name] && x.until <= e.At })
	changed := before != len(h.holds)
	not := func(name string) bool { return name == e.Member }
	switch e.Kind {
	case trace.KindStart, trace.KindStop, trace.KindPause, trace.KindResume:
		if h.down == nil {
			h.down = map[string]bool{}
		}
		h.down[e.Member] = e.Kind == trace.KindStop || e.Kind == trace.KindPause
		if e.Kind == trace.KindStart || e.Kind == trace.KindStop {
			h.waits = slices.DeleteFunc(h.waits, not)
		}
		if e.Kind == trace.KindStart || e.Kind == trace.KindStop && e.Why == "exit" {
			h.holds = slices.DeleteFunc(h.holds, func(x holder) bool { return x.name == e.Member })
		}
		return true
	case trace.KindFloor:
		switch e.State {
		case "requested":
			if !slices.Contains(h.waits, e.Member) {
				h.waits = append(h.waits, e.Member)
			}
		case "granted", "held", "renewed":
			h.waits = slices.DeleteFunc(h.waits, not)
			i := slices.IndexFunc(h.holds, func(x holder) bool { return x.name == e.Member })
			if i < 0 {
				h.holds = append(h.holds, holder{name: e.Member})
				i = len(h.holds) - 1
			}
			h.holds[i].until = time.Duration(e.Until)
		case "released", "cancelled":
			h.waits = slices.DeleteFunc(h.waits, not)
			h.holds = slices.DeleteFunc(h.holds, func(x holder) bool { return x.name == e.Member })
		default:
			return changed
		}
		return true
	}
	return changed
}

// now tells who has the floor and who waits, in the order of asking.
func (h *heldBy) now() (holds, waits []string) {
	for _, x := range h.holds {
		holds = append(holds, x.name)
	}
	return holds, h.waits
}
