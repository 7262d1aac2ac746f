package peer

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/turn"
)

// noted is a disk and a network that note what is done.
type noted struct {
	log  []string
	fail bool // no replica takes anything
}

func (n *noted) did(what string) { n.log = append(n.log, what) }

func (n *noted) Append([]*turn.Signed) (uint64, []error) {
	n.did("append")
	if n.fail {
		return 1, []error{errors.New("full"), errors.New("full")}
	}
	return 1, []error{errors.New("full"), nil}
}

func (n *noted) Queue([]QueuedLine) error    { n.did("queue"); return nil }
func (n *noted) Dequeue([]turn.LineID) error { n.did("dequeue"); return nil }
func (n *noted) Send(d Datagram) error       { n.did("send " + d.To); return nil }

// TestPerform checks the order of things, and that each of the four rules that make
// a crash harmless is needed for it: without it something else is done.
func TestPerform(t *testing.T) {
	for _, c := range []struct {
		fail bool
		want string
		not  broken.Rule
		then string
	}{
		{false, "queue, append, send other, send turn, dequeue", broken.WriteFirst, "queue, send other, send turn, send late, append, dequeue"},
		{true, "queue, append, send other, dequeue", broken.WrittenOrUnsaid, "queue, append, send other, send turn, dequeue"},
		{false, "queue, append, send other, send turn, dequeue", broken.NotAfter, "queue, append, send other, send turn, send late, dequeue"},
		{false, "queue, append, send other, send turn, dequeue", broken.UnsentWritten, "append, send other, send turn, dequeue"},
	} {
		perform := func(without broken.Rules) string {
			n := &noted{fail: c.fail}
			res := Perform(Ready{
				Queue: make([]QueuedLine, 1), Append: make([]*turn.Signed, 1), Dequeue: make([]turn.LineID, 1),
				Send:    []Datagram{{To: "other"}, {To: "turn", Says: true, NotAfter: 6 * time.Second}, {To: "late", Says: true, NotAfter: 5 * time.Second}},
				without: without,
			}, n, n, func() time.Duration {
				if slices.Contains(n.log, "append") { // which took long
					return 5 * time.Second
				}
				return time.Second
			})
			for i, to := range []string{"other", "turn", "late"} {
				if res.Sent[i] != slices.Contains(n.log, "send "+to) {
					t.Errorf("%v: %v is told to be sent: %v", n.log, to, res.Sent[i])
				}
			}
			return strings.Join(n.log, ", ")
		}
		if got := perform(broken.Rules{}); got != c.want {
			t.Errorf("done: %s\nnot:  %s", got, c.want)
		}
		if got := perform(broken.Of(c.not)); got != c.then {
			t.Errorf("without %v done: %s\nnot: %s", c.not, got, c.then)
		}
	}
}
