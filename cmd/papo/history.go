package main

import (
	"bufio"
	"strconv"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/plain"
	"github.com/papo-chat/papo/internal/ui/report"
	"github.com/papo-chat/papo/internal/ui/words"
)

// historyFlags are the flags of papo history.
type historyFlags struct {
	placeFlags
	dirs   []string
	format string
	filter report.Filter
}

func (p *program) historyFlags(v *historyFlags) *flagSet {
	f := p.newFlags("history")
	*v = historyFlags{format: "text"}
	f.place(&v.placeFlags)
	f.list("replica-dir", "DIR", "want.directory", &v.dirs)
	now := time.Now()
	f.check("since", "", "TIME", p.words.T("want.when"), func(s string) error {
		from, _, ok := report.ParseWhen(s, now)
		v.filter.Since = from
		return wanted(ok)
	})
	f.check("until", "", "TIME", p.words.T("want.when"), func(s string) error {
		_, to, ok := report.ParseWhen(s, now)
		v.filter.Until = to
		return wanted(ok)
	})
	f.list("name", "NAME", "want.text", &v.filter.Names)
	f.text("text", "TEXT", "want.text", &v.filter.Text)
	f.check("last", "", "N", p.words.T("want.number"), func(s string) (err error) {
		v.filter.Last, err = strconv.Atoi(s)
		if err == nil && v.filter.Last < 1 {
			err = errWant
		}
		return err
	})
	f.oneOf("format", &v.format, "text", "jsonl", "md", "html")
	f.Lookup("format").Usage = p.words.T("flag.report-format")
	return f
}

// wanted is the error of a value that is not understood.
func wanted(ok bool) error {
	if ok {
		return nil
	}
	return errWant
}

// history prints the record of a data directory, or a part of it, in the order.
// It needs no network and no lock, and one replica is enough.
func (p *program) history(args []string) int {
	var v historyFlags
	dir, code, done := p.historyFlags(&v).record(args, &v.placeFlags)
	if done {
		return code
	}
	if s, u := v.filter.Since, v.filter.Until; !s.IsZero() && !u.IsZero() && !s.Before(u) {
		return p.fail(exitUsage, p.words.T("error.bad-span"))
	}
	found, info, err := store.Read(store.OS{}, dir, v.dirs)
	if err != nil {
		return p.failStore(dir, err)
	}
	record := turn.NewHistory()
	for _, t := range found.Turns {
		record.Add(t)
	}
	turns := v.filter.Choose(peer.Record(record))

	out := bufio.NewWriter(p.stdout)
	r := &report.Report{
		Words: p.words, Zone: time.Local, Turns: turns, Group: info.Group,
		Total: record.Len(), Missing: record.Missing(), Fingerprint: record.Fingerprint(),
	}
	switch v.format {
	case "md":
		err = r.Markdown(out)
	case "html":
		err = r.HTML(out)
	default:
		show := p.recordPrinter(out, v.format)
		for _, t := range turns {
			show(t)
		}
	}
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return p.fail(exitFailure, p.words.T("error.stdout-closed", words.D{"Detail": err.Error()}))
	}
	return exitOK
}

// recordPrinter returns what prints one turn.
func (p *program) recordPrinter(out *bufio.Writer, format string) func(peer.TurnShown) {
	if format == "jsonl" {
		enc := plain.NewEncoder(ui.Clock{Wall: time.Now()}, p.words)
		return func(t peer.TurnShown) { out.Write(enc.Encode(t)) }
	}
	r := ui.NewRenderer(ui.Look{Words: p.words})
	return func(t peer.TurnShown) {
		for _, l := range r.Lines(t) {
			out.WriteString(l + "\n")
		}
	}
}
