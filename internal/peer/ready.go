package peer

import (
	"time"

	"github.com/papo-chat/papo/internal/broken"
	"github.com/papo-chat/papo/internal/turn"
)

// Datagram is one message to be sealed and sent.
type Datagram struct {
	To          string // address, as a Packet's From; empty: everybody
	Incarnation uint64
	Counter     uint32
	Payload     []byte
	// NotAfter is the Boot time from which it must not be sent any more: the
	// lease has ended. 0: it never expires. Who performs the Ready looks at
	// the clock after Append, not before.
	NotAfter time.Duration
	// Says marks a datagram that carries a turn of this Ready's Append: it
	// leaves only if a replica took the turn.
	Says bool
}

// QueuedLine is a line that waits to be said.
type QueuedLine struct {
	ID   turn.LineID
	Text string
}

// Ready is what is to be done, in this order: Queue is written, then Append,
// then the clock is read, then Send leaves; Dequeue comes last. Events may be
// shown at any time after Append.
type Ready struct {
	Queue   []QueuedLine   // to unsent.log, so that a crash loses no line
	Append  []*turn.Signed // to all replicas, before any datagram of Send leaves
	Send    []Datagram
	Dequeue []turn.LineID // said or cancelled: no longer in unsent.log
	Events  []Event

	without broken.Rules // what a simulation takes out of the rules
}

func (r Ready) empty() bool {
	return len(r.Queue) == 0 && len(r.Append) == 0 && len(r.Send) == 0 && len(r.Dequeue) == 0 && len(r.Events) == 0
}

// Performed is what became of a Ready.
type Performed struct {
	// Boot is the clock after Append and before the first datagram of Send
	// left. A hold that ends with this Ready ends at this time: nobody can
	// have got its permission before.
	Boot time.Duration
	// Seq numbers the append, higher than those before; Core.Synced refers to it.
	Seq uint64
	// Replicas says for each replica why Append failed there; nil: it did not. An error
	// with a method Uncertain that gives true says that the turns may be there all the same.
	Replicas []error
	// Queue is why unsent.log could not be written.
	Queue error
	// Sent says of each datagram of Send whether it left.
	Sent []bool
}

// kept tells whether at least one replica took the turns.
func (r Performed) kept() bool {
	for _, err := range r.Replicas {
		if err == nil {
			return true
		}
	}
	return false
}

// Disk is where turns and queued lines are kept.
type Disk interface {
	// Append adds the turns to all replicas. It returns the number of this
	// append and, for each replica, why it failed.
	Append([]*turn.Signed) (seq uint64, replicas []error)
	Queue([]QueuedLine) error
	Dequeue([]turn.LineID) error
}

// Network seals and sends. A datagram that is lost is no error.
type Network interface {
	Send(Datagram) error
}

// Perform does what a Ready asks. It is the only function that does: what a
// crash at any point of it leaves behind is what a crash of the program leaves.
func Perform(r Ready, disk Disk, net Network, boot func() time.Duration) Performed {
	res := Performed{Sent: make([]bool, len(r.Send))}
	if len(r.Queue) > 0 && !r.without.Has(broken.UnsentWritten) {
		res.Queue = disk.Queue(r.Queue)
	}
	first := !r.without.Has(broken.WriteFirst)
	if len(r.Append) > 0 && first {
		res.Seq, res.Replicas = disk.Append(r.Append)
	}
	res.Boot = boot()
	for i, d := range r.Send {
		if d.Says && first && !res.kept() && !r.without.Has(broken.WrittenOrUnsaid) {
			continue
		}
		if d.NotAfter != 0 && boot() >= d.NotAfter && !r.without.Has(broken.NotAfter) {
			continue
		}
		res.Sent[i] = net.Send(d) == nil
	}
	if len(r.Append) > 0 && !first {
		res.Seq, res.Replicas = disk.Append(r.Append)
	}
	if len(r.Dequeue) > 0 {
		// A failure means only that the line is looked for in the record at
		// the next start, and found there.
		_ = disk.Dequeue(r.Dequeue)
	}
	return res
}
