package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	unsentName   = "unsent.log"
	unsentHeader = "papo-unsent 1|"

	// MaxUnsent bounds the lines that wait in unsent.log: Queue refuses more.
	MaxUnsent = 4096

	maxUnsentLine = 2*turn.MaxLine + 64
	// unsentSlack is how long unsent.log may be before it is written anew
	// without the lines that are done. It is cut whenever none is left.
	unsentSlack = 1 << 20
)

// ErrUnsentFull says that MaxUnsent lines wait already.
var ErrUnsentFull = fmt.Errorf("%d lines wait to be said: wait, or take some back", MaxUnsent)

// Unsent is a line that was typed and not said.
type Unsent struct {
	Line turn.LineID
	Text string
}

// unsentLog keeps the lines that are typed and not yet said, as text:
//
//	papo-unsent 1|<group id, 64 hex digits>|<crc>
//	queued|<line id, 16 hex digits>|<text, escaped as in a log>|<crc>
//	done|<line id>|<crc>
type unsentLog struct {
	mu     sync.Mutex
	log    appendFile
	header []byte
	lines  []Unsent                 // in order
	inFile map[turn.LineID]struct{} // all that the file says are queued, done or not
	closed bool
	broken bool // an fsync failed: only writing it anew makes it durable

	// gone are lines that the file says no more, and unsettled tells that there
	// may be others, from an earlier run: until a sync, a power cut may bring them back.
	gone      map[turn.LineID]struct{}
	unsettled bool

	group  *turn.GroupID // what the file's header says; nil: it has none
	report ReplicaReport // the damage when it was read
}

// appendUnsentHeader appends the first line.
func appendUnsentHeader(dst []byte, g turn.GroupID) []byte {
	start := len(dst)
	dst = append(dst, unsentHeader...)
	dst = hex.AppendEncode(dst, g[:])
	return appendChecksum(dst, start)
}

// parseUnsentHeader reads the first line without its newline.
func parseUnsentHeader(line []byte) (g turn.GroupID, ok bool) {
	body, _, right := cutChecksum(line)
	digits, found := bytes.CutPrefix(body, []byte(unsentHeader))
	return g, found && right && decodeHex(g[:], digits)
}

func appendQueued(dst []byte, u Unsent) []byte {
	start := len(dst)
	dst = append(dst, "queued|"...)
	dst = hex.AppendEncode(dst, u.Line[:])
	dst = append(dst, '|')
	dst = appendEscaped(dst, u.Text)
	return appendChecksum(dst, start)
}

func appendDone(dst []byte, id turn.LineID) []byte {
	start := len(dst)
	dst = append(dst, "done|"...)
	dst = hex.AppendEncode(dst, id[:])
	return appendChecksum(dst, start)
}

// unescape undoes appendEscaped. It is false for what that does not write.
func unescape(b []byte) (string, bool) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '\\' {
			i++
			switch {
			case i < len(b) && b[i] == '\\':
			case i < len(b) && b[i] == 'n':
				c = '\n'
			default:
				return "", false
			}
		}
		out = append(out, c)
	}
	return string(out), true
}

// take applies one line that is no header. It is false for a damaged one.
func (l *unsentLog) take(line []byte) bool {
	body, _, right := cutChecksum(line)
	if !right {
		return false
	}
	verb, rest, _ := bytes.Cut(body, []byte("|"))
	digits, text, more := bytes.Cut(rest, []byte("|"))
	var id turn.LineID
	if !decodeHex(id[:], digits) || more != (string(verb) == "queued") {
		return false
	}
	switch string(verb) {
	case "queued":
		s, ok := unescape(text)
		if !ok || len(l.lines) == MaxUnsent {
			return false
		}
		if l.index(id) < 0 {
			l.lines = append(l.lines, Unsent{Line: id, Text: s})
			l.inFile[id] = struct{}{}
		}
	case "done":
		l.remove(id)
	default:
		return false
	}
	return true
}

func (l *unsentLog) index(id turn.LineID) int {
	return slices.IndexFunc(l.lines, func(u Unsent) bool { return u.Line == id })
}

func (l *unsentLog) remove(id turn.LineID) bool {
	i := l.index(id)
	if i >= 0 {
		l.lines = slices.Delete(l.lines, i, i+1)
	}
	return i >= 0
}

// readUnsent reads the unsent.log of a directory.
func readUnsent(fsys FS, dir string) (*unsentLog, error) {
	path := filepath.Join(dir, unsentName)
	l := &unsentLog{log: appendFile{fs: fsys, path: path}, inFile: map[turn.LineID]struct{}{}, gone: map[turn.LineID]struct{}{}, unsettled: true}
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	defer f.Close() // it was only read: nothing can be lost
	scan := newLineScanner(maxUnsentLine)
	scan.reset(f, 0)
	for no := 1; ; no++ {
		line, err := scan.next()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		ok := !line.long && (len(line.text) == 0 || l.take(line.text))
		if g, is := parseUnsentHeader(line.text); no == 1 && is {
			l.group, ok = &g, true
		}
		switch {
		case !ok && !line.ended && !line.long:
			l.log.junk = true // torn: nobody was told that it was queued
			continue
		case !ok:
			l.report.damage(line.offset, no, "the checksum is wrong, or this is no line of "+unsentName)
		}
		l.log.end, l.log.open = scan.offset, !line.ended
	}
}

// open makes the log ready for writing, for a group. What is damaged is kept
// aside, in a file with the ending .damaged.
func (l *unsentLog) open(g turn.GroupID) error {
	l.header = appendUnsentHeader(nil, g)
	damaged := len(l.report.Damaged) > 0
	if damaged || l.group == nil || *l.group != g {
		return l.rewrite(damaged)
	}
	if err := l.ready(); err != nil {
		return err
	}
	if len(l.lines) == 0 {
		l.empty()
	}
	l.log.cut()
	return nil
}

// ready opens the file if it is not open.
func (l *unsentLog) ready() (err error) {
	if l.closed {
		return ErrClosed
	}
	if l.log.f == nil {
		l.log.f, err = l.log.fs.Append(l.log.path)
	}
	return err
}

// empty cuts off all but the header, if it can.
func (l *unsentLog) empty() bool {
	end := int64(len(l.header))
	if l.log.fs.Truncate(l.log.path, end) != nil {
		return false
	}
	l.log.end, l.log.open, l.log.junk = end, false, false
	l.clearFile()
	return true
}

// clearFile notes that the file says no line any more.
func (l *unsentLog) clearFile() {
	maps.Copy(l.gone, l.inFile)
	clear(l.inFile)
}

// rewrite writes the log anew, with nothing but the lines that wait.
func (l *unsentLog) rewrite(keep bool) error {
	content := slices.Clone(l.header)
	for _, u := range l.lines {
		content = appendQueued(content, u)
	}
	fsys, path := l.log.fs, l.log.path
	if err := writeSynced(fsys, path+newSuffix, content); err != nil {
		return err
	}
	// Closed before it is renamed over: Windows wants that. What it had is in
	// the new file, so an error of closing means nothing.
	_ = l.log.close()
	if keep {
		if err := fsys.Rename(path, path+damagedSuffix); err != nil {
			return err
		}
	}
	if err := fsys.Rename(path+newSuffix, path); err != nil {
		return err
	}
	l.log = appendFile{fs: fsys, path: path, end: int64(len(content))}
	l.broken = false
	l.clearFile()
	for _, u := range l.lines {
		l.inFile[u.Line] = struct{}{}
	}
	return l.ready()
}

func writeSynced(fsys FS, path string, content []byte) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	if _, err = f.Write(content); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (l *unsentLog) queue(u Unsent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(u.Text) > turn.MaxLine:
		return fmt.Errorf("a line of %d bytes is too long, the most is %d", len(u.Text), turn.MaxLine)
	case l.index(u.Line) >= 0:
		return nil
	case len(l.lines) >= MaxUnsent:
		return ErrUnsentFull
	}
	if err := l.ready(); err != nil {
		return err
	}
	l.inFile[u.Line] = struct{}{} // even if it fails: a part of it may be there
	if err := l.log.append(appendQueued(nil, u)); err != nil {
		return err
	}
	l.lines = append(l.lines, u)
	return nil
}

// carried gives those of the lines that are in the file, or may be after a power
// cut: these turns carry them, whatever the file says.
func (l *unsentLog) carried(ids iter.Seq[turn.LineID]) []turn.LineID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var in []turn.LineID
	for id := range ids {
		_, is := l.inFile[id]
		_, was := l.gone[id]
		if is || was {
			in = append(in, id)
		}
	}
	return in
}

func (l *unsentLog) done(ids []turn.LineID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(); err != nil {
		return err
	}
	var marks []byte
	for _, id := range ids {
		if l.remove(id) {
			marks = appendDone(marks, id)
		}
	}
	if len(marks) == 0 || len(l.lines) == 0 && l.empty() {
		return nil
	}
	if err := l.log.append(marks); err != nil {
		return err
	}
	if l.log.end > unsentSlack && 2*l.size() < l.log.end {
		// If this fails, nothing is lost: the next Done tries again.
		_ = l.rewrite(false)
	}
	return nil
}

// size is about what the waiting lines take.
func (l *unsentLog) size() (n int64) {
	for _, u := range l.lines {
		n += int64(len(u.Text)) + 64
	}
	return n
}

// sync makes durable what the file says. Lines are queued meanwhile.
func (l *unsentLog) sync() error {
	l.mu.Lock()
	err := l.ready()
	f, gone := l.log.f, maps.Clone(l.gone)
	fsys, path := l.log.fs, l.log.path
	l.mu.Unlock()
	if err != nil {
		return err
	}
	err = f.Sync()
	l.mu.Lock()
	if err != nil || l.broken {
		l.broken = true
		err = l.rewrite(false)
	}
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s cannot be made durable: %w", path, err)
	}
	if err := fsys.SyncDir(filepath.Dir(path)); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsettled = false
	for id := range gone {
		delete(l.gone, id)
	}
	return nil
}

// settle is sync, if the file says less than it did when it was durable last.
func (l *unsentLog) settle() error {
	l.mu.Lock()
	settled := len(l.gone) == 0 && !l.unsettled
	l.mu.Unlock()
	if settled {
		return nil
	}
	return l.sync()
}

func (l *unsentLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.log.close()
}

// Queue notes a line that was typed, before it is said: a crash of the program
// does not lose it. It is not fsynced. A line that is noted already stays as it
// is.
func (s *Store) Queue(line turn.LineID, text string) error {
	return s.unsent.queue(Unsent{Line: line, Text: text})
}

// Done notes that lines were said or taken back. After an error they may be
// there again at the next start, if no stored turn carries them. Lines that are
// not noted are passed over.
func (s *Store) Done(lines ...turn.LineID) error { return s.unsent.done(lines) }
