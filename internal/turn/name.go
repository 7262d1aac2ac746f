package turn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// unnameable are the characters that no name may hold: controls, those of
// category Cf (format, bidi and joiners: invisible, so two names could look the
// same), and the line and paragraph separators. The list is Unicode 15's and part
// of the protocol's version.
var unnameable = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0000, Hi: 0x001f, Stride: 1},
		{Lo: 0x007f, Hi: 0x009f, Stride: 1},
		{Lo: 0x00ad, Hi: 0x00ad, Stride: 1},
		{Lo: 0x0600, Hi: 0x0605, Stride: 1},
		{Lo: 0x061c, Hi: 0x061c, Stride: 1},
		{Lo: 0x06dd, Hi: 0x06dd, Stride: 1},
		{Lo: 0x070f, Hi: 0x070f, Stride: 1},
		{Lo: 0x0890, Hi: 0x0891, Stride: 1},
		{Lo: 0x08e2, Hi: 0x08e2, Stride: 1},
		{Lo: 0x180e, Hi: 0x180e, Stride: 1},
		{Lo: 0x200b, Hi: 0x200f, Stride: 1},
		{Lo: 0x2028, Hi: 0x202e, Stride: 1},
		{Lo: 0x2060, Hi: 0x2064, Stride: 1},
		{Lo: 0x2066, Hi: 0x206f, Stride: 1},
		{Lo: 0xfeff, Hi: 0xfeff, Stride: 1},
		{Lo: 0xfff9, Hi: 0xfffb, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x110bd, Hi: 0x110bd, Stride: 1},
		{Lo: 0x110cd, Hi: 0x110cd, Stride: 1},
		{Lo: 0x13430, Hi: 0x1343f, Stride: 1},
		{Lo: 0x1bca0, Hi: 0x1bca3, Stride: 1},
		{Lo: 0x1d173, Hi: 0x1d17a, Stride: 1},
		{Lo: 0xe0001, Hi: 0xe0001, Stride: 1},
		{Lo: 0xe0020, Hi: 0xe007f, Stride: 1},
	},
	LatinOffset: 3,
}

// spaces are the characters with Unicode 15's property White_Space that
// unnameable leaves.
const spaces = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

// CheckName gives the name of a member or a room in Unicode's form NFC, or an
// error for people that says what is wrong with it and what to do. kind is what
// the error calls it, as "name" or "room".
//
// A name has 1 to MaxName characters, none of them invisible, none of | / \ :,
// no space at either end, and is neither . nor .. : so it can stand in a line of
// a replica and, folded, name a folder.
func CheckName(kind, s string) (string, error) {
	nfc := norm.NFC.String(s)
	if err := checkStable(nfc); err != nil {
		return "", fmt.Errorf("%s %q %w", kind, s, err)
	}
	return nfc, nil
}

// checkStable is CheckName but for NFC, whose tables grow with every version of
// Unicode: two builds of the same program can differ in whether a name is in NFC.
// So a turn's validity must not hang on it. The errors go after the name.
func checkStable(s string) error {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return errors.New("is empty: give at least one character")
	case n > MaxName:
		return fmt.Errorf("has %d characters, the most is %d: shorten it", n, MaxName)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8: set the terminal to UTF-8")
	case s == "." || s == "..":
		return errors.New("would name a folder of the system: choose another")
	case strings.Trim(s, spaces) != s:
		return errors.New("begins or ends with a space: leave it out")
	}
	for _, r := range s {
		if strings.ContainsRune(`|/\:`, r) {
			return fmt.Errorf("has %q in it, which separates fields or folders: leave it out", r)
		}
		if unicode.Is(unnameable, r) {
			return fmt.Errorf("has the invisible character %U in it: leave it out", r)
		}
	}
	return nil
}

// reserved are the names that Windows keeps for devices, with any extension.
var reserved = regexp.MustCompile(`^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

// hashed matches a name that looks as if FoldName had made it.
var hashed = regexp.MustCompile(`-[0-9a-f]{4}$`)

// FoldName gives the file name for a name that passed CheckName: lower case
// (case folding, Unicode 3.13), with _ for what Windows allows in no file name.
// Where that is not the name itself, or where Windows keeps the name for a device,
// - and 4 hex digits of the name's SHA-256 follow. So Brenda and brenda never share
// a folder, not even where the file system takes upper for lower case.
func FoldName(s string) string {
	folded := norm.NFC.String(cases.Fold().String(s))
	folded = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>"?*`, r) {
			return '_'
		}
		return r
	}, folded)
	device := reserved.MatchString(folded)
	if device || strings.HasSuffix(folded, ".") {
		folded = strings.ReplaceAll(folded, ".", "_")
	}
	if folded == s && !device && !hashed.MatchString(s) {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return folded + "-" + hex.EncodeToString(sum[:2])
}
