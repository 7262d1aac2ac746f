package report

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold makes alike what people take for the same when they search: upper and lower
// case (Unicode, section 3.13), letters with and without accents, and the forms that
// are compatible (UAX #15, NFKD), as a ligature with its letters.
func Fold(s string) string {
	// Of Cherokee's letters cases.Fold makes small ones large and large ones small.
	lower := strings.ToLower(cases.Fold().String(norm.NFKD.String(s)))
	folded := norm.NFKD.String(lower)
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, folded)
}
