package record

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/papo-chat/papo/internal/turn"
)

// Verify reads a file to its end and checks all of it: header, every signature and
// id, that the bytes are canonical, that what people read is what was signed, links,
// stamps, order, heads, fingerprint, end. What is wrong with the file is in the
// report; the error is one of reading, and then there is none.
//
// If each is not nil it gets every turn with a good signature, once, in the order of
// the file, before it is known whether the file is sound. Apart from what each
// keeps, memory grows by some 200 bytes a turn, and by at most 3 KB, however long the
// lines are.
func Verify(r io.Reader, each func(*turn.Signed)) (*Report, error) {
	return verify(r, each, turn.Parse)
}

// verify is Verify; parse is turn.Parse or stands for it.
func verify(r io.Reader, each func(*turn.Signed), parse parser) (*Report, error) {
	v := &verifier{
		in: bufio.NewReaderSize(r, 1<<16), sum: sha256.New(), parse: parse,
		links: newLinks(), authors: newAuthors(), each: each,
	}
	if err := v.run(); err != nil {
		return nil, err
	}
	v.conclude()
	return &v.report, nil
}

// The lines that are checked at a time, by all processors.
const (
	batchLines = 256
	batchBytes = 1 << 20
)

// parser reads a signed turn and checks it: see turn.Parse.
type parser func(turn.GroupID, []byte) (*turn.Signed, error)

type verifier struct {
	in      *bufio.Reader
	parse   parser
	sum     hash.Hash // of the lines before the end
	report  Report
	links   *links
	authors *authors
	each    func(*turn.Signed)

	line  int       // lines read
	turns int       // of them, those of turns, or what stands in their place
	last  turn.Item // of the last turn
	ended bool      // the end was read, or checking is over
}

// row is one line, with its newline, and what was found of it.
type row struct {
	line int
	raw  []byte
	long bool // it is too long, and raw is empty
	cut  bool // the file ends before its newline

	s     *turn.Signed
	fault Fault
}

// run reads the file. Errors of reading end it.
func (v *verifier) run() error {
	first, err := v.read()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !v.header(first) {
		v.ended = true
		return nil
	}
	for !v.ended {
		batch, err := v.batch()
		v.check(batch)
		for i := range batch {
			v.take(&batch[i])
		}
		switch {
		case errors.Is(err, io.EOF):
			if !v.ended {
				v.always(Fault{Line: v.line + 1, Code: FaultCut})
			}
			return nil
		case err != nil:
			return err
		}
	}
	if _, err := v.in.ReadByte(); err == nil {
		v.always(Fault{Line: v.line + 1, Code: FaultAfterEnd})
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// read reads a line, of the first one no more than can be a header. io.EOF: there is none. What does not begin as the end does
// is added to the checksum.
func (v *verifier) read() (row, error) {
	r := row{line: v.line + 1}
	for {
		part, err := v.in.ReadSlice('\n')
		if len(part) == 0 && len(r.raw) == 0 && !r.long {
			return r, err
		}
		if !r.long {
			r.raw = append(r.raw, part...)
			r.long = len(r.raw) > maxLine
		} else {
			v.sum.Write(part)
		}
		if r.long && r.raw != nil {
			v.sum.Write(r.raw)
			r.raw = nil
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			if r.long && v.line == 0 {
				v.line++
				return r, nil // no header is that long, so nothing after it counts
			}
			continue
		}
		v.line++
		r.cut = errors.Is(err, io.EOF)
		if !bytes.HasPrefix(r.raw, []byte(endPrefix)) {
			v.sum.Write(r.raw)
		}
		if r.cut {
			err = nil // the next read says so
		}
		return r, err
	}
}

// header takes the first line. False: nothing else can be checked.
func (v *verifier) header(r row) bool {
	h, code := parseHeader(r.raw)
	v.report.Header = h
	if code != "" {
		v.fault(Fault{Line: 1, Code: code})
	}
	return h != nil
}

// batch reads lines up to the end.
func (v *verifier) batch() ([]row, error) {
	var rows []row
	for size := 0; len(rows) < batchLines && size < batchBytes; {
		r, err := v.read()
		if err != nil {
			return rows, err
		}
		rows = append(rows, r)
		size += len(r.raw)
		if bytes.HasPrefix(r.raw, []byte(endPrefix)) {
			break
		}
	}
	return rows, nil
}

// check does what can be done with each line alone, on all processors.
func (v *verifier) check(rows []row) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(rows)) {
		wg.Go(func() {
			var buf []byte
			for i := next.Add(1); i <= int64(len(rows)); i = next.Add(1) {
				r := &rows[i-1]
				if !r.long && !r.cut && !bytes.HasPrefix(r.raw, []byte(endPrefix)) {
					r.s, r.fault, buf = checkTurn(v.parse, v.report.Header.Group, r.raw, buf)
				}
			}
		})
	}
	wg.Wait()
}

// checkTurn checks the line of a turn. The turn is nil if its signature does not
// hold. buf is room for writing the line again.
func checkTurn(parse parser, g turn.GroupID, line, buf []byte) (*turn.Signed, Fault, []byte) {
	encoded, ok := signedOf(line)
	var l turnLine
	if !ok {
		if json.Unmarshal(line, &l) != nil || l.Signed == "" {
			return nil, Fault{Code: FaultNoTurn}, buf
		}
		encoded = []byte(l.Signed)
	}
	raw, err := base64url.AppendDecode(nil, encoded)
	if err != nil {
		return nil, Fault{Code: FaultEncoding}, buf
	}
	s, err := parse(g, raw)
	if err != nil {
		if errors.Is(err, turn.ErrSignature) {
			return nil, Fault{Code: FaultSignature}, buf
		}
		return nil, Fault{Code: FaultRule, Field: brokenRule(err)}, buf
	}
	buf = appendTurn(buf[:0], s)
	if bytes.Equal(buf, line) {
		return s, Fault{}, buf
	}
	return s, differs(buf, line), buf
}

// signedOf finds the signed bytes in a line that is written as appendTurn does.
func signedOf(line []byte) ([]byte, bool) {
	i := bytes.LastIndex(line, []byte(signedField))
	if i < 0 {
		return nil, false
	}
	return bytes.CutSuffix(line[i+len(signedField):], []byte(turnEnd))
}

// rules are the errors of turn.Parse, with the words of Fault.Field.
var rules = []struct {
	err  error
	name string
}{
	{turn.ErrSize, "size"}, {turn.ErrVersion, "version"}, {turn.ErrName, "name"}, {turn.ErrStamp, "stamp"},
	{turn.ErrParents, "parents"}, {turn.ErrTime, "time"}, {turn.ErrText, "lines"},
}

func brokenRule(err error) string {
	for _, r := range rules {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "form"
}

// differs says in what a line is not as it should be.
func differs(want, line []byte) Fault {
	var w, got turnLine
	if json.Unmarshal(line, &got) != nil || json.Unmarshal(want, &w) != nil {
		return Fault{Code: FaultForm}
	}
	for _, f := range []struct {
		name string
		same bool
	}{
		{"time", got.Time == w.Time}, {"name", got.Name == w.Name}, {"lines", slices.Equal(got.Lines, w.Lines)},
		{"stamp", got.Stamp == w.Stamp}, {"parents", slices.Equal(got.Parents, w.Parents)},
		{"author", got.Author == w.Author}, {"id", got.ID == w.ID},
	} {
		if !f.same {
			return Fault{Code: FaultField, Field: f.name}
		}
	}
	return Fault{Code: FaultForm}
}

// take adds a line to what the lines before it gave.
func (v *verifier) take(r *row) {
	switch {
	case r.cut:
		v.always(Fault{Line: r.line, Code: FaultCut})
		v.ended = true
		return
	case bytes.HasPrefix(r.raw, []byte(endPrefix)):
		v.end(r)
		return
	case r.long:
		r.fault.Code = FaultTooLong
	}
	v.turns++
	if r.fault.Code != "" {
		r.fault.Line = r.line
		v.fault(r.fault)
	}
	if r.s == nil {
		return
	}
	if v.links.has(r.s.ID()) {
		v.fault(Fault{Line: r.line, Code: FaultTwice})
		return
	}
	if r.s.Item().Less(v.last) {
		v.fault(Fault{Line: r.line, Code: FaultOrder})
	}
	v.last = r.s.Item()
	if v.links.add(r.s, r.line) {
		v.report.Broken++
		if len(v.report.Breaks) < MaxFaults {
			v.report.Breaks = append(v.report.Breaks, Broken{Line: r.line, ID: r.s.ID(), Author: r.s.Turn().Author})
		}
	}
	v.report.Turns++
	if !r.s.Known() {
		v.report.Newer++
	}
	v.authors.add(r.s)
	if v.each != nil {
		v.each(r.s)
	}
}

func (v *verifier) end(r *row) {
	v.ended = true
	e, ok := parseEnd(r.raw)
	if !ok {
		v.always(Fault{Line: r.line, Code: FaultEndForm})
		return
	}
	if e.turns != v.turns {
		v.always(Fault{Line: r.line, Code: FaultCount, Want: e.turns, Got: v.turns})
	}
	if e.sum != [32]byte(v.sum.Sum(nil)) {
		v.always(Fault{Line: r.line, Code: FaultChecksum})
	}
}

// fault tells what is wrong with one of many lines.
func (v *verifier) fault(f Fault) {
	if len(v.report.Faults) >= MaxFaults {
		v.report.MoreFaults++
		return
	}
	v.report.Faults = append(v.report.Faults, f)
}

// always tells what is wrong with the file, of which there is little: also where
// there are too many faults in lines.
func (v *verifier) always(f Fault) { v.report.Faults = append(v.report.Faults, f) }

// conclude compares what the header says with what there is. Where lines are
// damaged, or the file is cut, it cannot but differ: then only they are told.
func (v *verifier) conclude() {
	r := &v.report
	late := v.links.finish()
	r.Broken += len(late)
	for _, o := range late[:min(len(late), MaxFaults)] {
		r.Breaks = append(r.Breaks, Broken{Line: o.place, ID: o.id, Author: o.author})
	}
	slices.SortFunc(r.Breaks, func(a, b Broken) int { return cmp.Compare(a.Line, b.Line) })
	r.Breaks = r.Breaks[:min(len(r.Breaks), MaxFaults)]
	r.Missing, r.Gaps = len(v.links.wanted), v.links.gaps()

	r.Fingerprint, r.Heads = v.links.fingerprint(), len(v.links.heads)
	r.Authors, r.shared = v.authors.sorted(), v.authors.shared()
	for _, a := range r.Authors {
		if r.First.IsZero() || a.First.Before(r.First) {
			r.First = a.First
		}
		if a.Last.After(r.Last) {
			r.Last = a.Last
		}
	}
	if h := r.Header; h != nil {
		wrong := func(f Fault) { f.Line = 1; v.always(f) }
		cut := slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Code == FaultCut })
		if h.Turns != v.turns && !cut {
			wrong(Fault{Code: FaultCount, Want: h.Turns, Got: v.turns})
		}
		if h.Turns == r.Turns && v.turns == r.Turns {
			if h.Missing != r.Missing {
				wrong(Fault{Code: FaultMissing, Want: h.Missing, Got: r.Missing})
			}
			if h.Fingerprint != r.Fingerprint {
				wrong(Fault{Code: FaultFingerprint})
			}
		}
	}
	slices.SortStableFunc(r.Faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
}
