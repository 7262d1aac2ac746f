// Package broken names the rules of papo that can be taken out, one at a time, to
// see what goes wrong without them. That is how a simulation proves that it would
// find a fault, and what `papo lab --break` shows.
//
// The code that obeys a rule asks Rules.Has at one place. Outside of simulations
// nothing is ever taken out, and then asking costs one AND. The package is
// internal, and Rules has no exported field and no method that gives another Rules:
// so a program that imports package floor from outside of this module can set
// nothing but the zero value, which is all rules.
package broken

// Rules is a set of rules that are taken out. The zero value is empty: nothing is
// broken. Two of them can be compared with ==.
type Rules struct {
	low, high uint64 // bit r%64 of each: below 64, and from there on
}

// Of returns the set of these rules.
func Of(rules ...Rule) Rules {
	var s Rules
	for _, r := range rules {
		if r < 64 {
			s.low |= 1 << r
		} else {
			s.high |= 1 << (r - 64)
		}
	}
	return s
}

// Has tells whether a rule is taken out.
func (s Rules) Has(r Rule) bool {
	if r < 64 {
		return s.low&(1<<r) != 0
	}
	return s.high&(1<<(r-64)) != 0
}
