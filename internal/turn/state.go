package turn

// State is what History knows of a turn, seen against its parents.
type State uint8

// The states of a turn. Pending becomes one of the later three when the last
// missing parent is there; nothing else ever changes.
const (
	Absent  State = iota // not stored
	Pending              // a parent is missing
	Valid                // to be shown
	Invalid              // breaks the rule of stamps: kept, passed on, never shown
	Newer                // of an unknown version or kind: shown as such, without lines
)

var stateNames = [...]string{"absent", "pending", "valid", "invalid", "newer"}

// String gives the state in one word, for logs.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}
