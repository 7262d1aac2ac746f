package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"

	"github.com/papo-chat/papo/internal/turn"
)

// logFile is what reading one log into a union gave.
type logFile struct {
	ReplicaReport
	header header  // the zero value if there is none to be read
	order  []int32 // the turns in good lines, each once, in their order there

	from   *position // reading began behind it; nil: at the beginning
	at     position  // behind the last line that is not torn
	lines  int
	exists bool
	fresh  bool   // nothing but a header of no use here: to be written anew
	good   int64  // where the last line ends that is not torn
	start  int64  // where it begins
	torn   []byte // what stands behind it
	open   bool   // no newline stands before good, though bytes do
	wrong  error  // ErrOtherGroup or ErrNewerLog: nothing may be written there
}

// whole tells that a log is as it should be, whatever it lacks at its end.
func (l *logFile) whole() bool {
	return l.exists && !l.fresh && l.Err == nil && l.wrong == nil && len(l.Damaged) == 0 && l.header.version == formatVersion
}

// readLog reads a log into u, from a position if that holds, else from its
// beginning, or its first limit bytes if limit is not negative. What stops
// reading is in wrong or in ReplicaReport.Err; what was read before stays good.
func readLog(fsys FS, path string, from *position, limit int64, u *union) *logFile {
	u.logs = append(u.logs, path)
	l := &logFile{ReplicaReport: ReplicaReport{Path: path}}
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l
	}
	l.exists = true
	if err != nil {
		l.Err = err
		return l
	}
	defer f.Close() // it was only read: nothing can be lost

	first := 1
	if from != nil {
		if h := headerOf(f); h.group == u.group && from.holds(f, h) {
			l.from, l.header, l.lines = from, h, from.lines
			l.good, l.start, first = from.offset, from.start, from.lines+1
		}
	}
	var r io.Reader = f
	if l.from != nil || limit >= 0 {
		if limit < 0 {
			limit = math.MaxInt64
		}
		r = io.NewSectionReader(f, l.good, limit-l.good)
	}
	u.scan.reset(r, l.good)
	for no, c := first, &u.chunk; ; {
		begin := u.scan.offset
		err := c.read(u.scan, no == 1)
		u.ours = l.header.version == formatVersion && l.header.group == u.group
		c.decode(u)
		for i := range c.lines {
			l.lines = no
			l.line(&c.lines[i], no, u)
			if !c.lines[i].nuls || no == 1 {
				no++
			}
			if l.wrong != nil {
				return l
			}
		}
		u.progress.add(u.scan.offset - begin)
		if err == nil && u.stop != nil {
			err = u.stop()
		}
		switch {
		case errors.Is(err, io.EOF):
			l.finish(u)
			if l.wrong == nil {
				l.locate(f)
			}
			return l
		case err != nil:
			l.Err = err
			return l
		}
	}
}

// line takes line no.
func (l *logFile) line(line *chunkLine, no int, u *union) {
	header := no == 1 && l.takeHeader(line.text)
	switch {
	case header, !line.long && len(line.text) == 0:
	case line.long:
		l.damage(line.offset, no, fmt.Sprintf("a line of more than %d bytes", maxLogLine))
	default:
		if whole := l.takeTurn(line, no, u); !whole {
			l.Torn, l.torn = l.wrong == nil, bytes.Clone(line.text)
			l.lines--
			return
		}
	}
	if no == 1 && !header {
		l.damage(0, 1, "the header is missing or damaged")
	}
	l.good, l.start, l.open = line.end, line.offset, !line.ended
}

func (l *logFile) takeHeader(text []byte) bool {
	h, ok := parseHeader(text)
	if ok {
		l.header = h
	}
	return ok
}

// foreign tells that the header is not one of this group and format.
func (l *logFile) foreign(u *union) bool {
	return l.header.version > formatVersion || l.header.version == formatVersion && l.header.group != u.group
}

// takeTurn takes a line that is no header. Whole is false for a torn line, and
// if the log turns out to be another group's.
func (l *logFile) takeTurn(line *chunkLine, no int, u *union) (whole bool) {
	if i, met := u.lines[line.hash]; met {
		l.take(u, i)
		u.stands(i, line.offset, len(line.text)+1)
		return true
	}
	s, why := line.s, line.why
	if !line.decoded {
		s, why = u.decode(line.text)
	}
	if s == nil && l.foreign(u) && l.Turns == 0 && l.header.version == formatVersion {
		_, raw, _, _ := u.decoder.open(line.text)
		if _, err := turn.Parse(l.header.group, raw); err == nil {
			l.wrong = fmt.Errorf("%s: %w", l.Path, ErrOtherGroup)
			return false
		}
	}
	switch {
	case s == nil && !line.ended:
		return false
	case why == "" && u.covered(s.ID()):
		return true
	case why == "":
		i := u.add(s, line.offset, len(line.text)+1)
		u.lines[line.hash] = i
		l.take(u, i)
		return true
	case s != nil:
		u.salvage(s)
	case no == 1:
		return true // a damaged header
	}
	l.damage(line.offset, no, why)
	return true
}

func (l *logFile) take(u *union, i int32) {
	if u.first(i) {
		l.order, l.Turns = append(l.order, i), l.Turns+1
	}
}

// finish draws the conclusions from the whole log.
func (l *logFile) finish(u *union) {
	switch {
	case !l.foreign(u):
		l.fresh = l.lines == 0
	case l.lines == 1:
		l.damage(0, 1, "the header is of another group or of a newer papo, and no turn follows")
		l.fresh = true
	case l.Turns > 0:
		l.damage(0, 1, "the header is damaged")
	case l.header.version > formatVersion:
		l.wrong = fmt.Errorf("%s: %w", l.Path, ErrNewerLog)
	default:
		l.damage(0, 1, "the header is damaged")
	}
}

// locate notes the position behind the last good line, as it will be once that
// is ended by a newline. A log without one has the zero value, which holds for
// no file.
func (l *logFile) locate(f io.ReaderAt) {
	size := l.good - l.start
	if size <= 0 || size > maxLogLine+1 || l.header.version != formatVersion {
		return
	}
	line := make([]byte, size)
	if n, _ := f.ReadAt(line, l.start); int64(n) < size {
		return
	}
	if l.open {
		line = append(line, '\n')
	}
	l.at = position{
		generation: l.header.generation, offset: l.start + int64(len(line)), start: l.start,
		sum: sha256.Sum256(line), lines: l.lines,
	}
}
