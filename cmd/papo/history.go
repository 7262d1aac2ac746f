package main

import (
	"bufio"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/plain"
	"github.com/papo-chat/papo/internal/ui/report"
	"github.com/papo-chat/papo/internal/ui/words"
)

// historyFlags are the flags of papo history and papo search.
type historyFlags struct {
	placeFlags
	dirs   []string
	format string
	filter report.Filter
	last   int // 0: all
}

// historyFlags makes those of a command. last is what --last is without being given.
func (p *program) historyFlags(command string, v *historyFlags, last int) *flagSet {
	f := p.newFlags(command)
	*v = historyFlags{format: "text", last: last}
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
	if command == "history" {
		f.text("text", "TEXT", "want.text", &v.filter.Text)
	}
	byDefault := ""
	if last > 0 {
		byDefault = strconv.Itoa(last)
	}
	f.check("last", byDefault, "N", p.words.T("want.number"), func(s string) (err error) {
		v.last, err = strconv.Atoi(s)
		if err == nil && v.last < 1 {
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
// It needs no network and no lock, and one replica or the checkpoint is enough.
func (p *program) history(args []string) int {
	var v historyFlags
	dir, code, done := p.historyFlags("history", &v, 0).record(args, &v.placeFlags)
	if done {
		return code
	}
	_, _, code = p.printRecord(dir, &v, "")
	return code
}

// printRecord prints the turns of a record that are wanted, and those with these
// words only if there are any. It gives how many they are, and whether there are more
// than --last lets through. In text and jsonl it has one page in memory; md and html
// are made of all that they show.
func (p *program) printRecord(dir string, v *historyFlags, typed string) (shown int, more bool, code int) {
	if s, u := v.filter.Since, v.filter.Until; !s.IsZero() && !u.IsZero() && !s.Before(u) {
		return 0, false, p.fail(exitUsage, p.words.T("error.bad-span"))
	}
	ctx := context.Background()
	view, err := store.Look(store.Options{Dir: dir, ReplicaDirs: v.dirs, Checkpoint: checkpointOf(dir)})
	if err != nil {
		return 0, false, p.failStore(dir, err)
	}
	defer view.Close() // it was only read
	if typed == "" {
		err = view.Prove(ctx)
	}
	if err == nil {
		shown, more, err = p.printTurns(ctx, newReading(view, v.filter, typed, v.last, v.format == "jsonl"), v.format)
	}
	var closed *plain.WriteError
	switch {
	case err == nil:
		return shown, more, exitOK
	case errors.As(err, &closed):
		code = p.fail(exitFailure, p.words.T("error.stdout-closed", words.D{"Detail": closed.Err.Error()}))
	case errors.Is(err, store.ErrNoWords):
		code = p.fail(exitUsage, p.words.T("error.no-words"))
	default:
		code = p.failed(exitFailure, err)
	}
	return shown, false, code
}

// printTurns prints what a reading gives. The error is a *plain.WriteError if it could
// not be written.
func (p *program) printTurns(ctx context.Context, r *reading, format string) (shown int, more bool, err error) {
	out := bufio.NewWriter(p.stdout)
	flush := func() error {
		if err := out.Flush(); err != nil {
			return &plain.WriteError{Err: err}
		}
		return nil
	}
	if format == "text" || format == "jsonl" {
		show := p.recordPrinter(out, format)
		more, err = r.turns(ctx, func(t peer.TurnShown) {
			shown++
			show(t)
		}, flush)
		return shown, more, err
	}
	var turns []peer.TurnShown
	more, err = r.turns(ctx, func(t peer.TurnShown) { turns = append(turns, t) }, func() error { return nil })
	if err != nil {
		return 0, false, err
	}
	found := r.view.Restored
	doc := &report.Report{
		Words: p.words, Zone: time.Local, Turns: turns, Group: r.view.Group,
		Total: found.Count, Missing: len(found.Missing), Fingerprint: r.view.Fingerprint,
	}
	if format == "md" {
		err = doc.Markdown(out)
	} else {
		err = doc.HTML(out)
	}
	if err != nil {
		return 0, false, &plain.WriteError{Err: err}
	}
	return len(turns), more, flush()
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
