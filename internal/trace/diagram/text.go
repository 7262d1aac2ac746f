package diagram

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// How many characters of a text are shown.
const (
	mostText = 24
	mostName = 12
)

// plain makes a text one line of characters that XML takes and that do no harm:
// control characters, and those that turn the direction of writing, are out.
func plain(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || unicode.Is(unicode.Z, r):
			return ' '
		case r == '\u200c' || r == '\u200d': // they join letters, and parts of emoji
			return r
		case unicode.IsGraphic(r):
			return r
		}
		return -1
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// clip is plain, cut to so many characters.
func clip(s string, most int) string {
	r := []rune(plain(s))
	if len(r) > most {
		return strings.TrimSpace(string(r[:most-1])) + "…"
	}
	return string(r)
}

// wrap breaks a text into lines of so many characters at the most; what does not fit
// in the last is cut off.
func wrap(s string, most, lines int) (out []string) {
	line := ""
	for _, word := range strings.Fields(plain(s)) {
		for {
			joined := strings.TrimSpace(line + " " + word)
			if len([]rune(joined)) <= most {
				line = joined
				break
			}
			if len(out) == lines-1 {
				return append(out, clip(joined, most))
			}
			if line == "" { // one long word
				r := []rune(word)
				line, word = string(r[:most]), string(r[most:])
			}
			out, line = append(out, line), ""
		}
	}
	if line != "" {
		out = append(out, line)
	}
	return out
}

// escape makes a text one of XML.
func escape(s string) string { return escapes.Replace(plain(s)) }

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// measure says how wide a text is at the most, in a sans-serif font of this size. The
// fonts of the one who looks are not known: this is DejaVu Sans, the widest of the
// usual ones.
func measure(s string, size float64) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case width.LookupRune(r).Kind() == width.EastAsianWide || r >= 0x1f000:
			w += 1.2
		case unicode.Is(unicode.M, r) || r == '\u200c' || r == '\u200d':
		case strings.ContainsRune("ijl.,:;'|! ", r):
			w += 0.34
		case strings.ContainsRune("frt()[]-", r):
			w += 0.41
		case strings.ContainsRune("cszJ?“”", r):
			w += 0.55
		case strings.ContainsRune("mMW…", r):
			w += 1
		case unicode.IsUpper(r) || r == 'w':
			w += 0.79
		default:
			w += 0.64
		}
	}
	return w * size
}

// fit cuts a text to a width.
func fit(s string, size, most float64) string {
	if measure(s, size) <= most {
		return s
	}
	r := []rune(s)
	for len(r) > 1 && measure(string(r), size)+size > most {
		r = r[:len(r)-1]
	}
	return strings.TrimRight(string(r), " …") + "…"
}

// fitLines breaks a text into lines of a width, two at the most.
func fitLines(s string, size, most float64) []string {
	if measure(s, size) <= most {
		return []string{s}
	}
	cut := 0
	for i, r := range s {
		if r == ' ' && measure(s[:i], size) <= most {
			cut = i
		}
	}
	if cut == 0 {
		return []string{fit(s, size, most)}
	}
	return []string{s[:cut], fit(s[cut+1:], size, most)}
}
