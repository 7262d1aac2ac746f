package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/lab"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

const (
	// longRun is how many seeds have to reach everything that a run can reach.
	longRun = 10_000
	// toldWrong is how many seeds that break a promise are told one by one, made small.
	toldWrong = 10
	// labProgress is how often a long run says how far it is.
	labProgress = time.Second
	maxSchedule = 16 << 20 // bytes of a schedule file
)

// lab is papo lab: simulations. A name, or flags alone, play a scenario.
func (p *program) lab(args []string) int {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch verb {
	case "run":
		return p.labRun(args[1:])
	case "list":
		return p.labList()
	case "-h", "--help":
		p.help(p.stdout)
		return exitOK
	case "":
		return p.fail(exitUsage, p.words.T("error.lab-what"))
	}
	return p.labScenario(args)
}

// labFlags are the flags of papo lab run.
type labFlags struct {
	first, n uint64
	cut      lab.Cut
	without  []broken.Rule
	trace    string
	schedule string
	save     string
	print    bool
	shrink   bool
}

func (p *program) labFlags(v *labFlags) *flagSet {
	f := p.newFlags("lab run")
	t := p.words.T
	*v = labFlags{n: 1}
	f.check("seed", "0", "N", t("want.seed"), func(s string) (err error) {
		v.first, err = strconv.ParseUint(s, 10, 64)
		v.n = 1
		return err
	})
	f.check("seeds", "", "A-B", t("want.seeds"), func(s string) (err error) {
		v.first, v.n, err = parseSeeds(s)
		return err
	})
	f.check("members", "", "N", t("want.count", words.D{"Min": 1, "Max": lab.MaxMembers}), func(s string) (err error) {
		if v.cut.Members, err = strconv.Atoi(s); err == nil && (v.cut.Members < 1 || v.cut.Members > lab.MaxMembers) {
			err = errWant
		}
		return err
	})
	f.check("ops", "", "LIST", t("want.places"), func(s string) (err error) {
		v.cut.Ops, err = lab.ParsePlaces(s)
		return err
	})
	f.check("until", "", "D", t("want.duration"), func(s string) (err error) {
		if v.cut.Until, err = time.ParseDuration(s); err == nil && (v.cut.Until <= 0 || v.cut.Until > lab.MaxUntil) {
			err = errWant
		}
		return err
	})
	f.check("plain", "", "LIST", t("want.some-of", words.D{"Values": strings.Join(lab.Plains(), ", ")}), func(s string) error {
		v.cut.Plain = strings.Split(s, ",")
		for _, name := range v.cut.Plain {
			if !slices.Contains(lab.Plains(), name) {
				return errWant
			}
		}
		return nil
	})
	f.BoolVar(&v.cut.Lines, "short-lines", false, t("flag.short-lines"))
	f.check("break", "", "RULE", t("want.rule"), func(s string) error {
		r, ok := broken.Lookup(s)
		if !ok {
			return errWant
		}
		v.without = append(v.without, r)
		return nil
	})
	f.text("trace", "FILE", "want.text", &v.trace)
	f.text("schedule", "FILE", "want.text", &v.schedule)
	f.BoolVar(&v.print, "print", false, t("flag.print"))
	f.BoolVar(&v.shrink, "shrink", false, t("flag.shrink"))
	f.text("save", "FILE", "want.text", &v.save)
	return f
}

// parseSeeds reads A-B, both included, or N: from 0 on so many.
func parseSeeds(s string) (first, n uint64, err error) {
	from, to, ranged := strings.Cut(s, "-")
	if !ranged {
		n, err = strconv.ParseUint(s, 10, 64)
		if err == nil && n == 0 {
			err = errWant
		}
		return 0, n, err
	}
	first, err = strconv.ParseUint(from, 10, 64)
	last, err2 := strconv.ParseUint(to, 10, 64)
	if err := errors.Join(err, err2); err != nil || last < first || last-first == 1<<64-1 {
		return 0, 0, errWant
	}
	return first, last - first + 1, nil
}

func (p *program) labRun(args []string) int {
	var v labFlags
	f := p.labFlags(&v)
	if code, done := f.parse(args, 0); done {
		return code
	}
	o := lab.Options{Without: broken.Of(v.without...)}
	if v.n > 1 {
		return p.labMany(&v, o)
	}
	s := lab.Generate(v.first, lab.Plan{})
	if v.schedule != "" {
		var err error
		if s, err = readSchedule(v.schedule); err != nil {
			return p.fail(exitFailure, p.words.T("error.file-unreadable", words.D{"Path": v.schedule, "Detail": reason(err)}))
		}
	}
	return p.labOne(v.cut.Apply(s), &v, o)
}

// readSchedule reads a schedule from a file of JSON.
func readSchedule(path string) (*lab.Schedule, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // it was only read
	s := &lab.Schedule{}
	d := json.NewDecoder(io.LimitReader(f, maxSchedule))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil {
		return nil, err
	}
	return s, s.Check()
}

// labOne runs one schedule.
func (p *program) labOne(s *lab.Schedule, v *labFlags, o lab.Options) int {
	if v.print {
		fmt.Fprint(p.stdout, s)
	}
	var file *os.File
	if v.trace != "" {
		var err error
		if file, err = newTrace(v.trace); err != nil {
			return p.failTrace(v.trace, err)
		}
	}
	r, err := p.labTraced(s, o, file)
	if err != nil {
		return p.fail(exitFailure, p.words.T("error.file-unwritable", words.D{"Path": v.trace, "Detail": reason(err)}))
	}
	kept, code := s, exitOK
	if r.Wrong == nil {
		fmt.Fprintln(p.stdout, p.words.T("lab.kept", words.D{"Turns": r.Turns, "Steps": r.Steps, "Time": r.Passed.Round(time.Millisecond).String()}))
	} else {
		code = exitFailure
		fmt.Fprintln(p.stdout, p.labWrong(r.Wrong))
		if v.shrink {
			kept = p.labShrink(s, v, o)
		}
	}
	if v.save != "" {
		if err := saveSchedule(v.save, kept); err != nil {
			return p.fail(exitFailure, p.words.T("error.file-unwritable", words.D{"Path": v.save, "Detail": reason(err)}))
		}
	}
	return code
}

// labShrink makes a schedule that breaks a promise small, and shows what is left.
func (p *program) labShrink(s *lab.Schedule, v *labFlags, o lab.Options) *lab.Schedule {
	c, r := lab.Shrink(s, o, nil)
	small := c.Apply(s)
	fmt.Fprintln(p.stdout, p.words.T("lab.small", words.D{"Count": len(small.Ops)}))
	fmt.Fprint(p.stdout, small)
	fmt.Fprintln(p.stdout, p.labWrong(r.Wrong))
	if v.schedule == "" && v.cut.String() == "" {
		fmt.Fprintln(p.stdout, p.labRepeat(s.Seed, c, v))
	}
	return small
}

// saveSchedule writes a schedule to a new file, as readSchedule reads it.
func saveSchedule(path string, s *lab.Schedule) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Close())
}

// labTraced runs a schedule, and writes its trace to a file, if there is one.
func (p *program) labTraced(s *lab.Schedule, o lab.Options, file *os.File) (lab.Result, error) {
	if file == nil {
		return lab.Run(s, o), nil
	}
	buffer := bufio.NewWriter(file)
	w, err := trace.NewWriter(buffer, lab.Header(s))
	if err != nil {
		return lab.Result{}, errors.Join(err, file.Close())
	}
	o.Trace = func(e trace.Event) {
		if err == nil {
			err = w.Write(e)
		}
	}
	r := lab.Run(s, o)
	return r, errors.Join(err, w.Flush(), buffer.Flush(), file.Close())
}

// labWrong says which promise was broken, when and how.
func (p *program) labWrong(v *lab.Wrong) string {
	return p.words.T("lab.wrong", words.D{
		"Promise": p.words.T(words.Key("lab.promise." + v.Promise)), "Time": v.At.Round(time.Microsecond).String(), "Detail": v.Text,
	})
}

// labRepeat is the command that repeats a seed, cut.
func (p *program) labRepeat(seed uint64, c lab.Cut, v *labFlags) string {
	parts := []string{"papo lab run --seed", strconv.FormatUint(seed, 10)}
	for _, r := range v.without {
		parts = append(parts, "--break", r.String())
	}
	if flags := c.String(); flags != "" {
		parts = append(parts, flags)
	}
	return strings.Join(parts, " ")
}

// labMany runs many seeds, and says what came of them.
func (p *program) labMany(v *labFlags, o lab.Options) int {
	if v.trace != "" || v.schedule != "" || v.save != "" || v.cut.String() != "" || v.print || v.shrink {
		return p.fail(exitUsage, p.words.T("error.lab-one"))
	}
	debug.SetGCPercent(400) // runs are short, and leave all of their memory
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	began, told, steps, turns := time.Now(), time.Now(), 0, 0
	counts, wrong := lab.Counts{}, uint64(0)
	tty := false
	if f, ok := p.stderr.(*os.File); ok {
		tty = term.IsTerminal(int(f.Fd()))
	}
	done := uint64(0)
	progress := func(end string) {
		if tty {
			fmt.Fprint(p.stderr, "\r"+p.words.T("lab.progress", words.D{
				"Done": done, "All": v.n, "Rate": fmt.Sprintf("%.0f", float64(done)/time.Since(began).Seconds()), "Wrong": wrong,
			})+end)
		}
	}
	lab.Many(ctx, v.first, v.n, lab.Plan{}, o, func(out lab.Outcome) bool {
		done++
		counts.Add(out.Some)
		steps, turns = steps+out.Steps, turns+out.Turns
		if out.Wrong != nil {
			wrong++
			if wrong <= toldWrong {
				progress("\n")
				fmt.Fprintln(p.stdout, p.words.T("lab.seed", words.D{"Seed": strconv.FormatUint(out.Seed, 10)})+" "+p.labWrong(out.Wrong))
				c, _ := lab.Shrink(lab.Generate(out.Seed, lab.Plan{}), o, nil)
				fmt.Fprintln(p.stdout, "  "+p.labRepeat(out.Seed, c, v))
			}
		}
		if time.Since(told) > labProgress {
			told = time.Now()
			progress("")
		}
		return true
	})
	progress("\n")
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(p.stdout, "%12d  %s\n", counts[name], name)
	}
	took := time.Since(began)
	fmt.Fprintln(p.stdout, p.words.T("lab.sum", words.D{
		"Count": int(done), "Turns": turns, "Steps": steps, "Time": took.Round(time.Second).String(),
		"Rate": fmt.Sprintf("%.0f", float64(done)/took.Seconds()), "Wrong": int(wrong),
	}))
	code := exitOK
	if never := counts.Never(); len(never) > 0 {
		var names []string
		for _, s := range never {
			names = append(names, string(s))
		}
		fmt.Fprintln(p.stdout, p.words.T("lab.never", words.D{"Names": strings.Join(names, "; ")}))
		if done >= longRun && len(v.without) == 0 {
			code = exitFailure
		}
	}
	if wrong > 0 {
		code = exitFailure
	}
	if ctx.Err() != nil && code == exitOK {
		code = 130 // Ctrl-C: not all seeds were run: nothing wrong says little
	}
	return code
}
