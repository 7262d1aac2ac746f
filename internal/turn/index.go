package turn

import (
	"bytes"
	"slices"
)

// width bounds the items of a leaf and the branches of an inner node. A node that
// grows past it is split in two.
const width = 64

// index is a set of items in the order: a B-tree that keeps, beside each branch,
// the number of items below it and the sum of their ids, so that every question
// costs O(log n). Nothing is ever taken out. The zero value is empty.
type index struct {
	root branch
}

// branch is a subtree with what is known of it. One without node is empty.
type branch struct {
	node  *node
	low   Item // the least item below
	count int
	sum   Sum
}

// node has items if it is a leaf, else kids, in the order.
type node struct {
	items []Item
	kids  []branch
}

func (x *index) len() int { return x.root.count }

// bulk fills an empty index with items that are in the order, without doubles. The
// leaves are pieces of the slice, until they change.
func (x *index) bulk(items []Item) {
	if len(items) == 0 {
		return
	}
	level := make([]branch, 0, pieces(len(items)))
	for i := range pieces(len(items)) {
		lo, hi := piece(len(items), i)
		level = append(level, branchOf(&node{items: items[lo:hi:hi]}))
	}
	for len(level) > 1 {
		above := make([]branch, 0, pieces(len(level)))
		for i := range pieces(len(level)) {
			lo, hi := piece(len(level), i)
			above = append(above, branchOf(&node{kids: slices.Clone(level[lo:hi])}))
		}
		level = above
	}
	x.root = level[0]
}

// pieces is how many nodes n things take, piece what the i-th of them gets: equal
// shares, so that none is less than half full.
func pieces(n int) int { return (n + width - 1) / width }

func piece(n, i int) (from, to int) { return i * n / pieces(n), (i + 1) * n / pieces(n) }

// has tells whether it is there.
func (x *index) has(it Item) bool {
	n := x.root.node
	if n == nil {
		return false
	}
	for n.kids != nil {
		n = n.kids[n.kidOf(it)].node
	}
	_, found := place(n.items, &it)
	return found
}

// each gives all items in the order.
func (x *index) each(do func(Item)) {
	if x.root.node != nil {
		x.root.node.each(do)
	}
}

func (n *node) each(do func(Item)) {
	for _, it := range n.items {
		do(it)
	}
	for i := range n.kids {
		n.kids[i].node.each(do)
	}
}

// insert adds it and tells whether it was new.
func (x *index) insert(it Item) bool {
	if x.root.node == nil {
		x.root.node = &node{}
	}
	added, right := x.root.insert(it)
	if right != nil {
		x.root = branchOf(&node{kids: []branch{x.root, *right}})
	}
	return added
}

// insert adds it below b. A right half that was split off is given back.
func (b *branch) insert(it Item) (added bool, right *branch) {
	n := b.node
	if n.kids == nil {
		i, found := place(n.items, &it)
		if found {
			return false, nil
		}
		n.items = slices.Insert(n.items, i, it)
	} else {
		i := n.kidOf(it)
		added, split := n.kids[i].insert(it)
		if !added {
			return false, nil
		}
		if split != nil {
			n.kids = slices.Insert(n.kids, i+1, *split)
		}
	}
	if b.count == 0 || it.Less(b.low) {
		b.low = it
	}
	b.count++
	b.sum = b.sum.Plus(SumOf(it.ID))
	return true, b.split()
}

// split cuts b in two if its node is too wide, and gives the right half. Neither
// keeps the room that the whole had: most leaves never change again.
func (b *branch) split() *branch {
	n := b.node
	var half *node
	switch {
	case len(n.items) > width:
		half = &node{items: slices.Clone(n.items[width/2:])}
		n.items = slices.Clone(n.items[:width/2])
	case len(n.kids) > width:
		half = &node{kids: slices.Clone(n.kids[width/2:])}
		n.kids = slices.Clone(n.kids[:width/2])
	default:
		return nil
	}
	right := branchOf(half)
	b.count -= right.count
	b.sum = b.sum.Minus(right.sum)
	return &right
}

// branchOf counts and sums what is directly in n, which is not empty.
func branchOf(n *node) branch {
	b := branch{node: n}
	if n.kids == nil {
		b.low, b.count = n.items[0], len(n.items)
		for _, it := range n.items {
			b.sum = b.sum.Plus(SumOf(it.ID))
		}
		return b
	}
	b.low = n.kids[0].low
	for _, k := range n.kids {
		b.count += k.count
		b.sum = b.sum.Plus(k.sum)
	}
	return b
}

// kidOf gives the number of the kid that it belongs to.
func (n *node) kidOf(it Item) int {
	from, to := 1, len(n.kids)
	for from < to {
		if mid := (from + to) / 2; it.Less(n.kids[mid].low) {
			to = mid
		} else {
			from = mid + 1
		}
	}
	return from - 1
}

// place is slices.BinarySearchFunc with Item.Compare, in a fifth of the time: every
// question that is asked of a record comes here.
func place(items []Item, it *Item) (i int, found bool) {
	from, to := 0, len(items)
	for from < to {
		mid := (from + to) / 2
		if o := &items[mid]; o.Stamp < it.Stamp || o.Stamp == it.Stamp && bytes.Compare(o.ID[:], it.ID[:]) < 0 {
			from = mid + 1
		} else {
			to = mid
		}
	}
	return from, from < len(items) && items[from] == *it
}

// rank is the number of items before it.
func (x *index) rank(it Item) int {
	n, before := x.root.node, 0
	if n == nil {
		return 0
	}
	for n.kids != nil {
		k := n.kidOf(it)
		for i := range k {
			before += n.kids[i].count
		}
		n = n.kids[k].node
	}
	i, _ := place(n.items, &it)
	return before + i
}

// at gives item i, 0 <= i < len.
func (x *index) at(i int) Item {
	n := x.root.node
	for n.kids != nil {
		k := 0
		for i >= n.kids[k].count {
			i -= n.kids[k].count
			k++
		}
		n = n.kids[k].node
	}
	return n.items[i]
}

// sumBefore adds the ids of the first i items, 0 <= i <= len.
func (x *index) sumBefore(i int) Sum {
	var s Sum
	if i == x.len() {
		return x.root.sum
	}
	n := x.root.node
	for n.kids != nil {
		k := 0
		for i >= n.kids[k].count {
			i -= n.kids[k].count
			s = s.Plus(n.kids[k].sum)
			k++
		}
		n = n.kids[k].node
	}
	for _, it := range n.items[:i] {
		s = s.Plus(SumOf(it.ID))
	}
	return s
}
