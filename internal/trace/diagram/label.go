package diagram

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/papo-chat/papo/internal/trace"
)

// Sizes of text.
const (
	textSize  = 13.0
	labelSize = 12.0
	smallSize = 11.0
)

// box is a part of the picture.
type box struct{ x, y, w, h float64 }

func (b box) overlaps(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

// crosses says whether a line goes through the box (Liang and Barsky, 1984).
func (b box) crosses(x1, y1, x2, y2 float64) bool {
	if max(y1, y2) < b.y || min(y1, y2) > b.y+b.h {
		return false
	}
	t0, t1 := 0.0, 1.0
	for _, side := range [4][2]float64{{x1 - x2, x1 - b.x}, {x2 - x1, b.x + b.w - x1}, {y1 - y2, y1 - b.y}, {y2 - y1, b.y + b.h - y1}} {
		by, to := side[0], side[1]
		switch {
		case by == 0:
			if to < 0 {
				return false
			}
		case by < 0:
			t0 = max(t0, to/by)
		default:
			t1 = min(t1, to/by)
		}
	}
	return t0 < t1
}

// leftOf is the style of text that ends where its box does.
const leftOf = " left"

// label is text that has found its place.
type label struct {
	box
	lines []string
	style string
	size  float64
}

// layLabels finds places for the texts: first for those beside the columns, for which
// layRows left room, then for those on the arrows, which are left out where there is
// none.
func (p *picture) layLabels() {
	for _, c := range p.columns {
		p.taken = append(p.taken, box{c.x - 7, namesY, 14, p.bottom - namesY})
		for _, s := range p.spans(c.views, -1) {
			if s.state < 0 {
				continue
			}
			p.taken = append(p.taken, box{c.x - 16, s.y1, 8, s.y2 - s.y1}) // the strip
			b := box{c.x - 37, s.y1 - 1, 20, lineHeight - 1}
			p.taken = append(p.taken, b)
			p.labels = append(p.labels, label{b, []string{p.viewName(s.state)}, "view" + leftOf, smallSize})
		}
	}
	for _, c := range p.cuts {
		p.taken = append(p.taken, box{axisX, c.y - bandHeight/2, p.right - axisX, bandHeight})
	}
	for _, s := range p.spots {
		if s.column >= 0 && len(s.texts) > 0 {
			p.placeTexts(s)
		}
	}
	labelled := map[string][]*arrow{}
	for _, a := range p.arrows {
		if a.fate == lost && a.why != "" {
			p.placeReason(a)
		}
		labelled[a.datagram] = append(labelled[a.datagram], a)
	}
	for _, a := range p.arrows {
		if all := labelled[a.datagram]; nearestOfSide(a, all) && a.x1 != a.x2 {
			p.placeLabel(a)
		}
	}
}

// nearestOfSide says whether none of the arrows of one message goes less far to the
// same side: the message is named there, once.
func nearestOfSide(a *arrow, all []*arrow) bool {
	return !slices.ContainsFunc(all, func(b *arrow) bool {
		return b != a && (b.x2 > b.x1) == (a.x2 > a.x1) && math.Abs(b.x2-b.x1) < math.Abs(a.x2-a.x1)
	})
}

// placeTexts puts the texts of a spot beside its column.
func (p *picture) placeTexts(s *spot) {
	w := 0.0
	for _, t := range s.texts {
		w = max(w, measure(t, textSize))
	}
	x, h := p.columns[s.column].x, lineHeight*float64(len(s.texts))
	right, left := x+11, x-20-w
	p.place(label{box{w: w, h: h}, s.texts, "mark", textSize}, nil, true, [][2]float64{
		{right, s.y - h/2}, {right, s.y - h - 2}, {right, s.y + 3}, {left, s.y - h/2}, {left, s.y - h - 2}, {left, s.y + 3},
		{right, s.y - h - 8}, {right, s.y + 9},
	})
	if l := &p.labels[len(p.labels)-1]; l.x < x {
		l.style += leftOf
	}
}

// placeReason says beside the cross why a message is lost.
func (p *picture) placeReason(a *arrow) {
	text := clip(a.why, mostText)
	w := measure(text, smallSize)
	x, y, style := a.x2+7, a.y2-3, "why"
	if a.x2 < a.x1 {
		x, style = a.x2-7-w, style+leftOf
	}
	p.place(label{box{w: w, h: lineHeight - 1}, []string{text}, style, smallSize}, a, false, [][2]float64{
		{x, y}, {a.x2 - w/2, a.y2 + 6}, {a.x2 - w/2, a.y2 - 20},
	})
}

// placeLabel names a message on its arrow.
func (p *picture) placeLabel(a *arrow) {
	full, short := name(&a.message), shortName(&a.message)
	if !p.placeName(a, full) && short != full {
		p.placeName(a, short)
	}
}

// placeName is for one of its names. It says whether there is room.
func (p *picture) placeName(a *arrow, text string) bool {
	w, h := measure(text, labelSize)+4, lineHeight+1
	x2, y2 := a.x2, a.y2
	if a.target != nil && a.fate == arrived { // of a long one, the first gap between columns
		n := math.Abs(float64(a.target.index - a.source.index))
		x2, y2 = a.x1+(a.x2-a.x1)/n, a.y1+(a.y2-a.y1)/n
	}
	var places [][2]float64
	for _, t := range []float64{0.33, 0.26, 0.4, 0.48, 0.2, 0.56, 0.64, 0.72, 0.8} {
		places = append(places, [2]float64{a.x1 + (x2-a.x1)*t - w/2, a.y1 + (y2-a.y1)*t - h/2})
	}
	if a.target == nil { // too short: behind its end
		places = [][2]float64{{a.x2 + 9, a.y2 - h/2}, {a.x2 + 9, a.y2 - h/2 + 6}, {a.x2 + 9, a.y2 - h}}
	}
	style := "label " + class(&a.message)
	if a.faint {
		style = "label faint"
	}
	return p.place(label{box{w: w, h: h}, []string{text}, style, labelSize}, a, false, places)
}

// place takes the best of some places: where nothing else stands, with the fewest
// arrows of other messages behind it. Where none is free it is left out, unless it must
// be shown.
func (p *picture) place(l label, own *arrow, must bool, places [][2]float64) bool {
	const taken = 1000
	best, least := box{}, math.MaxInt
	for i, at := range places {
		b := box{at[0], at[1], l.w, l.h}
		cost := i
		if b.x < axisX+4 || b.x+b.w > p.width-2 {
			cost += taken
		}
		for _, o := range p.taken {
			if b.overlaps(o) {
				cost += taken
			}
		}
		for _, a := range p.arrows {
			if (own == nil || a.datagram != own.datagram) && b.crosses(a.x1, a.y1, a.x2, a.y2) {
				cost += 10
			}
		}
		if cost < least {
			best, least = b, cost
		}
	}
	if least >= taken && !must {
		return false
	}
	l.box = best
	p.labels = append(p.labels, l)
	p.taken = append(p.taken, best)
	return true
}

func number(ts uint64) string { return "(" + strconv.FormatUint(ts, 10) + ")" }

// class is the kind of a message in the style sheet.
func class(m *trace.Message) string {
	switch m.Msg {
	case "REQ", "REP", "TURN":
		return strings.ToLower(m.Msg)
	}
	return "other"
}

// shortName is what stands on the arrow of a message where there is little room.
func shortName(m *trace.Message) string {
	switch m.Msg {
	case "REQ", "WAIT", "RELEASE":
		return m.Msg + number(m.TS)
	case "TURN":
		if m.Stamp > 0 {
			return m.Msg + number(m.Stamp)
		}
	}
	return clip(m.Msg, mostName)
}

// name is what stands on the arrow of a message.
func name(m *trace.Message) string {
	text := shortName(m)
	switch {
	case len(m.Grants) == 0:
		return text
	case m.Msg == "REP" && len(m.Grants) == 1:
		return text + number(m.Grants[0].TS)
	case m.Msg != "REP":
		text += " + REP"
	}
	if len(m.Grants) == 1 {
		return text + number(m.Grants[0].TS) + " " + clip(m.Grants[0].To, mostName)
	}
	to := make([]string, 0, len(m.Grants))
	for _, g := range m.Grants {
		to = append(to, g.To)
	}
	return text + " " + clip(strings.Join(to, ", "), mostText)
}
