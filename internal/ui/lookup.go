package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui/report"
)

// Lookup is what /history and /search look for.
type Lookup struct {
	Words string    // of search: all of these, in any place; see store.Store.Find
	Name  string    // of the author, with or without the first digits of the key; empty: anybody
	Since time.Time // said at this time or later; zero: ever
	Until time.Time // said before this time; zero: ever
	Last  int       // the last so many, 1 to peer.HistoryMost
}

// lookupUnlessTold is how many turns are shown if nobody says how many.
const lookupUnlessTold = 20

// ParseLookup reads the arguments of /history and /search: the flags that papo history
// and papo search have too, for history a bare number of turns, for search the words.
// What stands behind "--" is no flag. now is the time from which times are told, see
// report.ParseWhen. False: it is not understood.
func ParseLookup(command string, args []string, now time.Time) (l Lookup, ok bool) {
	var words []string
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			words = append(words, args...)
			break
		}
		if !strings.HasPrefix(arg, "--") {
			words = append(words, arg)
			continue
		}
		flag, value, given := strings.Cut(arg, "=")
		if !given {
			if len(args) == 0 {
				return l, false
			}
			value, args = args[0], args[1:]
		}
		if !l.set(flag, value, now) {
			return l, false
		}
	}
	switch {
	case command == "search":
		l.Words = strings.Join(words, " ")
	case len(words) == 1 && l.Last == 0:
		if !l.set("--last", words[0], now) {
			return l, false
		}
	case len(words) > 0:
		return l, false
	}
	if l.Last == 0 {
		l.Last = lookupUnlessTold
	}
	return l, (l.Words != "") == (command == "search") && (l.Since.IsZero() || l.Until.IsZero() || l.Since.Before(l.Until))
}

func (l *Lookup) set(flag, value string, now time.Time) (ok bool) {
	switch flag {
	case "--name":
		l.Name, ok = value, value != ""
	case "--since":
		l.Since, _, ok = report.ParseWhen(value, now)
	case "--until":
		_, l.Until, ok = report.ParseWhen(value, now)
	case "--last":
		n, err := strconv.Atoi(value)
		l.Last, ok = n, err == nil && n >= 1 && n <= peer.HistoryMost
	}
	return ok
}
