// Package fuzzloop runs the fuzz targets, which all take one []byte, in one of three ways:
//
//   - go test runs the seeds in testdata/fuzz, of which there must be some;
//   - go test -fuzz is Go's own fuzzer, guided by coverage: some ten thousand
//     executions a second;
//   - go test -run '^FuzzX$' -fuzzloop N runs a target N times in a plain loop on
//     mutants of its seeds, from -fuzzseed: some hundred thousand to a few million
//     executions a second. With -cover, a mutant that reaches a statement of the
//     package for the first time is mutated in turn.
//
// An execution is one call of the target's check with one input, in all three. What
// fails is written to testdata/fuzz, so that plain go test repeats it.
package fuzzloop
