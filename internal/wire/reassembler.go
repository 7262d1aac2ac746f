package wire

import (
	"slices"
	"time"
)

// Bounds of a Reassembler. At each of the first four the oldest partial
// message gives way (of that sender, or of all) and is counted in
// ReassemblerStats.DroppedFull. The bytes are those set aside for a message
// when its first piece comes, MaxFragData for each piece, come or not.
const (
	MaxPartialsPerSender = 8
	MaxPartialBytes      = 256 << 10 // of one sender
	MaxPartials          = 64        // of all senders together
	MaxAllPartialBytes   = 2 << 20   // of all senders together

	// MaxFinished is how many finished messages are remembered, the oldest
	// forgotten first. A late piece of a forgotten one starts a partial
	// message that is given up in the end.
	MaxFinished = 256
)

// When a Reassembler asks for pieces that do not come.
const (
	// FragPatience is how long after the last new piece it asks first. The
	// wait doubles with each asking, FragDoublings times.
	FragPatience  = 20 * time.Millisecond
	FragDoublings = 5
)

// ReassemblerStats counts what a Reassembler has dropped.
type ReassemblerStats struct {
	Duplicates   uint64 // pieces of messages that have them, or are finished
	Inconsistent uint64 // pieces with another count than the first of their message had
	Malformed    uint64 // pieces that Fragment does not make, and messages that are themselves a FRAG
	DroppedFull  uint64 // partial messages that gave way to newer ones
	GivenUp      uint64 // partial messages whose pieces were asked for in vain
}

// Reassembler puts messages together from their pieces. It is bounded, holds
// no clock (now is a time that never goes back) and is not safe for
// concurrent use. Make one with NewReassembler.
type Reassembler struct {
	partials []*partial // oldest first: at most MaxPartials, so a search is a scan
	bytes    int
	finished []fragKey // a ring, next is the oldest once it is full
	next     int
	stats    ReassemblerStats
}

// fragKey names a fragmented message.
type fragKey struct {
	from   uint64
	number uint32
}

// partial is a message of which some pieces have come.
type partial struct {
	fragKey
	count   int
	missing uint64 // bit i: piece i has not come
	data    []byte // count*MaxFragData bytes; shorter when the last piece has come
	tries   int    // how often the missing pieces were asked for since one came
	due     time.Duration
}

// reserved is what the partial counts for in the bounds of bytes.
func (p *partial) reserved() int { return p.count * MaxFragData }

// NewReassembler returns one that holds nothing.
func NewReassembler() *Reassembler { return &Reassembler{} }

// Size tells how many messages are unfinished, and the bytes that they take up.
func (r *Reassembler) Size() (messages, bytes int) { return len(r.partials), r.bytes }

// Stats returns the counts so far.
func (r *Reassembler) Stats() ReassemblerStats { return r.stats }

// Add takes a piece that came from incarnation from. When it completes a
// message, that is returned, in memory of its own, with true. A piece that
// cannot be used is dropped and counted. The data is copied.
func (r *Reassembler) Add(now time.Duration, from uint64, f Frag) (message []byte, complete bool) {
	if !f.valid() {
		r.stats.Malformed++
		return nil, false
	}
	key := fragKey{from, f.Number}
	i := slices.IndexFunc(r.partials, func(p *partial) bool { return p.fragKey == key })
	var p *partial
	switch {
	case i >= 0:
		p = r.partials[i]
	case slices.Contains(r.finished, key):
		r.stats.Duplicates++
		return nil, false
	default:
		p, i = r.start(key, int(f.Count))
	}
	if int(f.Count) != p.count {
		r.stats.Inconsistent++
		return nil, false
	}
	if p.missing>>f.Index&1 == 0 {
		r.stats.Duplicates++
		return nil, false
	}
	p.missing &^= 1 << f.Index
	at := int(f.Index) * MaxFragData
	copy(p.data[at:], f.Data)
	if f.Index == f.Count-1 {
		p.data = p.data[:at+len(f.Data)]
	}
	p.tries = 0
	p.due = now + FragPatience
	if p.missing != 0 {
		return nil, false
	}
	r.finish(i)
	if Kind(p.data[0]) == KindFrag {
		r.stats.Malformed++
		return nil, false
	}
	return p.data, true
}

// start makes room for a message and sets it aside. The new partial is the
// last one.
func (r *Reassembler) start(key fragKey, count int) (*partial, int) {
	p := &partial{
		fragKey: key,
		count:   count,
		missing: ^uint64(0) >> (64 - count),
		data:    make([]byte, count*MaxFragData),
	}
	for {
		oldest, n, size := -1, 0, 0
		for i, q := range r.partials {
			if q.from != key.from {
				continue
			}
			if oldest < 0 {
				oldest = i
			}
			n++
			size += q.reserved()
		}
		if n == 0 || n < MaxPartialsPerSender && size+p.reserved() <= MaxPartialBytes {
			break
		}
		r.stats.DroppedFull++
		r.finish(oldest)
	}
	for len(r.partials) >= MaxPartials || r.bytes+p.reserved() > MaxAllPartialBytes {
		r.stats.DroppedFull++
		r.finish(0)
	}
	r.partials = append(r.partials, p)
	r.bytes += p.reserved()
	return p, len(r.partials) - 1
}

// finish takes out partial i and remembers its number: whether it was
// completed, given up or dropped, later pieces must not start it anew.
func (r *Reassembler) finish(i int) {
	p := r.partials[i]
	r.partials = slices.Delete(r.partials, i, i+1)
	r.bytes -= p.reserved()
	if len(r.finished) < MaxFinished {
		r.finished = append(r.finished, p.fragKey)
		return
	}
	r.finished[r.next] = p.fragKey
	r.next = (r.next + 1) % MaxFinished
}

// Missing returns what is to be asked for now, oldest message first, and
// counts it as asked. A message that brought nothing new after the last of
// 1 + FragDoublings askings and one more such wait is given up.
func (r *Reassembler) Missing(now time.Duration) []FragWant {
	var wants []FragWant
	for i := 0; i < len(r.partials); {
		p := r.partials[i]
		if p.due > now {
			i++
			continue
		}
		if p.tries > FragDoublings {
			r.stats.GivenUp++
			r.finish(i)
			continue
		}
		wants = append(wants, FragWant{Of: p.from, Number: p.number, Missing: p.missing})
		p.tries++
		p.due = now + FragPatience<<min(p.tries, FragDoublings)
		i++
	}
	return wants
}

// NextWake returns when Missing has something to do next; false: not until
// another piece comes.
func (r *Reassembler) NextWake() (time.Duration, bool) {
	if len(r.partials) == 0 {
		return 0, false
	}
	wake := r.partials[0].due
	for _, p := range r.partials[1:] {
		wake = min(wake, p.due)
	}
	return wake, true
}
