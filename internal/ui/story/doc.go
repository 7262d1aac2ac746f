// Package story tells a trace in sentences, with the reasons in words: who asks, who
// defers whom and why, who enters on whose permission.
//
// The reasons are found in the trace itself, by the rules of the floor (F1 to F9 of
// docs/PROTOCOL.md), and not taken on trust: who enters without a permission, as
// where a rule was taken out on purpose, is told to enter without it.
package story
