package reconcile

// version is the first byte of each message: version 1 of the protocol. Other
// versions are 0x60 to 0x6f too.
const (
	version      = 0x61
	firstVersion = 0x60
	lastVersion  = 0x6f
)

// How a range goes on after its bound.
const (
	modeSkip        = 0
	modeFingerprint = 1
	modeIDs         = 2
)

// A range is split into this many, or listed when it has fewer than twice as
// many items. The protocol leaves both to the sender; these are the values of
// its reference implementations.
const (
	buckets   = 16
	listBelow = 2 * buckets
)

// writer makes one message. Bounds must be written in ascending order.
type writer struct {
	buf   []byte
	stamp uint64 // of the bound written last
}

func newWriter() *writer { return &writer{buf: []byte{version}} }

func (w *writer) bound(b bound) {
	if b.item.Stamp == infinity {
		w.buf = append(w.buf, 0)
	} else {
		w.buf = appendVarint(w.buf, b.item.Stamp-w.stamp+1)
	}
	w.stamp = b.item.Stamp
	w.buf = appendVarint(w.buf, uint64(b.prefix))
	w.buf = append(w.buf, b.item.ID[:b.prefix]...)
}

func (w *writer) skip(to bound) {
	w.bound(to)
	w.buf = append(w.buf, modeSkip)
}

func (w *writer) fingerprint(to bound, fp [16]byte) {
	w.bound(to)
	w.buf = append(w.buf, modeFingerprint)
	w.buf = append(w.buf, fp[:]...)
}

// ids lists the items [from, upTo) of s.
func (w *writer) ids(to bound, s Set, from, upTo int) {
	w.bound(to)
	w.buf = append(w.buf, modeIDs)
	w.buf = appendVarint(w.buf, uint64(upTo-from))
	for i := from; i < upTo; i++ {
		id := s.At(i).ID
		w.buf = append(w.buf, id[:]...)
	}
}

// split describes the items [from, upTo) of s, which end at to: few by their
// ids, many by the fingerprints of nearly equal parts.
func (w *writer) split(to bound, s Set, from, upTo int) {
	n := upTo - from
	if n < listBelow {
		w.ids(to, s, from, upTo)
		return
	}
	size, larger := n/buckets, n%buckets
	for i := range buckets {
		next := from + size
		if i < larger {
			next++
		}
		b := to
		if next < upTo {
			b = boundBetween(s.At(next-1), s.At(next))
		}
		w.fingerprint(b, Fingerprint(s, from, next))
		from = next
	}
}

// appendVarint writes n to base 128, most significant digit first.
func appendVarint(dst []byte, n uint64) []byte {
	shift := 0
	for n>>shift >= 0x80 {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		dst = append(dst, byte(n>>shift)|0x80)
	}
	return append(dst, byte(n)&0x7f)
}
