package diagram

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// Draw writes a trace, or the part that o chooses, as an SVG picture that needs nothing
// else. Its errors are those of events and of w, a *TooLargeError, an
// *UnknownMemberError and ErrEmpty; but for those of w nothing is written then.
func Draw(w io.Writer, h trace.Header, events iter.Seq2[trace.Event, error], o Options) error {
	s, err := newScene(h, events, o)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	d := &drawing{picture: lay(s), out: out}
	d.draw()
	return out.Flush()
}

// drawing writes a picture. The writer keeps its first error.
type drawing struct {
	*picture
	out *bufio.Writer
}

// f writes formatted text; of its arguments, strings are escaped and numbers rounded.
func (d *drawing) f(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = escape(a)
		case float64:
			args[i] = round(a)
		}
	}
	fmt.Fprintf(d.out, format, args...)
}

// round writes a length, to a tenth.
func round(x float64) string {
	return strconv.FormatFloat(math.Round(x*10)/10+0, 'f', -1, 64)
}

const styles = `
@media print{svg{width:100%;height:auto}}
text{font-family:Helvetica,Arial,"Liberation Sans","DejaVu Sans",sans-serif;font-size:13px;fill:#111}
.title{font-size:19px;font-weight:bold}.under{fill:#333}.small{font-size:11px;fill:#333}
.name{font-weight:bold;text-anchor:middle}.again{font-size:11px;font-weight:bold;fill:#444;text-anchor:middle}.tick{font-size:11px;text-anchor:end;fill:#222}
.line{stroke:#222;stroke-width:1.4}.still{stroke:#222;stroke-width:2;stroke-dasharray:1.5 5;stroke-linecap:round}.heard{stroke:#888;stroke-width:1;stroke-dasharray:6 4}
.grid{stroke:#ddd;stroke-width:.7}.band{fill:#fff;fill-opacity:.86}.zigzag{fill:none;stroke:#aaa;stroke-width:.8}
.hold{fill:url(#papo-hold);stroke:#7a2b00;stroke-width:1.3}.renewed{stroke:#7a2b00;stroke-width:2.4}
.arrow{fill:none;stroke-width:1.3}.req{stroke:#12508f}.rep{stroke:#0f6b33}.turn{stroke:#111;stroke-width:2.2}.other{stroke:#555}.faint{stroke:#aaa;stroke-width:.8}
.lost{stroke-dasharray:5 3.5}.cross{stroke-width:2.2;fill:none;stroke-dasharray:none}
.label{font-size:12px;text-anchor:middle;stroke:none!important}.label.req{fill:#12508f}.label.rep{fill:#0f6b33}.label.other{fill:#444}.label.faint{fill:#777}.label.turn{font-weight:bold}
.back{fill:#fff;fill-opacity:.88}.why{font-size:11px;font-style:italic;fill:#333}.view{font-size:11px;font-weight:bold}.left{text-anchor:end}
.glyph{fill:#fff;stroke:#111;stroke-width:1.5}.full{fill:#111;stroke:#111}.crash{stroke:#a40000;stroke-width:3.4;fill:none}
.fault{stroke:#777;stroke-width:1;stroke-dasharray:2 3;fill:none}.wrong{fill:#a40000;font-weight:bold}.note{font-size:12px}.notehead{font-weight:bold}
`

// draw writes all, what is behind first.
func (d *drawing) draw() {
	legend := d.legend()
	height := d.bottom + 34 + legend.height
	// A third larger than its own units, so that a browser shows it 1280 wide.
	d.f(`<svg xmlns="http://www.w3.org/2000/svg" width="%v" height="%v" viewBox="0 0 %v %v" role="img" aria-labelledby="papo-title papo-desc">`+"\n",
		d.width*4/3, height*4/3, d.width, height)
	d.f("<title id=\"papo-title\">%s</title>\n<desc id=\"papo-desc\">%s</desc>\n", d.title(), d.describe())
	d.f("<style>%v</style>\n", raw(styles))
	d.patterns()
	d.f(`<rect width="%v" height="%v" fill="#fff"/>`+"\n", d.width, height)
	d.f(`<text class="title" x="16" y="28">%s</text><text class="under" x="16" y="47">%s</text>`+"\n", d.title(), d.subtitle())
	d.axis()
	for _, c := range d.columns {
		d.column(c)
	}
	d.bands()
	for _, n := range d.notes {
		d.noteLine(n)
	}
	for _, a := range d.arrows {
		d.arrow(a)
	}
	for _, s := range d.spots {
		if s.column >= 0 {
			d.glyph(s.glyph, d.columns[s.column].x, s.y)
		}
	}
	for _, l := range d.labels {
		d.label(l)
	}
	for _, n := range d.notes {
		d.note(n)
	}
	d.names(d.bottom + 4)
	legend.draw(d, d.bottom+34)
	d.f("</svg>\n")
}

// raw is written as it is.
type raw string

func (d *drawing) title() string {
	if t := clip(d.header.Title, 70); t != "" {
		return t
	}
	return d.words.T("diagram.title")
}

func (d *drawing) subtitle() string {
	source := d.words.T("diagram.chat")
	if d.header.Source == trace.SourceLab {
		source = d.words.T("diagram.lab")
		if d.header.Seed != nil {
			source = d.words.T("diagram.lab-seed", words.D{"Seed": *d.header.Seed})
		}
	}
	return source + d.words.T("diagram.span", words.D{"From": d.seconds(d.options.From, 1), "To": d.seconds(d.end, 1)})
}

func (d *drawing) describe() string {
	var names []string
	for _, c := range d.columns {
		names = append(names, plain(c.name))
	}
	gone := 0
	for _, a := range d.arrows {
		if a.fate == lost {
			gone++
		}
	}
	return d.words.T("diagram.describe", words.D{
		"Members": d.words.List(names), "Messages": len(d.arrows), "Lost": gone, "From": d.seconds(d.options.From, 1), "To": d.seconds(d.end, 1),
	})
}

// seconds writes a time with so many decimals.
func (d *drawing) seconds(t time.Duration, decimals int) string {
	unit := time.Second
	for range decimals {
		unit /= 10
	}
	n := int64((t + unit/2) / unit)
	s := fmt.Sprintf("%0*d", decimals+1, n)
	return s[:len(s)-decimals] + d.words.T("number.decimal") + s[len(s)-decimals:]
}

// long writes how long something takes, with the unit.
func (d *drawing) long(t time.Duration) string {
	if t < time.Second {
		return strconv.FormatInt(int64((t+time.Millisecond/2)/time.Millisecond), 10) + " ms"
	}
	return d.words.Seconds(t) + " s"
}

// axis draws the axis of time with its ticks: the first moment after each gap, and of
// the others those for which there is room.
func (d *drawing) axis() {
	d.f(`<line class="line" x1="%v" y1="%v" x2="%v" y2="%v"/><text class="tick" x="%v" y="%v">%s</text>`+"\n",
		axisX, top, axisX, d.bottom, axisX-6, namesY+17, d.words.T("diagram.axis"))
	var ticks []row
	last := math.Inf(-1)
	for i, r := range d.rows {
		next := math.Inf(1)
		for _, c := range d.cuts {
			if c.y > r.y {
				next = c.y - bandHeight/2
				break
			}
		}
		first := i == 0 || r.at-d.rows[i-1].at >= cutFrom
		if first || r.y-last >= 15 && r.y+7 < next {
			ticks, last = append(ticks, r), r.y
		}
	}
	decimals := d.decimals(ticks)
	for _, t := range ticks {
		d.f(`<line class="grid" x1="%v" y1="%v" x2="%v" y2="%v"/><line class="line" x1="%v" y1="%v" x2="%v" y2="%v"/><text class="tick" x="%v" y="%v">%s</text>`+"\n",
			axisX, t.y, d.right, t.y, axisX-4, t.y, axisX, t.y, axisX-7, t.y+4, d.seconds(t.at, decimals))
	}
}

// decimals is how many the ticks need so that no two are written alike.
func (d *drawing) decimals(ticks []row) int {
	for n := 4; n < 6; n++ {
		same := func(a, b row) bool { return d.seconds(a.at, n) == d.seconds(b.at, n) }
		if len(slices.CompactFunc(slices.Clone(ticks), same)) == len(ticks) {
			return n
		}
	}
	return 6
}

// bands draws the gaps that were cut out.
func (d *drawing) bands() {
	for _, c := range d.cuts {
		y1, y2 := c.y-bandHeight/2, c.y+bandHeight/2
		d.f(`<rect class="band" x="%v" y="%v" width="%v" height="%v"/>`, axisX-3, y1, d.right-axisX+3, bandHeight)
		for _, y := range []float64{y1, y2} {
			var path strings.Builder
			for x, n := axisX-6, 0; x <= d.right; x, n = x+6, n+1 {
				at := y - 1.5
				if n%2 > 0 {
					at = y + 1.5
				}
				path.WriteString(map[bool]string{true: "M", false: "L"}[n == 0] + round(x) + " " + round(at))
			}
			d.f(`<path class="zigzag" d="%v"/>`, raw(path.String()))
		}
		d.f(`<text class="tick" x="%v" y="%v">⋮ %s</text>`+"\n", axisX-9, c.y+4, d.long(c.long))
		if c.names {
			for _, m := range d.columns {
				d.f(`<text class="again" x="%v" y="%v">%s</text>`+"\n", m.x, c.y+4, clip(m.name, 2*mostName))
			}
		}
	}
}

// names writes the names of the members under the columns.
func (d *drawing) names(y float64) {
	for _, c := range d.columns {
		d.f(`<text class="again" x="%v" y="%v">%s</text>`+"\n", c.x, y+12, clip(c.name, 2*mostName))
	}
}

// label writes text that has found its place.
func (d *drawing) label(l label) {
	x := l.x
	switch {
	case strings.HasPrefix(l.style, "label"):
		x += l.w / 2
	case strings.HasSuffix(l.style, leftOf):
		x += l.w
	}
	d.f(`<rect class="back" x="%v" y="%v" width="%v" height="%v" rx="2"/>`, l.x, l.y, l.w, l.h)
	for i, t := range l.lines {
		d.f(`<text class="%s" x="%v" y="%v">%s</text>`, l.style, x, l.y+float64(i)*lineHeight+l.size*0.86, t)
	}
	d.f("\n")
}
