// Package words is the one catalogue of what papo says to people, in English
// and in Brazilian Portuguese: the words of every user interface and of the
// command line.
//
// The sentences stand in en.json and pt-BR.json. Both have the same keys, with
// the same placeholders; a test sees to it.
package words

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// The languages of the catalogue, as --lang names them.
const (
	English    = "en"
	Portuguese = "pt-BR"
)

//go:embed en.json pt-BR.json
var files embed.FS

// Key names one sentence of the catalogue, as "code.alone".
type Key string

// D holds the values of a sentence's placeholders, by name.
type D map[string]any

// Words is the catalogue in one language. It may be used by several goroutines.
type Words struct {
	loc *i18n.Localizer
}

// For gives the catalogue in the language, English or Portuguese; anything
// else is English.
func For(lang string) *Words {
	if lang != Portuguese {
		lang = English
	}
	return &Words{loc: i18n.NewLocalizer(bundle(), lang)}
}

// bundle reads the embedded files, once. They are part of the program, so a
// damaged one is a programmer's mistake and panics.
var bundle = sync.OnceValue(func() *i18n.Bundle {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("json", json.Unmarshal)
	for _, lang := range []string{English, Portuguese} {
		if _, err := b.LoadMessageFileFS(files, lang+".json"); err != nil {
			panic(fmt.Sprintf("words: %s.json: %v", lang, err))
		}
	}
	return b
})

// T gives the sentence of the key with the values in place of its
// placeholders. A key that the catalogue does not have gives the key itself.
func (w *Words) T(key Key, data ...D) string {
	return w.localize(key, &i18n.LocalizeConfig{MessageID: string(key), TemplateData: merge(data)})
}

// N is T for a sentence that speaks of count things: it takes the plural form
// of the language, and count fills the placeholder Count, as Number writes it.
func (w *Words) N(key Key, count int, data ...D) string {
	d := merge(data)
	d["Count"] = count // a number, so that a sentence can ask whether there are any
	if count >= 1000 {
		d["Count"] = w.Number(count)
	}
	return w.localize(key, &i18n.LocalizeConfig{MessageID: string(key), TemplateData: d, PluralCount: count})
}

// localize leans on the library's own way out when a plural form is absent
// (Portuguese has one for whole millions): it gives the form "other" beside an
// error.
func (w *Words) localize(key Key, c *i18n.LocalizeConfig) string {
	if s, _ := w.loc.Localize(c); s != "" {
		return s
	}
	return string(key)
}

func merge(data []D) D {
	all := D{}
	for _, d := range data {
		for k, v := range d {
			all[k] = v
		}
	}
	return all
}

// List joins the items as people do: "Ana, Bruno and Rafael".
func (w *Words) List(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	last := len(items) - 1
	return w.T("list.last", D{"Items": strings.Join(items[:last], ", "), "Last": items[last]})
}

// Date writes the day of t, in t's own zone, with weekday and month as words.
func (w *Words) Date(t time.Time) string {
	return w.T("date.full", D{
		"Weekday": w.T(Key("date.weekday." + strconv.Itoa(int(t.Weekday())))),
		"Day":     t.Day(),
		"Month":   w.T(Key("date.month." + strconv.Itoa(int(t.Month())))),
		"Year":    t.Year(),
	})
}

// Number writes n with the language's mark between groups of three digits.
func (w *Words) Number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + w.T("number.group") + s[i:]
	}
	return s
}

// Seconds writes d as seconds with one decimal, with the language's decimal
// mark and without the unit.
func (w *Words) Seconds(d time.Duration) string {
	return strings.Replace(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".", w.T("number.decimal"), 1)
}
