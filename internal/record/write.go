package record

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"

	"github.com/papo-chat/papo/internal/turn"
)

// Write writes turns of one group as a file under a header, which says what they
// are. They must be in the order, each once, and as many as the header says; an
// error of theirs ends it and is given back as it is. It keeps no turn. The bytes
// depend on the header and the turns alone.
func Write(w io.Writer, h Header, turns iter.Seq2[*turn.Signed, error]) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(w, 1<<16)
	both := io.MultiWriter(out, sum)
	line := h.append(nil)
	n := 0
	var last turn.Item
	for s, err := range turns {
		if err != nil {
			return err
		}
		if n > 0 && !last.Less(s.Item()) {
			return fmt.Errorf("record: turn %s is not in the order", s.ID().Short())
		}
		if _, err := both.Write(line); err != nil {
			return err
		}
		line = appendTurn(line[:0], s)
		last = s.Item()
		n++
	}
	if n != h.Turns {
		return fmt.Errorf("record: %d turns, and not the %d of the header", n, h.Turns)
	}
	if _, err := both.Write(line); err != nil {
		return err
	}
	e := end{turns: n, sum: [32]byte(sum.Sum(nil))}
	if _, err := out.Write(e.append(line[:0])); err != nil {
		return err
	}
	return out.Flush()
}
