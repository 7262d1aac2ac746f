package line

// maxPast is how many typed lines the arrow keys can bring back; the oldest
// goes.
const maxPast = 500

// past is what was typed before, for the arrow keys. The draft that they leave
// is kept and comes back at the end.
type past struct {
	lines []string
	at    int // index in lines; len(lines): the draft
	draft string
}

// add remembers a line. One that equals the line before is not kept twice.
func (p *past) add(line string) {
	if n := len(p.lines); n == 0 || p.lines[n-1] != line {
		p.lines = append(p.lines, line)
	}
	if len(p.lines) > maxPast {
		p.lines = append(p.lines[:0], p.lines[1:]...)
	}
	p.at, p.draft = len(p.lines), ""
}

// back gives the line before; now is what stands in the editor. ok is false
// at the oldest.
func (p *past) back(now string) (line string, ok bool) {
	if p.at == 0 {
		return "", false
	}
	if p.at == len(p.lines) {
		p.draft = now
	}
	p.at--
	return p.lines[p.at], true
}

// forward gives the line after, in the end the draft. ok is false there.
func (p *past) forward() (line string, ok bool) {
	if p.at == len(p.lines) {
		return "", false
	}
	p.at++
	if p.at == len(p.lines) {
		return p.draft, true
	}
	return p.lines[p.at], true
}
