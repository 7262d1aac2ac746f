package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/ui/words"
)

// fileFlags are the flags of the commands that take a record from a directory to a
// file or back.
type fileFlags struct {
	placeFlags
	dirs []string
}

func (p *program) fileFlags(command string, v *fileFlags) *flagSet {
	f := p.newFlags(command)
	*v = fileFlags{}
	f.place(&v.placeFlags)
	f.list("replica-dir", "DIR", "want.directory", &v.dirs)
	return f
}

// recordFile reads the arguments NAME FILE, or FILE with --data; done is as for
// parse. name is empty if none was given.
func (f *flagSet) recordFile(args []string, v *placeFlags, usage string) (name, dir, file string, code int, done bool) {
	if code, done = f.parse(args, 2); done {
		return "", "", "", code, true
	}
	if v.data == "" || f.NArg() == 2 {
		if name, code, done = f.member(); done {
			return "", "", "", code, true
		}
	}
	if file = f.Arg(f.NArg() - 1); f.NArg() == 0 || f.NArg() == 1 && v.data == "" || file == "" {
		return "", "", "", f.p.fail(exitUsage, f.p.words.T("error.no-file", words.D{"Command": usage})), true
	}
	return name, v.dir(name), file, 0, false
}

// export writes the record of a data directory as one file, with all signatures. It
// needs no network and no lock, and one replica or the checkpoint is enough. What the
// checkpoint has is in memory a page at a time.
func (p *program) export(args []string) int {
	var v fileFlags
	w := p.words
	_, dir, path, code, done := p.fileFlags("export", &v).recordFile(args, &v.placeFlags, "export ana record.jsonl")
	if done {
		return code
	}
	view, err := store.Look(store.Options{Dir: dir, ReplicaDirs: v.dirs, Checkpoint: checkpointOf(dir)})
	if err != nil {
		return p.failStore(dir, err)
	}
	defer view.Close() // it was only read
	ctx := context.Background()
	if err := view.Prove(ctx); err != nil {
		return p.failed(exitFailure, err)
	}
	for _, r := range view.Restored.Replicas {
		if len(r.Damaged) > 0 {
			p.fail(exitOK, w.T("export.damaged", words.D{"Path": r.Path}))
		}
	}
	h := record.Header{
		Group: view.Group, Turns: view.Restored.Count, Missing: len(view.Restored.Missing),
		Fingerprint: view.Fingerprint, Created: time.Now(),
	}
	write := func(to io.Writer) error { return record.Write(to, h, view.All(ctx)) }
	say := io.Writer(p.stdout)
	if path == "-" {
		if err := write(p.stdout); err != nil {
			return p.fail(exitFailure, w.T("error.stdout-closed", words.D{"Detail": err.Error()}))
		}
		say = p.stderr
	} else if err := writeNew(path, write); err != nil {
		if os.IsExist(err) {
			return p.fail(exitFailure, w.T("error.file-exists", words.D{"Path": path}))
		}
		return p.fail(exitFailure, w.T("error.file-unwritable", words.D{"Path": path, "Detail": reason(err)}))
	}
	fmt.Fprintln(say, w.T("export.done", words.D{
		"Turns": w.N("count.turns", h.Turns), "Path": path, "Fingerprint": fmt.Sprintf("%x", h.Fingerprint),
	}))
	if h.Missing > 0 {
		p.fail(exitOK, w.N("export.missing", h.Missing))
	}
	return exitOK
}

// writeNew makes a file that is not there yet, for its owner alone, and durable. After
// an error it is not there.
func writeNew(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(path) // the error that is told is the first
	}
	return err
}
