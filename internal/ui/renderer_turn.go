package ui

import (
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui/words"
)

// continued stands before the further lines of a text that has newlines in
// it: as wide as a time, so that no text can look like another's turn.
const continued = "           "

// next shows a turn that came in: of a batch only the last ones, and none of those of
// a first catch-up that came after newer ones had been shown. How many a first
// catch-up has is told beside it; the late ones left out are counted here.
func (r *Renderer) next(t peer.TurnShown) []string {
	if t.Late && t.Batch {
		return nil // the end of the catch-up tells how many there were
	}
	if (t.Late || t.Batch) && t.Follow >= maxRecent {
		if t.Late {
			r.skipped++
		}
		return nil
	}
	var lines []string
	if r.skipped > 0 {
		more := peer.Notice{Code: peer.CodeLateMore, Count: r.skipped}
		lines = append(lines, markNotice+r.sentences.Notice(more))
		r.skipped = 0
	}
	return append(lines, r.turn(t)...)
}

// turn gives `[15:04:05] name: text` for each line of the turn, under a day
// line when the date changes. A late turn stands where it came in, so it does
// not change the day: it shows its own date if that is another one.
func (r *Renderer) turn(t peer.TurnShown) []string {
	var out []string
	if !t.Late {
		out = r.dayLine(t.Time)
	}
	head := "[" + r.time(t.Time) + "] " + t.Name + ": "
	tail := ""
	if t.Late {
		tail += " " + r.late(t.Before)
	}
	if t.Unkept {
		tail += " " + r.words.T("turn.unkept")
	}
	if len(t.Lines) == 0 {
		return append(out, head+r.words.T("turn.newer")+tail)
	}
	for _, text := range t.Lines {
		parts := strings.Split(text, "\n")
		parts[len(parts)-1] += tail
		for i, part := range parts {
			if i == 0 {
				out = append(out, head+part)
			} else {
				out = append(out, continued+part)
			}
		}
	}
	return out
}

func (r *Renderer) late(before peer.Mark) string {
	if before.Time.IsZero() {
		return r.words.T("turn.late-last")
	}
	return r.words.T("turn.late", words.D{"Time": r.time(before.Time), "Name": before.Name})
}

// time is the time of day, with the date when that is not the day shown now.
func (r *Renderer) time(t time.Time) string {
	t = t.In(r.look.Zone)
	if r.date(t) != r.day {
		return t.Format("2006-01-02 15:04:05")
	}
	return t.Format("15:04:05")
}

func (r *Renderer) date(t time.Time) string {
	return t.In(r.look.Zone).Format(time.DateOnly)
}

// dayLine gives the line for the day of t, if that is not shown already.
func (r *Renderer) dayLine(t time.Time) []string {
	day := r.date(t)
	if day == r.day {
		return nil
	}
	r.day = day
	return []string{"--- " + r.words.Date(t.In(r.look.Zone)) + " ---"}
}
