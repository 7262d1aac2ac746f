package line

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// cell is one grapheme cluster as it is drawn.
type cell struct {
	text  string
	width int
	at    int // its offset in the text
}

// cells cuts text into what is drawn for each cluster, so that its width is
// certain. Terminals differ over clusters of several code points (an emoji
// family: two columns or six); unless the terminal said that it counts clusters
// (mode 2027), only the first code point of such a one is drawn. A tab is
// one space. What takes no room by itself, or is of doubtful width even so, is
// drawn as U+FFFD.
func cells(text string, clusters bool) []cell {
	var cs []cell
	for at := 0; at < len(text); {
		cluster, width := ansi.FirstGraphemeCluster(text[at:], ansi.GraphemeWidth)
		c := cell{text: cluster, width: width, at: at}
		if !clusters && width != ansi.StringWidthWc(cluster) {
			_, n := utf8.DecodeRuneInString(cluster)
			c.text = cluster[:n]
			c.width = ansi.StringWidthWc(c.text)
		}
		switch {
		case cluster == "\t":
			c.text, c.width = " ", 1
		case c.width == 0, !clusters && c.width != ansi.StringWidth(c.text):
			c.text, c.width = string(utf8.RuneError), 1
		}
		cs = append(cs, c)
		at += len(cluster)
	}
	return cs
}

// turnIndent and indent stand before the rows that continue a turn, as wide as
// its time, and any other line: no wrapped text can look like somebody's turn.
const (
	turnIndent = "           "
	indent     = "    "
)

// wrap cuts a line into rows of at most width columns, by whatever way a
// terminal counts: between words, but a word that does not fit into a row is cut
// where the row ends. Only a cluster that is wider than a row sticks out.
// Tabs become four spaces.
func wrap(line string, width int) []string {
	lead := indent
	if strings.HasPrefix(line, "[") {
		lead = turnIndent
	}
	if width < 2*len(lead) {
		lead = " "
	}
	line = strings.ReplaceAll(line, "\t", "    ")
	w := wrapper{width: width, lead: lead}
	for line != "" {
		end := strings.IndexByte(line, ' ')
		switch end {
		case -1:
			end = len(line)
		case 0:
			end = 1
		}
		w.word(line[:end])
		line = line[end:]
	}
	return append(w.rows, w.row)
}

// wrapper fills rows.
type wrapper struct {
	width int
	lead  string // of all rows but the first
	rows  []string
	row   string // being filled
	used  int    // columns of it
	begun bool   // there is more in it than lead
}

// word adds a word, or one space.
func (w *wrapper) word(word string) {
	n := widest(word)
	switch {
	case w.used+n <= w.width:
		w.add(word, n)
		return
	case word == " ":
		return // it would end the row
	case len(w.lead)+n <= w.width:
		w.next()
		w.add(word, n)
		return
	}
	for word != "" {
		cluster, _ := ansi.FirstGraphemeCluster(word, ansi.GraphemeWidth)
		n := widest(cluster)
		if w.used+n > w.width && w.begun {
			w.next()
		}
		w.add(cluster, n)
		word = word[len(cluster):]
	}
}

func (w *wrapper) add(s string, n int) {
	w.row += s
	w.used += n
	w.begun = true
}

func (w *wrapper) next() {
	w.rows = append(w.rows, strings.TrimRight(w.row, " "))
	w.row, w.used, w.begun = w.lead, len(w.lead), false
}

// widest is the width of s on the terminal that gives it most.
func widest(s string) int { return max(ansi.StringWidth(s), ansi.StringWidthWc(s)) }
