package report

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseWhen reads a time as a person gives it: a date (2006-01-02), a time of today
// (15:04, 15:04:05), both (with T or a space between), RFC 3339, or how long ago (2h,
// 3d, 1h30m, with or without "ago"). What names no zone is in now's.
//
// A time covers what it names: a date the whole day, 15:04 the whole minute, 15:04:05
// the second. It begins at from and ends before to. How long ago is one moment. A time
// that clocks showed twice, as they were put back, reaches from the first to the last;
// one that they never showed is the moment at which they were put forward.
func ParseWhen(s string, now time.Time) (from, to time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if d, ok := ago(s); ok {
		at := now.Add(-d)
		return at, at, true
	}
	for _, f := range forms {
		wall, err := time.ParseInLocation(f.layout, s, time.UTC)
		if err != nil {
			continue
		}
		if f.layout == time.RFC3339 {
			return wall, wall.Add(f.length(wall)), true
		}
		if f.today {
			y, m, d := now.Date()
			wall = time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
		}
		first, _ := moments(wall, now.Location())
		if f.layout == time.DateOnly {
			next, _ := moments(wall.AddDate(0, 0, 1), now.Location()) // days have different lengths
			return first, next, true
		}
		_, last := moments(wall.Add(f.length(wall)-1), now.Location())
		return first, last.Add(1), true
	}
	return from, to, false
}

// moments gives the first and the last moment at which clocks in a zone show a time,
// which is given as if it were UTC. Where clocks are put back that can be two, and
// where they are put forward none: then both are when that was done.
func moments(wall time.Time, zone *time.Location) (first, last time.Time) {
	var shown []time.Time
	for _, near := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		_, offset := wall.Add(near).In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if _, o := at.Zone(); o == offset {
			shown = append(shown, at)
		}
	}
	if len(shown) == 0 {
		_, forward := wall.Add(-24 * time.Hour).In(zone).ZoneBounds()
		return forward, forward
	}
	return slices.MinFunc(shown, time.Time.Compare), slices.MaxFunc(shown, time.Time.Compare)
}

// form is a way to write a time.
type form struct {
	layout string
	covers time.Duration
	today  bool
}

// length is how much a time covers.
func (f *form) length(at time.Time) time.Duration {
	if at.Nanosecond() != 0 {
		return time.Millisecond
	}
	return f.covers
}

var forms = []form{
	{time.DateOnly, 0, false},
	{"15:04", time.Minute, true},
	{"15:04:05", time.Second, true},
	{"2006-01-02T15:04", time.Minute, false},
	{"2006-01-02 15:04", time.Minute, false},
	{"2006-01-02T15:04:05", time.Second, false},
	{"2006-01-02 15:04:05", time.Second, false},
	{time.RFC3339, time.Second, false},
}

var duration = regexp.MustCompile(`^(?:(\d{1,5})d)? *((?:[0-9.]+(?:h|ms|m|s))*) *(?:ago)?$`)

// ago reads how long ago something was.
func ago(s string) (time.Duration, bool) {
	m := duration.FindStringSubmatch(s)
	if m == nil || m[1] == "" && m[2] == "" {
		return 0, false
	}
	var d time.Duration
	if m[2] != "" {
		var err error
		if d, err = time.ParseDuration(m[2]); err != nil {
			return 0, false
		}
	}
	days, err := strconv.Atoi("0" + m[1])
	all := d + time.Duration(days)*24*time.Hour
	return all, err == nil && all >= d // else it is longer than a Duration can be, 292 years
}
