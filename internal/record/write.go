package record

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// Write writes turns of one group as a file, and gives its header. They must be in
// the order, each once. The bytes depend on group, turns and the time created alone.
func Write(w io.Writer, g turn.GroupID, ts []*turn.Signed, created time.Time) (Header, error) {
	l := newLinks()
	for i, s := range ts {
		if i > 0 && !ts[i-1].Item().Less(s.Item()) {
			return Header{}, fmt.Errorf("record: turn %s is not in the order", s.ID().Short())
		}
		l.add(s, i)
	}
	h := Header{
		Group: g, Turns: len(ts), Missing: len(l.wanted), Fingerprint: l.fingerprint(),
		Created: created.Truncate(time.Millisecond),
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(w, 1<<16)
	both := io.MultiWriter(out, sum)
	line := h.append(nil)
	for _, s := range ts {
		if _, err := both.Write(line); err != nil {
			return h, err
		}
		line = appendTurn(line[:0], s)
	}
	if _, err := both.Write(line); err != nil {
		return h, err
	}
	last := end{turns: len(ts), sum: [32]byte(sum.Sum(nil))}
	if _, err := out.Write(last.append(line[:0])); err != nil {
		return h, err
	}
	return h, out.Flush()
}
