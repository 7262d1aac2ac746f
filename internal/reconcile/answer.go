package reconcile

import (
	"fmt"

	"github.com/papo-chat/papo/internal/turn"
)

// headroom is kept free below the frame limit, as the reference implementations
// do: what comes after the last check is at most one id (32 bytes), the bound
// and header of a list (47), a skip (44) and the closing fingerprint (19).
const headroom = 200

// emptyFingerprint is that of no items.
var emptyFingerprint = Fingerprint(NewSlice(nil), 0, 0)

// answer reads a message and writes the next one, for either side: d is nil for
// the responder. s must not change meanwhile.
//
// What differs is split, what is equal is skipped, what the initiator sent as a
// list is listed back, what the responder listed is compared and skipped. When
// the message would pass the limit, one fingerprint for all that is left closes
// it, and the next rounds come back to that.
func answer(s Set, limit int, msg []byte, d *differences) ([]byte, error) {
	switch {
	case len(msg) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrMessage)
	case msg[0] < firstVersion || msg[0] > lastVersion:
		return nil, fmt.Errorf("%w: it begins with %#02x, which is no version", ErrMessage, msg[0])
	case msg[0] != version && d == nil:
		return []byte{version}, nil
	case msg[0] != version:
		return nil, fmt.Errorf("%w, but %d", ErrVersion, msg[0]-firstVersion)
	}
	full := func(size int) bool { return limit > 0 && size > limit-headroom }

	r := &reader{left: msg[1:], size: len(msg)}
	w := newWriter()
	var (
		lower   int   // items of s below the range at hand
		written int   // items of s below what is written
		skipped bool  // ranges were skipped since: they end at last
		last    bound // where the range before ended
	)
	for r.more() {
		g, err := r.next()
		if err != nil {
			return nil, err
		}
		upper := s.Index(g.to.item)
		before := len(w.buf)
		list := g.mode == modeIDs && d == nil
		differs := g.mode == modeFingerprint && Fingerprint(s, lower, upper) != g.fingerprint
		if (list || differs) && skipped {
			w.skip(last)
		}
		skipped = !list && !differs

		switch {
		case list:
			to := g.to
			if limit > 0 {
				// One id more than fits below the headroom, as the reference does.
				if fit := lower + (limit-headroom-before)/len(turn.ID{}) + 1; fit < upper {
					upper, to = fit, boundAt(s.At(fit))
				}
			}
			w.ids(to, s, lower, upper)
		case differs:
			w.split(g.to, s, lower, upper)
		case g.mode == modeIDs:
			d.compare(s, lower, upper, g.ids)
		}
		if full(len(w.buf)) {
			if differs {
				w.buf = w.buf[:before]
				// What was just taken back belongs to the fingerprint that closes
				// the message. The reference implementations leave it out, and so
				// does this: the two sides then differ all the same, and the range
				// is split again. But where the other side has nothing, leaving it
				// out can make two sides equal that are not, and the
				// difference would never be found.
				if g.fingerprint == emptyFingerprint {
					upper = written
				}
			}
			w.fingerprint(end, Fingerprint(s, upper, s.Len()))
			return w.buf, nil
		}
		if !skipped {
			written = upper
		}
		lower, last = upper, g.to
	}
	return w.buf, nil
}
