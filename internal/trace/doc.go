// Package trace is what happened in a group, as a file: one JSON object a line, the
// first of which is the Header. docs/TRACE.md says the same for programs.
//
// A simulation writes one file for all of its members, and knows of every datagram what
// became of it. A chat writes what it sees itself; the files of several members can be
// read together, see Merge.
package trace
