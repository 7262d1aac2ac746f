package lab

import "github.com/papo-chat/papo/internal/peer"

// unfinished is what a program did while its disk was slow. Others see nothing of it
// before it goes on: what it sent is on its way for as much longer.
type unfinished struct {
	ready peer.Ready
	res   peer.Performed
}

// wait has a program stand still until its disk has done what it was asked for.
func (p *process) wait(r peer.Ready, res peer.Performed) {
	p.writing = &unfinished{r, res}
	m, w := p.m, p.w
	m.still, m.resumes = true, w.now+p.lag
	p.lag = 0
	w.push(item{at: m.resumes, kind: itemResume, machine: m})
	w.check.oneSpeaks(p)
}

// finish goes on where it waited.
func (p *process) finish() {
	if u := p.writing; u != nil {
		p.writing = nil
		p.seen.told(p, u.ready.Events)
		p.core.Done(p.now(), u.res)
		p.perform()
	}
}
