package e2e

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// What is checked, by porcupine, is the promise of the floor and nothing else: two
// members whose views at entry have a member in common never hold it at once, and in one
// view the stamps of turns rise from hold to hold. So there is not one mutex
// but one for each member and one for each view:
//
//   - A hold with the entry view {a, b, c} takes the locks of a, of b and of c, whoever
//     holds, and whatever their incarnations: a restart makes no new member. Two
//     holds compete for a lock exactly if their views share a member; sides of a partition compete for
//     none. These locks have no token: of two holds in different views the later one
//     need not have the higher stamps, as a permission tells what its giver has seen and no more.
//   - It takes the lock of its view too, which has the view's hash for its name (a set of incarnations), as
//     a fenced mutex. Its token is the Lamport clock: who enters must have one that is not below the stamps
//     of all turns said in that view before, and each turn a stamp above them.
//
// The moments of entering and leaving are exact, as all processes tell them by one clock
// and papo tells the transition, not its printing. Who does not leave, leaves when its
// last lease ends: that is when a member that was stopped or killed stops to hold. Two
// things are not known to the moment and are left to porcupine's search: a turn is
// said somewhere between the entry, or the turn before it, and the moment when it is told to be sent; and who was killed
// may have left between the last that it told and the end of its lease.

// lockAction is what is done to a lock.
type lockAction int

const (
	enters lockAction = iota
	says
	leaves
)

// lockInput is one action on one lock. hold tells holds apart, from 1.
type lockInput struct {
	action lockAction
	hold   int
	token  uint64 // enters: the clock, says: the stamp; 0 where tokens are not compared
	what   string // for people
}

// lockState is a lock: who holds it (0: nobody), and the highest token it has seen.
type lockState struct {
	hold  int
	token uint64
}

// step tells whether the lock allows the action, and what it is then.
func (s lockState) step(in lockInput) (bool, lockState) {
	switch in.action {
	case enters:
		return s.hold == 0 && (in.token == 0 || in.token >= s.token), lockState{in.hold, max(s.token, in.token)}
	case says:
		return s.hold == in.hold && in.token > s.token, lockState{in.hold, in.token}
	default:
		return s.hold == in.hold, lockState{0, s.token}
	}
}

var fencedMutex = porcupine.Model{
	Init: func() any { return lockState{} },
	Step: func(state, input, _ any) (bool, any) { return state.(lockState).step(input.(lockInput)) },
	DescribeOperation: func(input, _ any) string {
		return input.(lockInput).what
	},
	DescribeState: func(state any) string {
		s := state.(lockState)
		if s.hold == 0 {
			return fmt.Sprintf("free, token %d", s.token)
		}
		return fmt.Sprintf("held by hold %d, token %d", s.hold, s.token)
	},
}

// lockHistories gives what the holds do to each lock. stamps are those of the turns in
// the record.
func lockHistories(all []hold, book viewBook, stamps map[string]uint64) (map[string][]porcupine.Operation, error) {
	histories := map[string][]porcupine.Operation{}
	clients := map[string]int{}
	for i, h := range all {
		client, known := clients[h.who]
		if !known {
			client = len(clients)
			clients[h.who] = client
		}
		keys, known := book.keys(h.view)
		if !known {
			return nil, fmt.Errorf("%s entered with a view that nobody can have, %s: %+v", h.who, h.view, h)
		}
		do := func(lock string, from, to int64, in lockInput) {
			in.hold = i + 1
			// Who entered when its leases had ended held for no time.
			from, to = max(from, h.from), max(to, h.from)
			histories[lock] = append(histories[lock], porcupine.Operation{ClientId: client, Input: in, Call: from, Return: to})
		}
		for _, key := range keys {
			do("member "+key, h.from, h.from, lockInput{action: enters, what: h.who + " enters"})
			do("member "+key, h.to, h.latest, lockInput{action: leaves, what: h.who + " leaves"})
		}
		view := "view " + h.view
		do(view, h.from, h.from, lockInput{action: enters, token: h.clock, what: fmt.Sprintf("%s enters at %d", h.who, h.clock)})
		before := h.from
		for _, t := range h.turns {
			stamp, known := stamps[t.id]
			if !known {
				return nil, fmt.Errorf("%s said the turn %s, which is not in the record", h.who, t.id)
			}
			do(view, min(before, t.told), t.told, lockInput{action: says, token: stamp, what: fmt.Sprintf("%s says %d", h.who, stamp)})
			before = t.told + 1
		}
		do(view, h.to, h.latest, lockInput{action: leaves, what: h.who + " leaves"})
	}
	return histories, nil
}

// describe writes a history for people, in the order in which its operations begin.
func describe(history []porcupine.Operation) string {
	sorted := slices.Clone(history)
	slices.SortStableFunc(sorted, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var b strings.Builder
	for _, o := range sorted {
		in := o.Input.(lockInput)
		fmt.Fprintf(&b, "%d to %d  hold %d: %s\n", o.Call, o.Return, in.hold, in.what)
	}
	return b.String()
}

// lockPatience bounds the search in one history. It is no measure: a search that takes
// longer proves nothing, and fails.
const lockPatience = time.Minute

// broken is a lock whose history is not one of a fenced mutex.
type broken struct {
	lock   string
	result porcupine.CheckResult
	info   porcupine.LinearizationInfo
}

// checkLocks gives the first lock that did not do what a fenced mutex does, and the number
// of locks and of operations.
func checkLocks(histories map[string][]porcupine.Operation) (bad *broken, operations int) {
	var names []string
	for name := range histories {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		operations += len(histories[name])
		result, info := porcupine.CheckOperationsVerbose(fencedMutex, histories[name], lockPatience)
		if result != porcupine.Ok && bad == nil {
			bad = &broken{name, result, info}
		}
	}
	return bad, operations
}
