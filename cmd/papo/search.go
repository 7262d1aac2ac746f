package main

import (
	"math"
	"strings"
	"unicode"
)

// searchLast is how many hits papo search shows without --last.
const searchLast = 100

func (p *program) searchFlags(v *historyFlags) *flagSet {
	return p.historyFlags("search", v, searchLast)
}

// search prints the turns of a record that have all of some words, in the order, of
// these the last ones. Nothing found is no failure: the exit code is 0, and a sentence
// on standard error tells it.
func (p *program) search(args []string) int {
	var v historyFlags
	f := p.searchFlags(&v)
	if code, done := f.parse(args, math.MaxInt); done {
		return code
	}
	typed, name := f.Args(), ""
	if v.data == "" {
		var code int
		var done bool
		if name, code, done = f.member(); done {
			return code
		}
		typed = typed[1:]
	}
	query := searchQuery(typed)
	if query == "" {
		return p.fail(exitUsage, p.words.T("error.no-words"))
	}
	shown, more, code := p.printRecord(v.dir(name), &v, query)
	switch {
	case code != exitOK:
		return code
	case shown == 0:
		p.fail(exitOK, p.words.T("search.none"))
	case more:
		p.fail(exitOK, p.words.N("search.more", shown))
	}
	return exitOK
}

// searchQuery puts arguments together. One that has a space in it was in quotes for
// the shell, which took them off: its words stand side by side.
func searchQuery(args []string) string {
	parts := make([]string, len(args))
	for i, a := range args {
		if parts[i] = a; strings.ContainsFunc(a, unicode.IsSpace) && !strings.Contains(a, `"`) {
			parts[i] = `"` + a + `"`
		}
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}
