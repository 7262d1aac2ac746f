package turn

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unclean are the characters that no text may hold, because a terminal obeys
// them: C0 but tab and newline, DEL, C1, and those with Unicode's property
// Bidi_Control (UAX #9). The list is part of the protocol's version.
var unclean = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0000, Hi: 0x0008, Stride: 1},
		{Lo: 0x000b, Hi: 0x001f, Stride: 1},
		{Lo: 0x007f, Hi: 0x009f, Stride: 1},
		{Lo: 0x061c, Hi: 0x061c, Stride: 1},
		{Lo: 0x200e, Hi: 0x200f, Stride: 1},
		{Lo: 0x202a, Hi: 0x202e, Stride: 1},
		{Lo: 0x2066, Hi: 0x2069, Stride: 1},
	},
	LatinOffset: 3,
}

// Clean gives text as it may be signed and shown: every run of bytes that is not
// UTF-8 becomes one U+FFFD, and the characters in unclean are left out. What is
// clean is given back as it is. The result can be empty, and up to three times as
// long as text.
func Clean(text string) string {
	if isClean(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unclean, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

func isClean(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unclean, r) })
}
