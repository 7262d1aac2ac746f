// Package report chooses turns of a record and makes a document of them that can be
// printed and handed in: Markdown, or one HTML page that needs nothing from
// elsewhere. What somebody said stays text, whatever it is.
package report
