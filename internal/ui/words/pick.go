package words

import (
	"fmt"
	"os"
	"strings"

	"github.com/jeandeaual/go-locale"
	"golang.org/x/text/language"
)

// Choose takes the value of --lang. It accepts the two languages in any case
// and, as people write them, "pt" and "pt_BR".
func Choose(flag string) (string, error) {
	switch strings.ToLower(strings.ReplaceAll(flag, "_", "-")) {
	case "en":
		return English, nil
	case "pt", "pt-br":
		return Portuguese, nil
	}
	return "", fmt.Errorf("words: no language %q: there are %s and %s", flag, English, Portuguese)
}

// Default is the language that this process' environment or, without one, its
// system asks for.
func Default() string { return Pick(os.Getenv, locale.GetLocales) }

// Pick finds the language that the person's system asks for: LC_ALL,
// LC_MESSAGES or LANG, the first that is set, and LANGUAGE before them, as the
// GNU gettext manual has it ("The LANGUAGE variable": a list, ignored in the C
// locale). Where none is set, as on Windows and macOS, system tells
// the locales; it may be nil. Any Portuguese gives Portuguese; what is neither
// that nor English is passed over; in the end it is English.
func Pick(getenv func(string) string, system func() ([]string, error)) string {
	env := ""
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if env = getenv(name); env != "" {
			break
		}
	}
	if plain := bare(env); plain == "C" || plain == "POSIX" {
		return English
	}
	var wanted []string
	if list := getenv("LANGUAGE"); list != "" {
		wanted = strings.Split(list, ":")
	}
	if env != "" {
		wanted = append(wanted, env)
	}
	if len(wanted) == 0 && system != nil {
		wanted, _ = system() // an error leaves nothing wanted: English
	}
	for _, name := range wanted {
		tag, err := language.Parse(bare(name))
		if err != nil {
			continue
		}
		switch base, _ := tag.Base(); base.String() {
		case "pt":
			return Portuguese
		case "en":
			return English
		}
	}
	return English
}

// bare drops the character set and the modifier: pt_BR.UTF-8@euro is pt_BR.
func bare(locale string) string {
	if i := strings.IndexAny(locale, ".@"); i >= 0 {
		return locale[:i]
	}
	return locale
}
