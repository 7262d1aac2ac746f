package report

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

// Report is a document about a record, or a part of one.
type Report struct {
	Words *words.Words
	Zone  *time.Location // of all times shown

	Turns []peer.TurnShown // those that it shows, in the order

	// Of the whole record:
	Group       turn.GroupID
	Total       int // turns
	Missing     int // turns that others name and that are not there
	Fingerprint [32]byte
}

// day is the turns under one heading.
type day struct {
	Heading string
	Rows    []row
}

// row is one text.
type row struct {
	Machine string // the time for programs: RFC 3339
	Time    string
	Name    string
	Text    string
	Newer   bool // Text says that the turn needs a newer papo
}

// days puts the turns under their dates. In the order two clocks can differ, so a
// date can come again.
func (r *Report) days() []day {
	var days []day
	last := ""
	for _, t := range r.Turns {
		at := t.Time.In(r.Zone)
		if date := at.Format(time.DateOnly); date != last {
			last = date
			days = append(days, day{Heading: r.Words.Date(at)})
		}
		d := &days[len(days)-1]
		one := row{Machine: at.Format(time.RFC3339Nano), Time: at.Format(time.TimeOnly), Name: t.Name}
		if len(t.Lines) == 0 {
			one.Text, one.Newer = r.Words.T("turn.newer"), true
			d.Rows = append(d.Rows, one)
		}
		for _, text := range t.Lines {
			one.Text = turn.Clean(text)
			d.Rows = append(d.Rows, one)
		}
	}
	return days
}

// author is one who spoke in what is shown.
type author struct {
	Name  string
	Key   string
	Turns int

	key turn.Key
}

// authors gives those who spoke, those with most turns first. Each is told under the
// name shown last.
func (r *Report) authors() []author {
	byKey := map[turn.Key]*author{}
	for _, t := range r.Turns {
		a := byKey[t.Author]
		if a == nil {
			a = &author{Key: t.Author.String(), key: t.Author}
			byKey[t.Author] = a
		}
		a.Name = t.Name
		a.Turns++
	}
	out := make([]author, 0, len(byKey))
	for _, a := range byKey {
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b author) int {
		return cmp.Or(cmp.Compare(b.Turns, a.Turns), bytes.Compare(a.key[:], b.key[:]))
	})
	return out
}

// span says from when to when the turns are; empty if there is none.
func (r *Report) span() string {
	if len(r.Turns) == 0 {
		return r.Words.T("report.empty")
	}
	byTime := func(a, b peer.TurnShown) int { return a.Time.Compare(b.Time) }
	return r.Words.T("report.span", words.D{
		"From": r.moment(slices.MinFunc(r.Turns, byTime).Time), "To": r.moment(slices.MaxFunc(r.Turns, byTime).Time),
	})
}

func (r *Report) moment(t time.Time) string {
	t = t.In(r.Zone)
	return r.Words.Date(t) + ", " + t.Format(time.TimeOnly)
}

// count says how many turns are shown, and how many there are.
func (r *Report) count() string {
	shown := r.Words.N("count.turns", len(r.Turns))
	if len(r.Turns) == r.Total {
		return shown
	}
	return r.Words.T("report.part", words.D{"Shown": shown, "Total": r.Total})
}

// notes are the sentences at the end.
func (r *Report) notes() []string {
	var notes []string
	if r.Missing > 0 {
		notes = append(notes, r.Words.N("report.missing", r.Missing))
	}
	if zones := r.zones(); len(zones) > 0 {
		notes = append(notes, r.Words.T("report.clocks", words.D{"Zones": r.Words.List(zones)}))
	}
	return append(notes, r.Words.T("report.proof"))
}

// zones are the different distances from UTC of the times that are shown.
func (r *Report) zones() []string {
	var zones []string
	for _, t := range r.Turns {
		zone := strings.Replace("UTC"+t.Time.In(r.Zone).Format("-07:00"), "UTC+00:00", "UTC", 1)
		if !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	return zones
}

func (r *Report) fingerprint() string { return hex.EncodeToString(r.Fingerprint[:]) }
func (r *Report) group() string       { return hex.EncodeToString(r.Group[:]) }
