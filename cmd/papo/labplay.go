package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/lab"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/trace/diagram"
	"github.com/papo-chat/papo/internal/ui/words"
)

// playFlags are the flags of papo lab NAME.
type playFlags struct {
	speed   float64 // 1: as it happened; 0: slow enough to read
	step    bool
	without broken.Rule // 0: none
	trace   string      // empty: none
	diagram string      // empty: none
}

func (p *program) playFlags(v *playFlags) *flagSet {
	f := p.newFlags("lab")
	*v = playFlags{}
	t := p.words.T
	take := func(name, kind, want, usage string, set func(string) error) {
		f.VarP(&value{set: set, kind: kind, want: want}, name, "", usage)
	}
	take("speed", "X", t("play.want-speed"), t("play.flag-speed"), func(s string) (err error) {
		v.speed, err = strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
		if err == nil {
			err = wanted(v.speed >= 0.001 && v.speed <= 1000)
		}
		return err
	})
	f.BoolVar(&v.step, "step", false, t("play.flag-step"))
	take("break", "RULE", t("play.want-rule"), t("play.flag-break"), func(s string) error {
		rule, ok := broken.Lookup(s)
		v.without = rule
		return wanted(ok)
	})
	file := func(to *string) func(string) error {
		return func(s string) error {
			*to = s
			return wanted(s != "")
		}
	}
	take("trace", "FILE", t("want.file"), t("play.flag-trace"), file(&v.trace))
	take("diagram", "FILE", t("want.file"), t("play.flag-diagram"), file(&v.diagram))
	return f
}

// labScenario plays a scenario in the terminal. Without a name, the rule that is taken out
// chooses one. The exit code is 1 if a promise is broken though all rules are there.
func (p *program) labScenario(args []string) int {
	var v playFlags
	f := p.playFlags(&v)
	if code, done := f.parse(args, 1); done {
		return code
	}
	sc, code := p.scenario(f.Arg(0), v.without)
	if sc == nil {
		return code
	}
	var events []trace.Event
	o := lab.Options{Trace: func(e trace.Event) { events = append(events, e) }}
	if v.without != 0 {
		o.Without = broken.Of(v.without)
	}
	r := lab.Run(&sc.Schedule, o)
	title := sc.Name
	if v.without != 0 {
		title += " --break " + v.without.String()
	}
	header := lab.Header(&sc.Schedule)
	header.Title = title
	if v.trace != "" {
		if err := writeTrace(v.trace, header, events); err != nil {
			return p.failTrace(v.trace, err)
		}
	}
	if v.diagram != "" {
		if code := p.drawScenario(v.diagram, sc, header, events, r); code != exitOK {
			return code
		}
	}
	err := p.newPlayer(&v).play(sc, v.without, events, r)
	switch {
	case err != nil:
		return p.fail(exitFailure, p.words.T("error.stdout-closed", words.D{"Detail": err.Error()}))
	case r.Wrong != nil && v.without == 0:
		return exitFailure
	}
	return exitOK
}

// scenario finds what is to be played; nil: the command is over, with that code.
func (p *program) scenario(name string, without broken.Rule) (*lab.Scenario, int) {
	t := p.words.T
	switch {
	case name == "" && without == 0:
		return nil, p.fail(exitUsage, t("play.no-name"))
	case name == "":
		if sc := lab.ScenarioOf(without); sc != nil {
			return sc, exitOK
		}
		return nil, p.fail(exitUsage, t("play.no-scenario-of", words.D{"Rule": without.String()}))
	}
	if sc := lab.LookupScenario(name); sc != nil {
		return sc, exitOK
	}
	var names []string
	for _, sc := range lab.Scenarios {
		names = append(names, sc.Name)
	}
	return nil, p.fail(exitUsage, t("play.unknown-name", words.D{"Name": name, "Names": p.words.List(names)}))
}

func writeTrace(path string, h trace.Header, events []trace.Event) error {
	file, err := newTrace(path)
	if err != nil {
		return err
	}
	w, err := trace.NewWriter(file, h)
	for i := 0; err == nil && i < len(events); i++ {
		err = w.Write(events[i])
	}
	if err == nil {
		err = w.Flush()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// drawScenario draws the part of a scenario that shows its point.
func (p *program) drawScenario(path string, sc *lab.Scenario, h trace.Header, events []trace.Event, r lab.Result) int {
	part := diagram.Options{From: sc.From, To: sc.To, Words: p.words}
	if r.Wrong != nil && r.Wrong.At > part.To {
		part.To = 0
	}
	var picture bytes.Buffer // diagram bounds what is drawn
	if err := diagram.Draw(&picture, h, each(events), part); err != nil {
		return p.failDiagram(path, err)
	}
	if err := os.WriteFile(path, picture.Bytes(), 0o644); err != nil {
		return p.fail(exitFailure, p.words.T("error.file-unwritable", words.D{"Path": path, "Detail": reason(err)}))
	}
	return exitOK
}

func each(events []trace.Event) func(yield func(trace.Event, error) bool) {
	return func(yield func(trace.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
	}
}

// labList prints the scenarios, and the rules that can be taken out.
func (p *program) labList() int {
	w, t := &strings.Builder{}, p.words.T
	o := p.newPlayer(&playFlags{})
	fmt.Fprintf(w, "%s\n", o.bold(t("play.list-scenarios")))
	for _, sc := range lab.Scenarios {
		fmt.Fprintf(w, "\n  papo lab %s\n%s\n", o.bold(sc.Name), o.wrap(t(words.Key("scenario."+sc.Name)), "      "))
	}
	fmt.Fprintf(w, "\n%s\n", o.bold(t("play.list-rules")))
	for _, e := range broken.All() {
		name := o.bold(e.Name)
		if e.Of != "" {
			name += " (" + e.Of + ")"
		}
		if sc := lab.ScenarioOf(e.Rule); sc != nil {
			name += ": papo lab " + sc.Name
		}
		fmt.Fprintf(w, "\n  %s\n%s\n", name, o.wrap(t(words.Key("broken."+e.Name)), "      "))
	}
	if _, err := io.WriteString(p.stdout, w.String()); err != nil {
		return p.fail(exitFailure, t("error.stdout-closed", words.D{"Detail": err.Error()}))
	}
	return exitOK
}

// colors are those of members, in the order of the header: all can be read on a dark and
// on a light ground.
var colors = []string{"36", "35", "33", "32", "34", "31"}

// newPlayer looks at the terminal. Without one there are no colours and no waiting.
func (p *program) newPlayer(v *playFlags) *player {
	o := &player{p: p, speed: v.speed, width: 78}
	out := int(p.stdout.Fd())
	if os.Getenv("TERM") == "dumb" || !term.IsTerminal(out) {
		o.atOnce = true
		return o
	}
	if w, _, err := term.GetSize(out); err == nil && w > 40 {
		o.width = min(w-1, 100)
	}
	o.step = v.step && term.IsTerminal(int(p.stdin.Fd()))
	o.atOnce = v.step && !o.step
	old := runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == "" // its console may not know colours
	o.colored = os.Getenv("NO_COLOR") == "" && !old
	return o
}

// key waits for a key and tells whether it is one that ends the play.
func (o *player) key() (quit bool) {
	in := int(o.p.stdin.Fd())
	before, err := term.MakeRaw(in)
	if err != nil {
		return true
	}
	defer term.Restore(in, before) //nolint:errcheck // there is nothing else to do
	var b [16]byte
	n, err := o.p.stdin.Read(b[:])
	const ctrlC, ctrlD, escape = 3, 4, 27
	return err != nil || n == 0 || slices.Contains([]byte{'q', 'Q', ctrlC, ctrlD}, b[0]) || n == 1 && b[0] == escape
}
