package main

import (
	"bufio"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/plain"
	"github.com/papo-chat/papo/internal/ui/words"
)

// historyFlags are the flags of papo history.
type historyFlags struct {
	placeFlags
	dirs   []string
	format string
}

func (p *program) historyFlags(v *historyFlags) *flagSet {
	f := p.newFlags("history")
	*v = historyFlags{format: "text"}
	f.place(&v.placeFlags)
	f.list("replica-dir", "DIR", "want.directory", &v.dirs)
	f.oneOf("format", &v.format, "text", "jsonl")
	return f
}

// history prints the record of a data directory, in the order. It needs no
// network and no lock, and one replica is enough.
func (p *program) history(args []string) int {
	var v historyFlags
	dir, code, done := p.historyFlags(&v).record(args, &v.placeFlags)
	if done {
		return code
	}
	found, _, err := store.Read(store.OS{}, dir, v.dirs)
	if err != nil {
		return p.failStore(dir, err)
	}
	out := bufio.NewWriter(p.stdout)
	show := p.recordPrinter(out, v.format)
	record := turn.NewHistory()
	for _, t := range found.Turns {
		record.Add(t)
	}
	for _, e := range peer.Record(record) {
		show(e)
	}
	if err := out.Flush(); err != nil {
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
