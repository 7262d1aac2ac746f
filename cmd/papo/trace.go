package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/story"
	"github.com/papo-chat/papo/internal/ui/words"
)

// trace is papo trace: what can be done with the traces that a chat or a simulation wrote.
func (p *program) trace(args []string) int {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	switch verb {
	case "show":
		return p.traceShow(args)
	case "diagram":
		return p.traceDiagram(args)
	case "-h", "--help":
		p.help(p.stdout)
		return exitOK
	}
	return p.fail(exitUsage, p.words.T("error.trace-what"))
}

// traceFlags are the flags of papo trace show.
type traceFlags struct {
	all      bool
	members  []string
	from, to time.Duration
}

func (p *program) traceFlags(v *traceFlags) *flagSet {
	f := p.newFlags("trace show")
	*v = traceFlags{to: trace.MaxAt}
	f.BoolVar(&v.all, "all", false, p.words.T("flag.all"))
	f.list("member", "NAME", "want.text", &v.members)
	f.moment("from", &v.from)
	f.moment("to", &v.to)
	return f
}

// moment adds a flag that takes a moment of a trace.
func (f *flagSet) moment(name string, to *time.Duration) {
	f.check(name, "", "T", f.p.words.T("want.moment"), func(s string) (err error) {
		*to, err = parseMoment(s)
		return err
	})
}

// parseMoment reads a moment of a trace: seconds, with a point or a comma, or a time
// with its unit.
func parseMoment(s string) (time.Duration, error) {
	if sec, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64); err == nil {
		if !(sec >= 0 && sec <= trace.MaxAt.Seconds()) { // NaN, too
			return 0, errWant
		}
		return time.Duration(math.Round(sec * float64(time.Second))), nil
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = errWant
	}
	return d, err
}

// traceShow prints a trace, or those of several members of one chat together, in
// sentences. What is before a damaged line is printed; the exit code is 1 then.
func (p *program) traceShow(args []string) int {
	var v traceFlags
	f := p.traceFlags(&v)
	if code, done := f.parse(args, trace.MaxMerged); done {
		return code
	}
	if f.NArg() == 0 {
		return p.fail(exitUsage, p.words.T("error.no-file", words.D{"Command": "trace show ana.trace"}))
	}
	t, code := p.openTraces(f.Args())
	if t == nil {
		return code
	}
	defer t.close() // they were only read
	out := bufio.NewWriter(p.stdout)
	failed := p.tellTrace(t, &v, out)
	if err := out.Flush(); err != nil {
		return p.fail(exitFailure, p.words.T("error.stdout-closed", words.D{"Detail": err.Error()}))
	}
	if failed != nil {
		return t.fail(failed)
	}
	return exitOK
}

// tellTrace prints a trace; the error is that of reading.
func (p *program) tellTrace(t *traces, v *traceFlags, out *bufio.Writer) error {
	fmt.Fprintln(out, p.traceTitle(t.header))
	teller := story.New(p.words)
	for e, err := range t.events {
		if err != nil {
			return err
		}
		for _, l := range teller.Tell(e) {
			who := []string{l.Member, e.Peer}
			if l.Member != turn.Clean(e.Member) { // the end of somebody else's lease
				who = who[:1]
			}
			wanted := len(v.members) == 0 || slices.ContainsFunc(who, func(m string) bool { return slices.Contains(v.members, m) })
			if wanted && (l.Important || v.all) && l.At >= v.from && l.At <= v.to {
				fmt.Fprintf(out, "[%8s s] %s\n", teller.Time(l.At), l.Text)
			}
		}
		if t.live {
			if err := out.Flush(); err != nil {
				return nil // it is told by the last Flush, too
			}
		}
	}
	return nil
}

// traceTitle says what a trace is of.
func (p *program) traceTitle(h trace.Header) string {
	const most = 64
	var members []string
	for _, m := range h.Members[:min(len(h.Members), most)] {
		members = append(members, m.Name)
	}
	if len(h.Members) > most {
		members = append(members, "…")
	}
	d := words.D{"Title": h.Title, "Members": p.words.List(members), "Seed": "", "Date": p.words.Date(h.Wall.Local()), "Time": h.Wall.Local().Format("15:04:05")}
	if h.Seed != nil {
		d["Seed"] = strconv.FormatUint(*h.Seed, 10)
	}
	text := p.words.T("trace.of-chat", d)
	if h.Source == trace.SourceLab {
		text = p.words.T("trace.of-lab", d)
	}
	return strings.ReplaceAll(turn.Clean(text), "\n", " ")
}

// traces are the files of one command, as one trace.
type traces struct {
	p      *program
	paths  []string
	files  []*os.File
	header trace.Header
	events iter.Seq2[trace.Event, error]
	live   bool // standard input: it may still be written
}

// openTraces opens trace files; one - alone is standard input. nil: the command is
// over, with that code.
func (p *program) openTraces(paths []string) (*traces, int) {
	t := &traces{p: p, paths: paths}
	var err error
	if len(paths) == 1 {
		in := p.stdin
		if t.live = paths[0] == "-"; !t.live {
			if in, err = os.Open(paths[0]); err != nil {
				return nil, t.fail(err)
			}
			t.files = append(t.files, in)
		}
		t.header, t.events, err = trace.Read(in)
	} else {
		var all []io.ReadSeeker
		for i, path := range paths {
			f, err := os.Open(path)
			if err != nil {
				t.close()
				return nil, t.fail(&trace.FileError{File: i, Err: err})
			}
			t.files, all = append(t.files, f), append(all, f)
		}
		t.header, t.events, err = trace.Merge(all...)
	}
	if err != nil {
		t.close()
		return nil, t.fail(err)
	}
	return t, 0
}

func (t *traces) close() {
	for _, f := range t.files {
		_ = f.Close() // it was only read
	}
}

// fail says why a trace cannot be read, or not further.
func (t *traces) fail(err error) int {
	w, path := t.p.words, t.paths[0]
	var file *trace.FileError
	var line *trace.LineError
	if errors.As(err, &file) {
		path = t.paths[file.File]
	}
	switch {
	case errors.Is(err, trace.ErrNoTrace):
		return t.p.fail(exitFailure, w.T("error.trace-none", words.D{"Path": path}))
	case errors.Is(err, trace.ErrNewer):
		return t.p.fail(exitFailure, w.T("error.trace-newer", words.D{"Path": path}))
	case errors.Is(err, trace.ErrNotMerged):
		return t.p.fail(exitUsage, w.T("error.trace-alone", words.D{"Path": path}))
	case errors.As(err, &line):
		return t.p.fail(exitFailure, w.T("error.trace-line", words.D{"Path": path, "Line": line.Line, "Detail": turn.Clean(line.Err.Error())}))
	}
	return t.p.fail(exitFailure, w.T("error.file-unreadable", words.D{"Path": path, "Detail": reason(err)}))
}

// newTrace makes the file of a chat's trace, for its owner alone. One that is there is
// replaced if it is a trace, or empty; anything else is left alone: fs.ErrExist. What is
// no file, as a pipe, is written to.
func newTrace(path string) (*os.File, error) {
	create := func() (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) }
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return create()
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return os.OpenFile(path, os.O_WRONLY, 0)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, err
	}
	old, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	_, _, err = trace.Read(old)
	_ = old.Close() // it was only read
	if err != nil && info.Size() > 0 && !errors.Is(err, trace.ErrNewer) {
		return nil, &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	if err := os.Remove(path); err != nil {
		return nil, err
	}
	return create()
}

// failTrace says why the trace of a chat cannot be begun.
func (p *program) failTrace(path string, err error) int {
	if errors.Is(err, fs.ErrExist) {
		return p.fail(exitFailure, p.words.T("error.trace-exists", words.D{"Path": path}))
	}
	return p.fail(exitFailure, p.words.T("error.file-unwritable", words.D{"Path": path, "Detail": reason(err)}))
}
