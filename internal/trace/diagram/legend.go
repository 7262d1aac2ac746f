package diagram

import (
	"strings"

	"github.com/papo-chat/papo/internal/ui/words"
)

// maxLegendViews bounds the views that the legend names; how many more there are is
// said.
const maxLegendViews = 16

// legend explains what is there to be seen, and nothing else.
type legend struct {
	items  []legendItem
	height float64
	width  float64
}

// legendItem is a sign, drawn at the left of (x, y), 34 wide, and what it means.
type legendItem struct {
	sign  func(x, y float64)
	text  string
	alone bool // in a line of its own
}

const (
	signWidth  = 40.0
	legendLine = 21.0
)

// legend collects what is drawn.
func (d *drawing) legend() *legend {
	l := &legend{width: d.width - 32}
	add := func(there bool, text string, sign func(x, y float64)) {
		if there {
			l.items = append(l.items, legendItem{sign: sign, text: text})
		}
	}
	fates := map[fate]bool{}
	for _, a := range d.arrows {
		fates[a.fate] = true
	}
	glyphs := map[glyph]bool{}
	for _, s := range d.spots {
		glyphs[s.glyph] = true
	}
	lives, holds := map[int]bool{}, false
	for _, c := range d.columns {
		for _, s := range d.lives(c) {
			lives[s.state] = true
		}
		holds = holds || len(c.holds) > 0
	}
	t := d.words.T
	add(fates[arrived], t("diagram.legend-message"), d.sample(arrived))
	add(fates[lost], t("diagram.legend-lost"), d.sample(lost))
	add(fates[open], t("diagram.legend-open"), d.sample(open))
	add(holds, t("diagram.legend-holds"), func(x, y float64) {
		d.f(`<rect class="hold" x="%v" y="%v" width="11" height="16"/>`, x+12, y-8)
	})
	for _, g := range []struct {
		glyph glyph
		text  string
	}{
		{glyphAsks, t("diagram.legend-asks")}, {glyphDefers, t("diagram.legend-defers")},
		{glyphTurn, t("diagram.legend-says")}, {glyphShown, t("diagram.legend-shows")},
		{glyphStart, t("diagram.legend-starts")}, {glyphCrash, t("diagram.legend-crash")}, {glyphWrong, t("diagram.legend-wrong")},
	} {
		add(glyphs[g.glyph], g.text, func(x, y float64) { d.glyph(g.glyph, x+17, y) })
	}
	add(lives[still], t("diagram.legend-still"), func(x, y float64) {
		d.f(`<line class="still" x1="%v" y1="%v" x2="%v" y2="%v"/>`, x+2, y, x+32, y)
	})
	add(len(d.cuts) > 0, t("diagram.legend-cut"), func(x, y float64) {
		d.f(`<path class="zigzag" d="M%v %vl5 4l5 -4l5 4l5 -4l5 4l5 -4"/>`, x+2, y-2)
	})
	d.legendViews(l)
	l.flow(nil, 0)
	return l
}

// legendViews adds the views in the order of their numbers.
func (d *drawing) legendViews(l *legend) {
	by := map[int]int{}
	for i, v := range d.views {
		by[v.number] = i
	}
	delete(by, 0)
	for n := 1; n <= min(len(by), maxLegendViews); n++ {
		i := by[n]
		var names []string
		for _, m := range d.views[i].members {
			names = append(names, clip(m, mostName))
		}
		text := d.words.T("diagram.legend-view", words.D{"Number": n, "Hash": clip(d.views[i].hash, 8)})
		if len(names) > 0 {
			text += ": " + strings.Join(names, ", ")
		}
		l.items = append(l.items, legendItem{text: fit(text, textSize, l.width-signWidth), alone: n == 1, sign: func(x, y float64) {
			d.f(`<rect x="%v" y="%v" width="30" height="13" fill="%s" stroke="#555" stroke-width=".6"/>`, x+2, y-6.5, d.viewFill(i))
		}})
	}
	if more := len(by) - maxLegendViews; more > 0 {
		l.items = append(l.items, legendItem{text: d.words.N("diagram.legend-more", more), sign: func(_, _ float64) {}})
	}
}

// sample draws an arrow for the legend.
func (d *drawing) sample(f fate) func(x, y float64) {
	return func(x, y float64) {
		switch f {
		case arrived:
			d.f(`<line class="arrow other" x1="%v" y1="%v" x2="%v" y2="%v" marker-end="url(#papo-other)"/>`, x+2, y-4, x+33, y+4)
		case lost:
			d.f(`<line class="arrow other lost" x1="%v" y1="%v" x2="%v" y2="%v"/>`, x+2, y-4, x+27, y+3)
			d.cross(x+27, y+3, "cross other", 5)
		case open:
			d.f(`<line class="arrow other" x1="%v" y1="%v" x2="%v" y2="%v" marker-end="url(#papo-other)"/><circle class="arrow other" cx="%v" cy="%v" r="2.5"/>`, x+2, y-4, x+24, y+2, x+28, y+3)
		}
	}
}

// flow puts the items one after the other in lines, and calls each with its place.
func (l *legend) flow(each func(i legendItem, x, y float64), at float64) {
	x, y := 16.0, at+14
	for n, i := range l.items {
		w := signWidth + measure(i.text, textSize) + 18
		if n > 0 && (i.alone || x+w > 16+l.width+18) {
			x, y = 16, y+legendLine
		}
		if each != nil {
			each(i, x, y)
		}
		x += w
	}
	l.height = y - at + 20
}

func (l *legend) draw(d *drawing, at float64) {
	d.f(`<line class="grid" x1="16" y1="%v" x2="%v" y2="%v"/>`+"\n", at-4, d.width-16, at-4)
	l.flow(func(i legendItem, x, y float64) {
		i.sign(x, y)
		d.f(`<text x="%v" y="%v">%s</text>`+"\n", x+signWidth, y+4.5, i.text)
	}, at)
}
