package main

import (
	"bytes"
	"errors"
	"os"
	"strconv"
	"time"

	"github.com/papo-chat/papo/internal/trace/diagram"
	"github.com/papo-chat/papo/internal/ui/words"
)

// diagramFlags are the flags of papo trace diagram.
type diagramFlags struct {
	out    string
	format string
	part   diagram.Options
}

func (p *program) diagramFlags(v *diagramFlags) *flagSet {
	f := p.newFlags("trace diagram")
	*v = diagramFlags{out: "-", format: "svg", part: diagram.Options{Words: p.words}}
	t := p.words.T
	take := func(name, short, byDefault, kind, want, usage string, set func(string) error) {
		f.VarP(&value{set: set, text: byDefault, kind: kind, want: want}, name, short, usage)
	}
	take("out", "o", v.out, "FILE", t("want.text"), t("diagram.flag-out"), func(s string) error {
		v.out = s
		return wanted(s != "")
	})
	f.oneOf("format", &v.format, "svg", "shiviz")
	f.Lookup("format").Usage = t("diagram.flag-format")
	moment := func(to *time.Duration) func(string) error {
		return func(s string) (err error) {
			*to, err = parseMoment(s)
			return err
		}
	}
	take("from", "", "", "TIME", t("diagram.want-time"), t("diagram.flag-from"), moment(&v.part.From))
	take("to", "", "", "TIME", t("diagram.want-time"), t("diagram.flag-to"), moment(&v.part.To))
	take("member", "", "", "NAME", t("want.text"), t("diagram.flag-member"), func(s string) error {
		v.part.Members = append(v.part.Members, s)
		return nil
	})
	take("message", "", "", "KIND", t("want.text"), t("diagram.flag-message"), func(s string) error {
		v.part.Messages = append(v.part.Messages, s)
		return nil
	})
	f.BoolVar(&v.part.All, "all", false, t("diagram.flag-all"))
	return f
}

// traceDiagram draws a trace. The picture is written when it is whole: after an error
// the file is what it was.
func (p *program) traceDiagram(args []string) int {
	var v diagramFlags
	f := p.diagramFlags(&v)
	if code, done := f.parse(args, 1); done {
		return code
	}
	w, path := p.words, f.Arg(0)
	if path == "" {
		return p.fail(exitUsage, w.T("error.no-file", words.D{"Command": "trace diagram trace.jsonl -o out.svg"}))
	}
	if v.part.To != 0 && v.part.To < v.part.From {
		return p.fail(exitUsage, w.T("diagram.bad-span"))
	}
	in, code := p.openTraces([]string{path})
	if in == nil {
		return code
	}
	defer in.close()
	draw := diagram.Draw
	if v.format == "shiviz" {
		draw = diagram.Log
	}
	var picture bytes.Buffer // diagram bounds what is drawn
	if err := draw(&picture, in.header, in.events, v.part); err != nil {
		return p.failDiagram(path, err)
	}
	if v.out == "-" {
		if _, err := p.stdout.Write(picture.Bytes()); err != nil {
			return p.fail(exitFailure, w.T("error.stdout-closed", words.D{"Detail": err.Error()}))
		}
	} else if err := os.WriteFile(v.out, picture.Bytes(), 0o644); err != nil {
		return p.fail(exitFailure, w.T("error.file-unwritable", words.D{"Path": v.out, "Detail": reason(err)}))
	}
	return exitOK
}

// failDiagram says why there is no picture, and what would help.
func (p *program) failDiagram(path string, err error) int {
	w := p.words
	var large *diagram.TooLargeError
	var unknown *diagram.UnknownMemberError
	switch {
	case errors.Is(err, diagram.ErrEmpty):
		return p.fail(exitFailure, w.T("diagram.empty", words.D{"Path": path}))
	case errors.As(err, &unknown):
		return p.fail(exitUsage, w.T("diagram.unknown-member", words.D{"Name": unknown.Name, "Members": w.List(unknown.Members)}))
	case errors.As(err, &large) && large.Members:
		return p.fail(exitFailure, w.T("diagram.too-many-members", words.D{"Most": large.Most}))
	case errors.As(err, &large):
		fits := strconv.FormatFloat(large.Fits.Truncate(time.Microsecond).Seconds(), 'f', -1, 64)
		return p.fail(exitFailure, w.T("diagram.too-large", words.D{"Most": w.Number(large.Most), "To": fits}))
	}
	return p.fail(exitFailure, w.T("error.file-unreadable", words.D{"Path": path, "Detail": reason(err)}))
}
