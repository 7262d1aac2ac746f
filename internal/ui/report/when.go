package report

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ParseWhen reads a time as a person gives it: a date (2006-01-02), a time of today
// (15:04, 15:04:05), both (with T or a space between), RFC 3339, or how long ago (2h,
// 3d, 1h30m, with or without "ago"). What names no zone is in now's.
//
// A time covers what it names: a date the whole day, 15:04 the whole minute, 15:04:05
// the second. It begins at from and ends before to. How long ago is one moment.
func ParseWhen(s string, now time.Time) (from, to time.Time, ok bool) {
	s = strings.TrimSpace(s)
	if d, ok := ago(s); ok {
		at := now.Add(-d)
		return at, at, true
	}
	for _, f := range forms {
		at, err := time.ParseInLocation(f.layout, s, now.Location())
		if err != nil {
			continue
		}
		if f.today {
			y, m, d := now.Date()
			at = time.Date(y, m, d, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), now.Location())
		}
		switch {
		case f.layout == time.DateOnly:
			return at, at.AddDate(0, 0, 1), true
		case at.Nanosecond() != 0:
			return at, at.Add(time.Millisecond), true
		}
		return at, at.Add(f.covers), true
	}
	return from, to, false
}

var forms = []struct {
	layout string
	covers time.Duration
	today  bool
}{
	{time.DateOnly, 0, false}, // days have different lengths
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
	return d + time.Duration(days)*24*time.Hour, err == nil
}
