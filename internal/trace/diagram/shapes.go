package diagram

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// tints are the colours of views, in light tones that print as different greys, and
// each has a pattern of its own. They begin again after the last; the number beside the
// strip tells such views apart.
var tints = []struct{ colour, pattern string }{
	{"#9ecae1", ""},
	{"#fdd49e", "M0 0L6 6M-1 5L1 7M5 -1L7 1"},
	{"#a1d99b", "M0 3H6"},
	{"#dadaeb", "M0 6L6 0M-1 1L1 -1M5 7L7 5"},
	{"#fbb4b9", "M3 0V6M0 3H6"},
	{"#ffffb3", "M1.5 1.5h1M4.5 4.5h1"},
	{"#ccebc5", "M3 0V6"},
	{"#e5d8bd", "M0 0L6 6M0 6L6 0"},
}

// patterns writes what surfaces are filled with.
func (d *drawing) patterns() {
	d.f(`<defs><pattern id="papo-hold" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="#fdae6b"/><path d="M0 6L6 0M-1 1L1 -1M5 7L7 5" stroke="#7a2b00" stroke-width="1.5"/></pattern>` + "\n")
	used := 0
	for _, v := range d.views {
		used = max(used, v.number)
	}
	for i, t := range tints[:min(used, len(tints))] {
		d.f(`<pattern id="papo-view%d" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="%s"/><path d="%s" stroke="#333" stroke-width=".9"/></pattern>`+"\n", i+1, t.colour, t.pattern)
	}
	for _, m := range [][2]string{{"req", "#12508f"}, {"rep", "#0f6b33"}, {"turn", "#111"}, {"other", "#555"}, {"faint", "#aaa"}} {
		d.f(`<marker id="papo-%s" viewBox="0 0 10 8" refX="9.5" refY="4" markerWidth="10" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L10 4L0 8z" fill="%s"/></marker>`+"\n", m[0], m[1])
	}
	d.f("</defs>\n")
}

func (p *picture) viewName(i int) string { return "V" + strconv.Itoa(p.views[i].number) }

// viewFill is what the strip of a view is filled with.
func (p *picture) viewFill(i int) string {
	return fmt.Sprintf("url(#papo-view%d)", (p.views[i].number-1)%len(tints)+1)
}

// column draws a member: its name, its life, its views and when it held the floor.
func (d *drawing) column(c *column) {
	name := fit(clip(c.name, 3*mostName), textSize, nearest-26)
	w := measure(name, textSize) + 14
	d.f(`<rect class="glyph" x="%v" y="%v" width="%v" height="22" rx="3"/><text class="name" x="%v" y="%v">%s</text>`+"\n", c.x-w/2, namesY, w, c.x, namesY+16, name)
	lives := d.lives(c)
	for i, s := range lives {
		y1 := s.y1
		if i == 0 {
			y1 = namesY + 22
		}
		switch style := "line"; {
		case s.state == down:
		default:
			if s.state == still {
				style = "still"
			} else if c.heard {
				style = "heard"
			}
			d.f(`<line class="%s" x1="%v" y1="%v" x2="%v" y2="%v"/>`, style, c.x, y1, c.x, s.y2)
		}
	}
	for _, s := range d.spans(c.views, -1) {
		if s.state >= 0 {
			d.f(`<rect x="%v" y="%v" width="7" height="%v" fill="%s" stroke="#555" stroke-width=".6"><title>%s %s</title></rect>`,
				c.x-16, s.y1, s.y2-s.y1, d.viewFill(s.state), d.viewName(s.state), d.views[s.state].hash)
		}
	}
	for _, h := range c.holds {
		if h.to < d.options.From {
			continue
		}
		y1, y2 := d.height(h.from), d.height(h.to)
		if h.from < d.options.From {
			y1 = top
		}
		if more := leastHold - (y2 - y1); more > 0 {
			y1, y2 = y1-more/2, y2+more/2
		}
		d.f(`<rect class="hold" x="%v" y="%v" width="11" height="%v"/>`, c.x-5.5, y1, y2-y1)
		for _, at := range h.renewed {
			d.f(`<line class="renewed" x1="%v" y1="%v" x2="%v" y2="%v"/>`, c.x-9, d.height(at), c.x+9, d.height(at))
		}
	}
	d.f("\n")
}

// arrow draws a message; what it says in full can be read by pointing at it.
func (d *drawing) arrow(a *arrow) {
	style := class(&a.message)
	if a.faint {
		style = "faint"
	}
	x1, y1, x2, y2 := a.x1, a.y1, a.x2, a.y2
	if long := math.Hypot(x2-x1, y2-y1); long > 8 { // it begins and ends beside the column
		x1, y1 = x1+(x2-x1)/long*3, y1+(y2-y1)/long*3
		if a.fate == arrived {
			x2, y2 = x2-(x2-x1)/long*3, y2-(y2-y1)/long*3
		}
	}
	whole := "whole"
	if a.fate == lost {
		whole = "lost"
	}
	d.f(`<g><title>%s</title><line class="arrow %s %s" x1="%v" y1="%v" x2="%v" y2="%v"`, d.tooltip(a), style, whole, x1, y1, x2, y2)
	if a.fate != lost {
		d.f(` marker-end="url(#papo-%s)"`, style)
	}
	d.f("/>")
	if a.fate == lost {
		d.cross(x2, y2, "cross "+style, 5)
	}
	if a.fate == open {
		d.f(`<circle class="arrow %s" cx="%v" cy="%v" r="2.5"/>`, style, x2+3, y2+1)
	}
	d.f("</g>\n")
}

func (d *drawing) cross(x, y float64, style string, r float64) {
	d.f(`<path class="%s" d="M%v %vL%v %vM%v %vL%v %v"/>`, style, x-r, y-r, x+r, y+r, x-r, y+r, x+r, y-r)
}

// tooltip is all that is known of a message.
func (d *drawing) tooltip(a *arrow) string {
	m := &a.message
	text := []string{m.Msg}
	add := func(name string, value any) { text = append(text, fmt.Sprintf("%s=%v", name, value)) }
	if m.TS > 0 {
		add("ts", m.TS)
	}
	if m.K > 0 {
		add("k", m.K)
	}
	if m.Stamp > 0 {
		add("stamp", m.Stamp)
	}
	if m.View != "" {
		add("view", m.View)
	}
	if m.Why != "" {
		add("why", m.Why)
	}
	for _, g := range m.Grants {
		text = append(text, fmt.Sprintf("to=%s ts=%d", g.To, g.TS))
	}
	to := "*"
	if a.target != nil {
		to = a.target.name
	}
	text = append(text, fmt.Sprintf("· %s → %s", a.source.name, to))
	if a.known {
		text = append(text, "· "+d.seconds(a.at, 6)+" s")
	}
	switch a.fate {
	case arrived:
		text = append(text, "→ "+d.seconds(a.came, 6)+" s")
	case lost:
		text = append(text, "× "+a.why)
	}
	return clip(strings.Join(text, " "), 400)
}

// glyph draws the mark of a spot.
func (d *drawing) glyph(g glyph, x, y float64) {
	switch g {
	case glyphTick:
		d.f(`<line class="line" x1="%v" y1="%v" x2="%v" y2="%v"/>`, x-4, y, x+4, y)
	case glyphShown:
		d.f(`<rect class="glyph" x="%v" y="%v" width="8" height="8"/>`, x-4, y-4)
	case glyphTurn:
		d.f(`<rect class="glyph full" x="%v" y="%v" width="8" height="8"/>`, x-4, y-4)
	case glyphAsks:
		d.f(`<circle class="glyph" cx="%v" cy="%v" r="4.5"/>`, x, y)
	case glyphDefers:
		d.f(`<path class="glyph" d="M%v %vH%vL%v %vH%vz"/>`, x-5, y-6, x+5, x-5, y+6, x+5)
	case glyphStart:
		d.f(`<circle class="glyph full" cx="%v" cy="%v" r="4"/>`, x, y)
	case glyphStop:
		d.f(`<line class="cross turn" x1="%v" y1="%v" x2="%v" y2="%v"/>`, x-8, y, x+8, y)
	case glyphCrash:
		d.cross(x, y, "crash", 8)
	case glyphWrong:
		d.f(`<path class="glyph wrong" d="M%v %vL%v %vH%vz"/>`, x, y-8, x+8, y+6, x-8)
	}
}

// noteLine leads from the columns to a note at the side.
func (d *drawing) noteLine(n *note) {
	x := axisX
	if n.spot.column >= 0 {
		x = d.columns[n.spot.column].x
	}
	d.f(`<path class="fault" d="M%v %vH%vL%v %v"/>`+"\n", x, n.spot.y, d.right-6, d.right+2, n.y+6)
}

// note writes a note at the side.
func (d *drawing) note(n *note) {
	style := "note notehead"
	if n.wrong {
		style = "note wrong"
	}
	d.f(`<line class="line" x1="%v" y1="%v" x2="%v" y2="%v"/>`, d.right+3, n.y-2, d.right+3, n.y+lineHeight*float64(len(n.lines)))
	for i, l := range n.lines {
		if i == n.head {
			style = "note"
		}
		d.f(`<text class="%s" x="%v" y="%v">%s</text>`, style, d.right+9, n.y+10+lineHeight*float64(i), l)
	}
	d.f("\n")
}
