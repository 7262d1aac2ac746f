package store

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// checkpointName is the file name of the checkpoint in a data directory.
const checkpointName = "checkpoint.db"

// Source says where the turns that a replica lacked were taken from.
type Source struct {
	Path  string // of a log, or checkpoint.db; empty: what this run had in memory
	Turns int
}

// sequence is the one order of lines that all replicas get when they are
// mended: that of the log that has most of all those that are whole, then what
// it lacks, by (stamp, id). Where no log is whole, all are by (stamp, id).
func (u *union) sequence(logs []*logFile) []int32 {
	var model *logFile
	for _, l := range logs {
		if l.whole() && (model == nil || len(l.order) > len(model.order)) {
			model = l
		}
	}
	if model == nil {
		return u.all()
	}
	in := make([]bool, len(u.items))
	for _, i := range model.order {
		in[i] = true
	}
	seq := slices.Grow(slices.Clone(model.order), len(u.items)-len(model.order))
	var rest []int32
	for i := range u.items {
		if !in[i] {
			rest = append(rest, int32(i))
		}
	}
	return append(seq, u.ordered(rest)...)
}

// sources counts where turns come from, in the order of reading.
func (u *union) sources(of []int32) []Source {
	counts := make([]int, len(u.logs))
	known := 0
	for _, i := range of {
		p := u.places[i]
		if p.log == 0 && int(i) < u.known {
			known++
		} else {
			counts[p.log]++
		}
	}
	var out []Source
	for log, n := range counts {
		if log == 0 && known > 0 {
			out = append(out, Source{checkpointName, known})
		}
		if n > 0 {
			out = append(out, Source{u.logs[log], n})
		}
	}
	return out
}

// mend makes a log that was read like all others, and opens it: what a whole log
// lacks at its end is appended, any other is written anew. It is for Open. After
// an error the file is as it was, or a part of what it lacked is appended.
func (s *Store) mend(r *replica, l *logFile, u *union, seq []int32) (repaired bool, err error) {
	if l.whole() && len(l.order) <= len(seq) && slices.Equal(l.order, seq[:len(l.order)]) {
		if r.log.f, err = s.o.FS.Append(r.path); err != nil {
			return false, err
		}
		return s.extend(r, u, seq[len(l.order):])
	}
	var made newLog
	if !l.exists && len(seq) == 0 {
		made, err = s.writeLog(r.path, u, nil)
	} else if made, err = s.writeNew(r.path, u, seq); err == nil {
		repaired, err = len(seq) > 0, s.rename(r.path, l.aside())
	}
	if err != nil {
		return false, err
	}
	u.moved(r.path, seq, made)
	// What it has is durable once its name is: the first Sync sees to that.
	r.log, r.pos = appendFile{fs: s.o.FS, path: r.path, end: made.pos.offset}, made.pos
	r.log.f, err = s.o.FS.Append(r.path)
	return repaired, err
}

// mendChunk bounds the bytes of one write.
const mendChunk = 1 << 20

// extend appends turns to a log that is open.
func (s *Store) extend(r *replica, u *union, more []int32) (repaired bool, err error) {
	src := s.newSource(u)
	defer src.close()
	var b batch
	for k, i := range more {
		if b.lines, err = src.line(b.lines, i); err != nil {
			return repaired, err
		}
		b.n++
		if body := u.bodies[i]; body != nil {
			b.turns = append(b.turns, body)
		}
		if len(b.lines) > mendChunk || k == len(more)-1 {
			b.last = lastLineOf(b.lines)
			if err := r.append(b); err != nil {
				return repaired, err
			}
			b, repaired = batch{lines: b.lines[:0]}, true
		}
	}
	if r.log.open {
		err = r.log.append(nil) // the newline that its last line lacks
	}
	return repaired, err
}

// newLog is a log that was written as a whole.
type newLog struct {
	pos   position
	sizes []int // of its lines, the header first
}

// moved notes where turns stand in a log that was written anew: where they
// stood before may be gone.
func (u *union) moved(path string, seq []int32, made newLog) {
	u.logs = append(u.logs, path)
	offset := int64(0)
	for k, size := range made.sizes {
		if k > 0 {
			u.places[seq[k-1]] = place{offset: offset, size: int32(size), log: int16(len(u.logs) - 1)}
		}
		offset += int64(size)
	}
}

// writeNew writes a log beside the one at path, durably, and reads it again.
func (s *Store) writeNew(path string, u *union, seq []int32) (newLog, error) {
	path += newSuffix
	made, err := s.writeLog(path, u, seq)
	if err == nil {
		err = s.proofread(path, u, seq)
	}
	if err != nil {
		_ = s.o.FS.Remove(path) // to make room; the next try empties it anyway
	}
	return made, err
}

// proofread reads a log that was just written.
func (s *Store) proofread(path string, u *union, seq []int32) error {
	l := readLog(s.o.FS, path, nil, -1, u)
	if l.Err != nil {
		return l.Err
	}
	if !l.whole() || l.Torn || !slices.Equal(l.order, seq) {
		return errDamagedCopy
	}
	return nil
}

// writeLog writes a whole log and syncs it.
func (s *Store) writeLog(path string, u *union, seq []int32) (made newLog, err error) {
	h, err := s.newHeader()
	if err != nil {
		return made, err
	}
	src := s.newSource(u)
	defer src.close()
	f, err := s.o.FS.Create(path)
	if err != nil {
		return made, err
	}
	w := bufio.NewWriterSize(f, 64<<10)
	line := h.append(nil)
	made.pos = position{generation: h.generation, lines: 1 + len(seq)}
	made.sizes = append(made.sizes, len(line))
	for _, i := range seq {
		w.Write(line) // its error stays until Flush
		made.pos.start += int64(len(line))
		if line, err = src.line(line[:0], i); err != nil {
			return made, errors.Join(err, f.Close())
		}
		made.sizes = append(made.sizes, len(line))
	}
	w.Write(line)
	made.pos.offset, made.pos.sum = made.pos.start+int64(len(line)), lastLineOf(line).sum
	if err = w.Flush(); err == nil {
		err = f.Sync()
	}
	return made, errors.Join(err, f.Close())
}

// aside is the suffix under which a log stays when another takes its place.
// Empty: all that it has is in that.
func (l *logFile) aside() string {
	switch {
	case l.wrong != nil:
		return foreignSuffix
	case len(l.Damaged) > 0 && !l.fresh:
		return damagedSuffix
	}
	return ""
}

// rename puts the new log in the place of the one at path, which stays beside
// it if aside is not empty.
func (s *Store) rename(path, aside string) error {
	if aside != "" {
		if _, err := s.setAside(path, aside); err != nil {
			return err
		}
	}
	return s.o.FS.Rename(path+newSuffix, path)
}

// maxAside is how many damaged files of one name are kept: the first ones, and
// the newest.
const maxAside = 3

// setAside renames a file so that it stays. Of damaged files the third is
// replaced by the next; others are never replaced.
func (s *Store) setAside(path, suffix string) (string, error) {
	to := path + suffix
	for n := 2; ; n++ {
		_, err := s.o.FS.Size(to)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
		if suffix == damagedSuffix && n > maxAside {
			break
		}
		if n > 99 {
			return "", fmt.Errorf("%s cannot be kept aside: there are too many already", path)
		}
		to = fmt.Sprintf("%s%s.%d", path, suffix, n)
	}
	return to, s.o.FS.Rename(path, to)
}

// lineSource gives the lines of a union's turns, wherever they are.
type lineSource struct {
	s     *Store
	u     *union
	files map[int16]*window
}

func (s *Store) newSource(u *union) *lineSource {
	return &lineSource{s: s, u: u, files: map[int16]*window{}}
}

// errMoved says that a log does not have what was read from it.
var errMoved = errors.New("a log changed while it was read")

// line appends the line of turn i to dst.
func (src *lineSource) line(dst []byte, i int32) ([]byte, error) {
	u := src.u
	switch p := u.places[i]; {
	case u.bodies[i] != nil:
		return appendLine(dst, u.bodies[i]), nil
	case p.size > 0:
		line, err := src.read(i)
		return append(append(dst, line...), '\n'), err
	case int(i) < u.known:
		t, err := src.s.verified(u.items[i].ID)
		if err != nil {
			return dst, err
		}
		return appendLine(dst, t), nil
	}
	return dst, fmt.Errorf("turn %s is nowhere", u.items[i].ID.Short())
}

// read reads the line of a turn where it was found good, and looks whether it is
// still the same.
func (src *lineSource) read(i int32) ([]byte, error) {
	u, p := src.u, src.u.places[i]
	w := src.files[p.log]
	if w == nil {
		f, err := src.s.o.FS.Open(u.logs[p.log])
		if err != nil {
			return nil, err
		}
		w = &window{f: f}
		src.files[p.log] = w
	}
	line, err := w.read(p.offset, int(p.size)-1) // the newline may not be there yet
	if err != nil {
		return nil, fmt.Errorf("%s: %w", u.logs[p.log], err)
	}
	if j, ok := u.lines[u.hash(line)]; !ok || i != j {
		return nil, fmt.Errorf("%s: %w", u.logs[p.log], errMoved)
	}
	return line, nil
}

// turns gives turns that stand in logs, or are kept.
func (src *lineSource) turns(of []int32) iter.Seq2[*turn.Signed, error] {
	return func(yield func(*turn.Signed, error) bool) {
		for _, i := range of {
			t := src.u.bodies[i]
			if t == nil {
				line, err := src.read(i)
				if err == nil {
					t, err = src.u.decoder.again(src.u.group, line)
				}
				if err != nil {
					yield(nil, err)
					return
				}
			}
			if !yield(t, nil) {
				return
			}
		}
	}
}

// verified gives a turn of the checkpoint with its signature verified once more.
func (s *Store) verified(id turn.ID) (*turn.Signed, error) {
	c := s.theCheckpoint()
	t, err := c.get(id)
	if err == nil && t == nil {
		err = fmt.Errorf("%s: %w: turn %s is gone", c.path, ErrCheckpoint, id.Short())
	}
	if err != nil {
		return nil, err
	}
	return s.o.Parse(s.o.Group, t.Bytes())
}

func (src *lineSource) close() {
	for _, w := range src.files {
		_ = w.f.Close() // it was only read
	}
}

// window reads lines of a file that mostly follow each other.
type window struct {
	f      File
	offset int64
	buf    []byte
}

// read gives size bytes at an offset, until the next call.
func (w *window) read(offset int64, size int) ([]byte, error) {
	if offset < w.offset || offset+int64(size) > w.offset+int64(len(w.buf)) {
		if cap(w.buf) < size {
			w.buf = make([]byte, max(size, 256<<10))
		}
		w.buf = w.buf[:cap(w.buf)]
		n, err := w.f.ReadAt(w.buf, offset)
		w.offset, w.buf = offset, w.buf[:n]
		if n < size {
			return nil, fmt.Errorf("%w: %w", errMoved, err)
		}
	}
	return w.buf[offset-w.offset:][:size], nil
}
