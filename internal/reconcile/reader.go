package reconcile

import (
	"fmt"
	"math"

	"github.com/papo-chat/papo/internal/turn"
)

// reader takes one message apart, range by range, and refuses what no sender
// that follows the protocol writes. It copies nothing.
type reader struct {
	left  []byte
	size  int   // of the whole message
	prev  bound // where the next range begins
	count int   // ranges read
}

// msgRange is one range of a message. It begins where the one before it ended.
type msgRange struct {
	to          bound
	mode        uint64
	fingerprint [16]byte
	ids         []byte // whole ids, one after the other
}

func (r *reader) more() bool { return len(r.left) > 0 }

// next reads a range.
func (r *reader) next() (msgRange, error) {
	var g msgRange
	var err error
	if g.to, err = r.bound(); err != nil {
		return g, err
	}
	if g.mode, err = r.varint(); err != nil {
		return g, err
	}
	switch g.mode {
	case modeSkip:
	case modeFingerprint:
		b, err := r.bytes(16)
		if err != nil {
			return g, err
		}
		g.fingerprint = [16]byte(b)
	case modeIDs:
		n, err := r.varint()
		if err != nil {
			return g, err
		}
		if n > uint64(len(r.left)/len(turn.ID{})) {
			return g, r.fail("a list of %d ids does not fit into what is left", n)
		}
		if g.ids, err = r.bytes(int(n) * len(turn.ID{})); err != nil {
			return g, err
		}
	default:
		return g, r.fail("mode %d is unknown", g.mode)
	}
	r.count++
	return g, nil
}

func (r *reader) bound() (bound, error) {
	v, err := r.varint()
	if err != nil {
		return bound{}, err
	}
	b := end
	if v > 0 {
		v--
		if v > math.MaxUint64-r.prev.item.Stamp {
			return bound{}, r.fail("its stamp is over 2^64-1")
		}
		b.item.Stamp = r.prev.item.Stamp + v
	}
	n, err := r.varint()
	if err != nil {
		return bound{}, err
	}
	if n > uint64(len(b.item.ID)) {
		return bound{}, r.fail("an id of %d bytes is longer than 32", n)
	}
	p, err := r.bytes(int(n))
	if err != nil {
		return bound{}, err
	}
	if n > 0 && b.item.Stamp == infinity {
		return bound{}, r.fail("a bound that ends everything has an id") // an answer could not end behind it
	}
	b.prefix = copy(b.item.ID[:], p)
	if b.item.Compare(r.prev.item) < 0 {
		return bound{}, r.fail("it ends before it begins")
	}
	r.prev = b
	return b, nil
}

func (r *reader) varint() (uint64, error) {
	var n uint64
	for i := 0; i < len(r.left); i++ {
		c := r.left[i]
		if i == 0 && c == 0x80 {
			return 0, r.fail("a number has more digits than it needs")
		}
		if n > math.MaxUint64>>7 {
			return 0, r.fail("a number is over 2^64-1")
		}
		n = n<<7 | uint64(c&0x7f)
		if c < 0x80 {
			r.left = r.left[i+1:]
			return n, nil
		}
	}
	return 0, r.fail("it ends within a number")
}

func (r *reader) bytes(n int) ([]byte, error) {
	if n > len(r.left) {
		return nil, r.fail("%d bytes are expected, %d are left", n, len(r.left))
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b, nil
}

func (r *reader) fail(format string, args ...any) error {
	return fmt.Errorf("%w: range %d, before byte %d: %s", ErrMessage, r.count, r.size-len(r.left), fmt.Sprintf(format, args...))
}
