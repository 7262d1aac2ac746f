// Package diagram draws a trace: as a space-time diagram (Lamport, 1978) in SVG, or as
// a log with vector clocks for the viewer ShiViz.
//
// In the picture time runs down, a column is a member and an arrow is a message. The
// axis keeps the order of what happens but not the scale: a message takes a fifth of a
// millisecond and a lease lasts a second and a half, so long gaps are cut out, each
// with its length written beside it. Nothing is told by colour alone.
//
// The same trace and options give the same bytes.
package diagram
