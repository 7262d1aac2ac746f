package member

// slotSet is a set of slots of the table, one bit each.
type slotSet [MostOthers / 64]uint64

func (s *slotSet) add(slot int)     { s[slot/64] |= 1 << (slot % 64) }
func (s *slotSet) remove(slot int)  { s[slot/64] &^= 1 << (slot % 64) }
func (s slotSet) has(slot int) bool { return s[slot/64]&(1<<(slot%64)) != 0 }

// within tells whether every slot of s is in o.
func (s slotSet) within(o slotSet) bool {
	for i := range s {
		if s[i]&^o[i] != 0 {
			return false
		}
	}
	return true
}
