package main

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/papo-chat/papo/internal/node"
	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/plain"
	"github.com/papo-chat/papo/internal/ui/words"
)

// replicasFlags are the flags of papo replicas.
type replicasFlags struct {
	placeFlags
	dirs     []string
	replicas int
	format   string
}

func (p *program) replicasFlags(v *replicasFlags) *flagSet {
	f := p.newFlags("replicas")
	*v = replicasFlags{replicas: store.DefaultReplicas, format: "text"}
	f.place(&v.placeFlags)
	f.count("replicas", &v.replicas)
	f.list("replica-dir", "DIR", "want.directory", &v.dirs)
	f.oneOf("format", &v.format, "text", "jsonl")
	return f
}

// replicasOf is papo replicas check and papo replicas repair. check needs no lock,
// so it can be asked while a chat goes on. The exit code is 1 if anything is amiss
// in the end: a replica that is damaged, missing or different, or a damaged
// checkpoint. One that is not there is nothing amiss: the next start makes it.
func (p *program) replicasOf(args []string) int {
	if len(args) == 0 || args[0] != "check" && args[0] != "repair" {
		if len(args) > 0 && (args[0] == "-h" || args[0] == "--help") {
			p.help(p.stdout)
			return exitOK
		}
		return p.fail(exitUsage, p.words.T("error.replicas-what"))
	}
	var v replicasFlags
	dir, code, done := p.replicasFlags(&v).record(args[1:], &v.placeFlags)
	if done {
		return code
	}
	o := store.Options{Dir: dir, ReplicaDirs: v.dirs, Replicas: v.replicas, Checkpoint: checkpointOf(dir)}
	var report *store.Report
	var err error
	if args[0] == "repair" {
		report, err = store.Repair(context.Background(), o) // a kill in the middle loses nothing
	} else {
		report, err = store.Check(o)
	}
	if err != nil {
		return p.failStore(dir, err)
	}
	if err := p.printReport(report, v.format == "jsonl"); err != nil {
		return p.fail(exitFailure, p.words.T("error.stdout-closed", words.D{"Detail": err.Error()}))
	}
	if !report.Healthy() || !report.Checkpoint.Healthy() {
		return exitFailure
	}
	return exitOK
}

// printReport prints what /sync would say of the replicas, and each damaged place.
func (p *program) printReport(report *store.Report, json bool) error {
	out := bufio.NewWriter(p.stdout)
	clock := ui.Clock{Wall: time.Now()}
	e := node.LocalReport(peer.At(clock.Boot), report, report.Fingerprint)
	if json {
		out.Write(plain.NewEncoder(clock, p.words).Encode(e))
		return out.Flush()
	}
	for _, r := range report.Replicas {
		for _, d := range r.Damaged {
			out.WriteString(p.words.T("replicas.damage", words.D{"Path": r.Path, "Line": d.Line, "Offset": d.Offset}) + "\n")
		}
		if r.MoreDamaged > 0 {
			out.WriteString(p.words.N("replicas.damage-more", r.MoreDamaged) + "\n")
		}
		for _, from := range r.From {
			out.WriteString(p.words.T("replicas.from", words.D{"Path": r.Path, "Turns": p.words.N("count.turns", from.Turns), "From": from.Path}) + "\n")
		}
		switch {
		case errors.Is(r.Err, fs.ErrNotExist):
			out.WriteString(p.words.T("replicas.gone", words.D{"Path": r.Path}) + "\n")
		case r.Err != nil:
			out.WriteString(p.words.T("replicas.error", words.D{"Path": r.Path, "Detail": r.Err.Error()}) + "\n")
		}
	}
	if c := report.Checkpoint; c.Err != nil {
		out.WriteString(p.checkpointSentence(c.Path, c.Err, c.Repaired, c.Aside) + "\n")
	}
	for _, l := range ui.NewRenderer(ui.Look{Words: p.words, Verbose: true}).Lines(e) {
		out.WriteString(l + "\n")
	}
	return out.Flush()
}

// checkpointSentence says what was wrong with a checkpoint, and what became of it.
func (p *program) checkpointSentence(path string, problem error, repaired bool, aside string) string {
	d := words.D{"Path": path, "Detail": problem.Error(), "Aside": aside}
	switch {
	case repaired:
		return p.words.T("replicas.checkpoint-anew", d)
	case errors.Is(problem, store.ErrCheckpoint):
		return p.words.T("replicas.checkpoint-damaged", d)
	}
	return p.words.T("replicas.checkpoint-error", d)
}
