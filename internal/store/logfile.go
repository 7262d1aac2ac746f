package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/papo-chat/papo/internal/turn"
)

// logFile is what reading one log into a union gave.
type logFile struct {
	ReplicaReport
	header header      // the zero value if there is none to be read
	items  []turn.Item // the turns in good lines, each once

	lines  int
	exists bool
	fresh  bool   // nothing but a header of no use here: to be written anew
	good   int64  // where the last line ends that is not torn
	torn   []byte // what stands behind it
	open   bool   // no newline stands before good, though bytes do
}

// readLog reads a log into u, or its first limit bytes if limit is not
// negative. The error matches ErrOtherGroup or ErrNewerLog, and then nothing
// may be written at this path; anything else that stops reading is in
// ReplicaReport.Err, and what was read before stays good.
func readLog(fsys FS, path string, limit int64, u *union) (*logFile, error) {
	u.logs++
	l := &logFile{ReplicaReport: ReplicaReport{Path: path}}
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	l.exists = true
	if err != nil {
		l.Err = err
		return l, nil
	}
	defer f.Close() // it was only read: nothing can be lost

	var r io.Reader = f
	if limit >= 0 {
		r = io.LimitReader(f, limit)
	}
	scan := u.scan
	scan.reset(r)
	for no := 1; ; no++ {
		line, err := scan.next()
		if err == nil {
			l.lines = no
			err = l.line(line, no, scan.offset, u)
		}
		switch {
		case errors.Is(err, io.EOF):
			return l, l.finish(u)
		case errors.Is(err, ErrOtherGroup), errors.Is(err, ErrNewerLog):
			return l, err
		case err != nil:
			l.Err = err
			return l, nil
		}
	}
}

// line takes line no, which ends at offset end.
func (l *logFile) line(line scannedLine, no int, end int64, u *union) error {
	header := no == 1 && l.takeHeader(line.text)
	switch {
	case header, !line.long && len(line.text) == 0:
	case line.long:
		l.damage(line.offset, no, fmt.Sprintf("a line of more than %d bytes", maxLogLine))
	default:
		whole, err := l.takeTurn(line, no, u)
		if err != nil {
			return err
		}
		if !whole {
			l.Torn, l.torn = true, bytes.Clone(line.text)
			return nil
		}
	}
	if no == 1 && !header {
		l.damage(0, 1, "the header is missing or damaged")
	}
	l.good, l.open = end, !line.ended
	return nil
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

// takeTurn takes a line that is no header. Whole is false for a torn line.
func (l *logFile) takeTurn(line scannedLine, no int, u *union) (whole bool, err error) {
	s, why := u.decode(line.text)
	if s == nil && l.foreign(u) && l.Turns == 0 && l.header.version == formatVersion {
		if _, err := turn.Parse(l.header.group, u.raw); err == nil {
			return false, fmt.Errorf("%s: %w", l.Path, ErrOtherGroup)
		}
	}
	if s == nil && !line.ended {
		return false, nil
	}
	switch {
	case why == "":
		if u.add(s) {
			l.items, l.Turns = append(l.items, s.Item()), l.Turns+1
		}
		return true, nil
	case s != nil:
		u.salvage(s)
	case no == 1:
		return true, nil // a damaged header
	}
	l.damage(line.offset, no, why)
	return true, nil
}

// finish draws the conclusions from the whole log.
func (l *logFile) finish(u *union) error {
	switch {
	case !l.foreign(u):
		l.fresh = l.lines == 0
	case l.lines == 1:
		l.damage(0, 1, "the header is of another group or of a newer papo, and no turn follows")
		l.fresh = true
	case l.Turns > 0:
		l.damage(0, 1, "the header is damaged")
	case l.header.version > formatVersion:
		return fmt.Errorf("%s: %w", l.Path, ErrNewerLog)
	default:
		l.damage(0, 1, "the header is damaged")
	}
	return nil
}
