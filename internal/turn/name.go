package turn

import (
	"crypto/sha256"
	"encoding/hex"
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
// A name has 1 to MaxName characters, none of them invisible, none of | / \ : #,
// no space at either end, and is neither . nor .. : so it can stand in a line of
// a replica and, folded, name a folder; and nobody can be called brenda#3f9a,
// which is how another key than brenda's is shown under the name brenda.
func CheckName(kind, s string) (string, error) {
	nfc := norm.NFC.String(s)
	if fault, char := checkStable(nfc); fault != "" {
		return "", &NameError{Kind: kind, Name: s, Fault: fault, Char: char}
	}
	return nfc, nil
}

// NameFault says what is wrong with a name.
type NameFault string

// The faults that CheckName finds.
const (
	NameEmpty     NameFault = "empty"
	NameTooLong   NameFault = "too-long" // over MaxName characters
	NameNotUTF8   NameFault = "utf8"
	NameReserved  NameFault = "reserved"  // . or ..
	NameSpace     NameFault = "space"     // at either end
	NameSeparator NameFault = "separator" // Char is one of | / \ : #
	NameInvisible NameFault = "invisible" // Char is not to be seen
)

// NameError is why a name will not do. The fields let a user interface say it
// in its own words.
type NameError struct {
	Kind  string // what CheckName was told to call it
	Name  string
	Fault NameFault
	Char  rune // separator, invisible
}

var nameFaults = map[NameFault]string{
	NameEmpty:     "is empty: give at least one character",
	NameTooLong:   "has over 32 characters: shorten it",
	NameNotUTF8:   "is not UTF-8: set the terminal to UTF-8",
	NameReserved:  "would name a folder of the system: choose another",
	NameSpace:     "begins or ends with a space: leave it out",
	NameSeparator: "has %q in it, which separates fields, folders, or a name from its key: leave it out",
	NameInvisible: "has the invisible character %U in it: leave it out",
}

// Error says in one English sentence what is wrong and what to do.
func (e *NameError) Error() string {
	why := nameFaults[e.Fault]
	if e.Char != 0 {
		why = fmt.Sprintf(why, e.Char)
	}
	return fmt.Sprintf("%s %q %s", e.Kind, e.Name, why)
}

// checkStable is CheckName but for NFC, whose tables grow with every version of
// Unicode: two builds of the same program can differ in whether a name is in NFC.
// So a turn's validity must not hang on it. No fault: "".
func checkStable(s string) (fault NameFault, char rune) {
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return NameEmpty, 0
	case n > MaxName:
		return NameTooLong, 0
	case !utf8.ValidString(s):
		return NameNotUTF8, 0
	case s == "." || s == "..":
		return NameReserved, 0
	case strings.Trim(s, spaces) != s:
		return NameSpace, 0
	}
	for _, r := range s {
		if strings.ContainsRune(`|/\:#`, r) {
			return NameSeparator, r
		}
		if unicode.Is(unnameable, r) {
			return NameInvisible, r
		}
	}
	return "", 0
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
