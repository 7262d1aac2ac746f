package trace

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// MaxMerged bounds the files of a Merge: as many as members have the floor.
	MaxMerged = 64
	// maxAligned bounds the sendings of a file by which clocks are compared. Later ones
	// are not looked at: the earlier ones say enough.
	maxAligned = 1 << 20
)

// Errors of Merge.
var (
	// ErrNotMerged: the trace of a simulation has all members already.
	ErrNotMerged = errors.New("the trace of a simulation cannot be read together with others")
	// ErrTooManyFiles: over MaxMerged.
	ErrTooManyFiles = errors.New("too many traces at once")
)

// FileError is an error of Merge in one of its files.
type FileError struct {
	File int // its place among the arguments, from 0
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("trace %d: %v", e.File+1, e.Err) }

// Unwrap gives what is wrong with the file.
func (e *FileError) Unwrap() error { return e.Err }

// Merge reads the traces of several members of one chat as one, in the order of time.
//
// Each file has a clock of its own. The clocks are laid beside each other by the
// datagrams that are in two files: none was received before it was sent. Between two
// members the fastest datagram of each direction counts, and both are taken to have been
// as fast; where there is none in one direction, or none at all, the wall clocks decide
// as far as that allows. As clocks also run at different rates, in a long chat no such
// offset fits all datagrams; therefore a reception is also held back until its sending,
// and what was held back has the time of that. So in the result no time goes back, and
// every reception stands behind its sending, if the trace has it.
//
// Two members of one name, with different keys, are told apart by the beginning of the
// key: ana#3f9a. The files are read three times, and are not kept in memory. Errors are
// of type *FileError, but for ErrTooManyFiles. The trace of a simulation is for Read
// alone: ErrNotMerged.
func Merge(files ...io.ReadSeeker) (Header, iter.Seq2[Event, error], error) {
	switch {
	case len(files) > MaxMerged:
		return Header{}, nil, ErrTooManyFiles
	case len(files) == 0:
		return Header{}, nil, ErrNoTrace
	}
	m := &merge{owner: map[string]int{}}
	for i, f := range files {
		p := &part{r: f, sent: map[string][]sending{}}
		m.parts = append(m.parts, p)
		err := p.rewind(func(h Header) { p.header = h })
		if err == nil && p.header.Source == SourceLab {
			err = ErrNotMerged
		}
		if err != nil {
			return Header{}, nil, &FileError{i, err}
		}
	}
	m.nameAll()
	for i := range m.parts {
		if err := m.sendings(i); err != nil {
			return Header{}, nil, &FileError{i, err}
		}
	}
	delays, err := m.delays()
	if err != nil {
		return Header{}, nil, err
	}
	m.align(delays)
	return m.header(), m.events, nil
}

// merge is what a Merge knows.
type merge struct {
	parts []*part
	owner map[string]int    // incarnation: the file that has its sendings
	left  map[string]uint64 // incarnation in owner: the latest datagram that was given out as sent
}

// part is one file.
type part struct {
	r      io.ReadSeeker
	header Header
	names  map[string]string // names that are another in the result
	sent   map[string][]sending
	offset time.Duration // added to its times

	events iter.Seq2[Event, error]
}

// sending is when a datagram left. Those of an incarnation rise.
type sending struct {
	counter uint64
	at      time.Duration
}

// rewind begins to read a file again.
func (p *part) rewind(header func(Header)) error {
	if _, err := p.r.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h, events, err := Read(p.r)
	if err != nil {
		return err
	}
	p.events = events
	header(h)
	return nil
}

func ignore(Header) {}

// nameAll gives every key a name of its own.
func (m *merge) nameAll() {
	keys := map[string]string{} // name: key
	for _, p := range m.parts {
		p.names = map[string]string{}
		for i, who := range p.header.Members {
			name := who.Name
			for n := 4; ; n++ {
				if key, taken := keys[name]; !taken || key == who.Key {
					break
				}
				if n <= len(who.Key) {
					name = who.Name + "#" + who.Key[:n]
				} else {
					name += "#"
				}
			}
			keys[name] = who.Key
			if name != who.Name {
				p.names[who.Name] = name
			}
			p.header.Members[i].Name = name
		}
	}
}

// named gives the name in the result of a member that a file calls so.
func (p *part) named(name string) string {
	if other, ok := p.names[name]; ok {
		return other
	}
	return name
}

// datagram takes a Datagram apart.
func datagram(id string) (incarnation string, counter uint64, ok bool) {
	incarnation, digits, ok := strings.Cut(id, "-")
	counter, err := strconv.ParseUint(digits, 10, 32)
	return incarnation, counter, ok && err == nil
}

// sendings notes what left in one file.
func (m *merge) sendings(i int) error {
	p := m.parts[i]
	noted := 0
	for e, err := range p.events {
		if err != nil {
			return err
		}
		if e.Kind != KindSend {
			continue
		}
		inc, counter, ok := datagram(e.Datagram)
		if !ok {
			continue
		}
		file, taken := m.owner[inc]
		if taken && file != i || !taken && len(m.owner) >= maxNames {
			continue // that file is of the same run; or nobody has so many
		}
		m.owner[inc] = i
		if s := p.sent[inc]; noted < maxAligned && (len(s) == 0 || s[len(s)-1].counter < counter) {
			p.sent[inc] = append(s, sending{counter, e.At})
			noted++
		}
	}
	return nil
}

// unknown is the delay between two files without a datagram.
const unknown = 1<<63 - 1

// delays gives, for datagrams from each file to each, the shortest time from the
// sending by the one clock to the reception by the other.
func (m *merge) delays() ([][]time.Duration, error) {
	out := make([][]time.Duration, len(m.parts))
	for i := range out {
		out[i] = slices.Repeat([]time.Duration{unknown}, len(m.parts))
	}
	for j, p := range m.parts {
		if err := p.rewind(ignore); err != nil {
			return nil, &FileError{j, err}
		}
		for e, err := range p.events {
			if err != nil {
				return nil, &FileError{j, err}
			}
			if e.Kind != KindReceive {
				continue
			}
			inc, counter, ok := datagram(e.Datagram)
			i, known := m.owner[inc]
			if !ok || !known || i == j {
				continue
			}
			s := m.parts[i].sent[inc]
			if k, found := slices.BinarySearchFunc(s, counter, func(s sending, c uint64) int { return cmp.Compare(s.counter, c) }); found {
				out[i][j] = min(out[i][j], e.At-s[k].at)
			}
		}
	}
	for _, p := range m.parts {
		p.sent = nil
	}
	return out, nil
}

// align finds the offsets. Files are placed one after the other, each beside the one
// with which it exchanged the fastest datagrams.
func (m *merge) align(delays [][]time.Duration) {
	n := len(m.parts)
	placed := []int{0}
	for len(placed) < n {
		best, beside, fastest := -1, 0, time.Duration(unknown)
		for u := range n {
			if slices.Contains(placed, u) {
				continue
			}
			for _, p := range placed {
				round := time.Duration(unknown - 1) // worse than any
				if there, back := delays[p][u], delays[u][p]; there != unknown && back != unknown {
					round = there + back
				} else if there != unknown || back != unknown {
					round = unknown / 2
				}
				if round < fastest {
					best, beside, fastest = u, p, round
				}
			}
		}
		m.place(best, beside, delays[beside][best], delays[best][beside])
		placed = append(placed, best)
	}
	first := m.parts[0].offset
	for _, p := range m.parts {
		first = min(first, p.offset)
	}
	for _, p := range m.parts {
		p.offset = bounded(p.offset - first)
	}
}

// place lays the clock of u beside that of p. there is the shortest delay from p to u.
func (m *merge) place(u, p int, there, back time.Duration) {
	other := m.parts[p].offset
	guess := bounded(m.parts[u].header.Wall.Sub(m.parts[p].header.Wall))
	switch {
	case there != unknown && back != unknown:
		guess = (back - there) / 2
	case there != unknown:
		guess = max(guess, -there)
	case back != unknown:
		guess = min(guess, back)
	}
	m.parts[u].offset = bounded(other + guess)
}

// bounded keeps a sum of offsets from running over.
func bounded(d time.Duration) time.Duration { return min(max(d, -MaxAt), MaxAt) }

// header is that of the result.
func (m *merge) header() Header {
	h := m.parts[0].header
	h.Wall = h.Wall.Add(-m.parts[0].offset)
	h.Members = nil
	for _, p := range m.parts {
		for _, who := range p.header.Members {
			if !slices.Contains(h.Members, who) {
				h.Members = append(h.Members, who)
			}
		}
	}
	return h
}

// head is the next event of a file.
type head struct {
	e    Event
	next func() (Event, error, bool)
	over bool
}

// events gives the events of all files.
func (m *merge) events(yield func(Event, error) bool) {
	heads := make([]head, len(m.parts))
	m.left = map[string]uint64{}
	advance := func(i int) error {
		e, err, ok := heads[i].next()
		heads[i].over = !ok
		if err != nil {
			return &FileError{i, err}
		}
		if ok {
			heads[i].e = m.moved(i, e)
		}
		return nil
	}
	for i, p := range m.parts {
		err := p.rewind(ignore)
		if err != nil {
			yield(Event{}, &FileError{i, err})
			return
		}
		next, stop := iter.Pull2(p.events)
		defer stop()
		heads[i].next = next
		if err := advance(i); err != nil {
			yield(Event{}, err)
			return
		}
	}
	var now time.Duration
	for {
		best, free := -1, false
		for i := range heads {
			if heads[i].over {
				continue
			}
			f := !m.waits(heads, i)
			if best < 0 || f && !free || f == free && heads[i].e.At < heads[best].e.At {
				best, free = i, f
			}
		}
		if best < 0 {
			return
		}
		e := heads[best].e
		now = max(now, e.At)
		e.At = now
		if inc, counter, ok := datagram(e.Datagram); ok && e.Kind == KindSend && m.isOwner(best, inc) {
			m.left[inc] = max(m.left[inc], counter)
		}
		if !yield(e, nil) {
			return
		}
		if err := advance(best); err != nil {
			yield(Event{}, err)
			return
		}
	}
}

func (m *merge) isOwner(file int, incarnation string) bool {
	owner, known := m.owner[incarnation]
	return known && owner == file
}

// waits tells whether the next event of a file is a reception whose sending is to come.
func (m *merge) waits(heads []head, i int) bool {
	if heads[i].e.Kind != KindReceive {
		return false
	}
	inc, counter, ok := datagram(heads[i].e.Datagram)
	file, known := m.owner[inc]
	return ok && known && file != i && !heads[file].over && m.left[inc] < counter
}

// moved is an event of a file as the result has it.
func (m *merge) moved(i int, e Event) Event {
	p := m.parts[i]
	e.At = bounded(e.At + p.offset)
	if e.Until != 0 {
		e.Until = int64(bounded(time.Duration(e.Until) + p.offset))
	}
	e.Member = p.named(e.Member)
	if inc, _, ok := datagram(e.Datagram); ok && e.Kind == KindReceive {
		e.Peer = m.who(inc, e.Peer)
	}
	for k, g := range e.Grants {
		e.Grants[k].To = m.who(g.To, g.To)
	}
	for k, x := range e.Members {
		e.Members[k] = m.who(x, p.named(x))
	}
	return e
}

// who is the member whose file has the sendings of an incarnation.
func (m *merge) who(incarnation, unlessKnown string) string {
	if file, ok := m.owner[incarnation]; ok && len(m.parts[file].header.Members) == 1 {
		return m.parts[file].header.Members[0].Name
	}
	return unlessKnown
}
