package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

// verifyFlags are the flags of papo verify.
type verifyFlags struct {
	format string
}

func (p *program) verifyFlags(v *verifyFlags) *flagSet {
	f := p.newFlags("verify")
	*v = verifyFlags{format: "text"}
	f.oneOf("format", &v.format, "text", "jsonl")
	return f
}

// verify checks a record file with nothing else at hand. The exit code is 0 only if
// the file is whole.
func (p *program) verify(args []string) int {
	var v verifyFlags
	f := p.verifyFlags(&v)
	if code, done := f.parse(args, 1); done {
		return code
	}
	path := f.Arg(0)
	if path == "" {
		return p.fail(exitUsage, p.words.T("error.no-file", words.D{"Command": "verify record.jsonl"}))
	}
	r, err := p.verifyFile(path, nil)
	if err != nil {
		return p.fail(exitFailure, p.words.T("error.file-unreadable", words.D{"Path": path, "Detail": reason(err)}))
	}
	out := bufio.NewWriter(p.stdout)
	t := &verdict{words: p.words, out: out, path: path, report: r}
	if v.format == "jsonl" {
		t.objects()
	} else {
		t.text()
	}
	if err := out.Flush(); err != nil {
		return p.fail(exitFailure, p.words.T("error.stdout-closed", words.D{"Detail": err.Error()}))
	}
	if !r.Whole() {
		return exitFailure
	}
	return exitOK
}

// verifyFile checks a file; - is standard input.
func (p *program) verifyFile(path string, each func(*turn.Signed)) (*record.Report, error) {
	var in io.ReadCloser = p.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		in = f
	}
	defer in.Close() // it was only read: nothing can be lost
	return record.Verify(in, each)
}

// verdict tells what verifying found.
type verdict struct {
	words  *words.Words
	out    *bufio.Writer
	path   string
	report *record.Report
}

// mostAuthors bounds the keys, and the names that several share, that are told to people.
const mostAuthors = 100

// text tells it to people.
func (v *verdict) text() {
	w, r := v.words, v.report
	d := words.D{"Path": v.path, "Turns": w.N("count.turns", r.Turns)}
	switch {
	case r.Whole():
		v.line(w.T("verify.whole", d))
	case r.Sound():
		v.line(w.N("verify.gaps", r.Missing, d))
	default:
		v.line(w.N("verify.unsound", len(r.Faults)+r.MoreFaults, d))
	}
	v.places()
	if r.Header == nil {
		return
	}
	v.line("")
	v.line(w.T("verify.group", words.D{"Group": fmt.Sprintf("%x", r.Header.Group)}))
	if r.Whole() { // with a gap, equal fingerprints mean nothing
		v.line(w.T("verify.fingerprint", words.D{"Fingerprint": fmt.Sprintf("%x", r.Fingerprint)}))
	}
	v.line(w.T("verify.created", words.D{"Time": moment(r.Header.Created)}))
	if r.Turns > 0 {
		v.authors()
	}
	if r.Sound() {
		v.line("")
		if r.Turns > 0 {
			v.line(w.T("verify.proves"))
		}
		v.line(w.T("verify.proves-not"))
	}
	if r.Whole() {
		v.line(w.T("verify.compare"))
	}
}

// authors tells who signed, when by their clocks.
func (v *verdict) authors() {
	w, r := v.words, v.report
	v.line(w.T("verify.span", words.D{"First": moment(r.First), "Last": moment(r.Last)}))
	v.line("")
	v.line(w.T("verify.authors"))
	for _, a := range r.Authors[:min(len(r.Authors), mostAuthors)] {
		names := strings.Join(a.Names, ", ")
		if a.MoreNames > 0 {
			names += " " + w.N("verify.more-names", a.MoreNames)
		}
		v.line("  " + w.T("verify.author", words.D{
			"Key": a.Key.String(), "Short": a.Key.Short(), "Turns": w.N("count.turns", a.Turns), "Names": names,
		}))
	}
	v.more(len(r.Authors) - mostAuthors)
	if shared := r.Shared(); len(shared) > 0 {
		v.line(w.T("verify.shared", words.D{"Names": w.List(shared[:min(len(shared), mostAuthors)])}))
		v.more(len(shared) - mostAuthors)
	}
}

// places tells what there is to say of single lines.
func (v *verdict) places() {
	w, r := v.words, v.report
	for _, f := range r.Faults {
		v.at(f.Line, v.fault(f))
	}
	v.more(r.MoreFaults)
	for _, g := range r.Gaps {
		v.at(g.Line, w.T("verify.gap", words.D{"ID": g.ID.String()}))
	}
	v.more(r.Missing - len(r.Gaps))
	for _, b := range r.Breaks {
		v.at(b.Line, w.T("verify.broken", words.D{"Key": b.Author.Short()}))
	}
	v.more(r.Broken - len(r.Breaks))
	if r.Newer > 0 {
		v.line("  " + w.N("verify.newer", r.Newer))
	}
}

func (v *verdict) line(s string) { fmt.Fprintln(v.out, s) }

func (v *verdict) at(line int, text string) {
	v.line("  " + v.words.T("verify.at", words.D{"Line": line, "Text": text}))
}

// more tells how many of a kind were left out.
func (v *verdict) more(n int) {
	if n > 0 {
		v.line("  " + v.words.N("verify.more", n))
	}
}

func (v *verdict) fault(f record.Fault) string {
	return v.words.T(words.Key("verify.fault."+string(f.Code)), words.D{"Field": f.Field, "Want": f.Want, "Got": f.Got})
}

func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 -07:00") }

// objects tells it to programs: docs/RECORD-FILE.md.
func (v *verdict) objects() {
	enc := json.NewEncoder(v.out)
	enc.SetEscapeHTML(false)
	object := func(o map[string]any) {
		o["v"] = 1
		if err := enc.Encode(o); err != nil {
			panic(err) // strings, numbers and bools only; the writer keeps its error
		}
	}
	r := v.report
	for _, f := range r.Faults {
		object(map[string]any{"type": "fault", "line": f.Line, "code": f.Code, "field": f.Field, "text": v.fault(f)})
	}
	for _, g := range r.Gaps {
		object(map[string]any{"type": "gap", "line": g.Line, "id": g.ID.String()})
	}
	for _, b := range r.Breaks {
		object(map[string]any{"type": "broken", "line": b.Line, "id": b.ID.String(), "author": b.Author.String()})
	}
	for _, a := range r.Authors {
		object(map[string]any{
			"type": "author", "author": a.Key.String(), "names": a.Names, "more_names": a.MoreNames, "turns": a.Turns,
			"first": a.First.UTC().Format(jsonTime), "last": a.Last.UTC().Format(jsonTime),
		})
	}
	o := map[string]any{
		"type": "verdict", "path": v.path, "whole": r.Whole(), "sound": r.Sound(), "turns": r.Turns,
		"faults": len(r.Faults) + r.MoreFaults, "missing": r.Missing, "broken": r.Broken, "newer": r.Newer,
		"fingerprint": "", "group": "", "created": nil,
	}
	if r.Whole() {
		o["fingerprint"] = fmt.Sprintf("%x", r.Fingerprint)
	}
	if h := r.Header; h != nil {
		o["group"], o["created"] = fmt.Sprintf("%x", h.Group), h.Created.UTC().Format(jsonTime)
	}
	object(o)
}

const jsonTime = "2006-01-02T15:04:05.000Z"
