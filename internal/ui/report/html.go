package report

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed report.html
var page string

// pageTemplate escapes what it fills in, by where it stands.
var pageTemplate = template.Must(template.New("report").Parse(page))

// HTML writes the report as one page that needs nothing from elsewhere, has no
// script, and can be printed in black and white.
func (r *Report) HTML(w io.Writer) error {
	t := func(key string) string { return r.Words.T(wordsKey(key)) }
	return pageTemplate.Execute(w, map[string]any{
		"Lang": t("lang"), "Title": t("title"), "Span": r.span(), "Days": r.days(),
		"Time": t("time"), "Name": t("name"), "Text": t("text"),
		"AuthorsHeading": t("authors"), "Authors": r.authors(), "Key": t("key"), "Turns": t("turns"),
		"RecordHeading": t("record"), "Count": r.count(), "FingerprintHeading": t("fingerprint"), "Fingerprint": r.fingerprint(),
		"GroupHeading": t("group"), "Group": r.group(), "Notes": r.notes(),
	})
}
