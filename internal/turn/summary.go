package turn

// Summary is what chatting needs to know of a record, however long it is: what a
// checkpoint keeps beside the turns, so that a start need not read them all.
type Summary struct {
	Count int    // of all turns
	Top   Item   // the last within reach: see MaxStamp
	Heads []Item // by id
	// Above are the items behind Top, in the order: there are none, unless somebody
	// breaks the rules.
	Above []Item
	// Exceptions are the turns that are not Valid, in the order.
	Exceptions []Exception
	// Recent are turns that follow one another in the order, up to Top, without a
	// gap: so many as are to be shown before all is read.
	Recent []*Signed
}

// Exception is a turn that is not Valid.
type Exception struct {
	Item  Item
	State State
	// The rest is of one that is Pending.
	Missing []ID   // the parents that are not stored, by id; at least one
	Top     uint64 // the highest stamp of the others; 0: there are none
	Known   bool   // this version understands it
}
