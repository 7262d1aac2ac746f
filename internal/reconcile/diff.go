package reconcile

import (
	"fmt"

	"github.com/papo-chat/papo/internal/turn"
)

// Diff reconciles two sets that are both at hand, as those of two replica files
// are. onlyA are the ids in a and not in b, onlyB those in b and not in a, each
// once, in no particular order. Neither set may change meanwhile. Sets that
// differ little cost little: O(log n) for each difference.
func Diff(a, b Set) (onlyA, onlyB []turn.ID) {
	s := &Session{set: a}
	for msg := s.Initiate(); msg != nil; {
		reply, err := Respond(b, 0, msg)
		var have, need []turn.ID
		if err == nil {
			msg, have, need, err = s.Reconcile(reply)
		}
		if err != nil {
			// Both sides wrote their messages here, so this is a Set that does
			// not do what Set says, and any answer would be wrong.
			panic(fmt.Sprintf("reconcile: Diff of sets that break their contract: %v", err))
		}
		onlyA, onlyB = append(onlyA, have...), append(onlyB, need...)
	}
	return onlyA, onlyB
}
