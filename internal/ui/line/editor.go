package line

import (
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// editor is one line of text being typed. It is edited by grapheme cluster
// (UAX #29): what a person sees as one character is one, however many code
// points it takes.
//
// Invariant: pos is a byte offset at the boundary of two clusters.
type editor struct {
	text string
	pos  int
}

// next gives the offset of the boundary after pos.
func (e *editor) next() int {
	cluster, _ := ansi.FirstGraphemeCluster(e.text[e.pos:], ansi.GraphemeWidth)
	return e.pos + len(cluster)
}

// previous gives the offset of the boundary before pos.
func (e *editor) previous() int {
	at, before := 0, 0
	for at < e.pos {
		cluster, _ := ansi.FirstGraphemeCluster(e.text[at:], ansi.GraphemeWidth)
		before, at = at, at+len(cluster)
	}
	return before
}

// insert puts s at the cursor and the cursor behind it. An accent joins the
// letter before it.
func (e *editor) insert(s string) {
	e.text = e.text[:e.pos] + s + e.text[e.pos:]
	e.seek(e.pos + len(s))
}

// seek puts the cursor at the first boundary that is not before at.
func (e *editor) seek(at int) {
	e.pos = 0
	for e.pos < at {
		e.pos = e.next()
	}
}

func (e *editor) left()  { e.pos = e.previous() }
func (e *editor) right() { e.pos = e.next() }
func (e *editor) home()  { e.pos = 0 }
func (e *editor) end()   { e.pos = len(e.text) }

// cut removes from a to b, boundaries both, and leaves the cursor there. What
// then stands side by side may become one cluster: the cursor goes behind it.
func (e *editor) cut(a, b int) {
	e.text = e.text[:a] + e.text[b:]
	e.seek(a)
}

func (e *editor) backspace() { e.cut(e.previous(), e.pos) }
func (e *editor) delete()    { e.cut(e.pos, e.next()) }
func (e *editor) cutBefore() { e.cut(0, e.pos) }
func (e *editor) cutAfter()  { e.cut(e.pos, len(e.text)) }

// cutWord removes the word before the cursor, and the spaces between the two.
func (e *editor) cutWord() {
	before := strings.TrimRightFunc(e.text[:e.pos], unicode.IsSpace)
	word := strings.TrimRightFunc(before, func(r rune) bool { return !unicode.IsSpace(r) })
	e.cut(len(word), e.pos)
}

// set replaces the text and puts the cursor at its end.
func (e *editor) set(text string) { e.text, e.pos = text, len(text) }
