package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stage is some tests that run together: the quickest first, for most mutants
// die at once.
type stage struct {
	args  []string
	limit int // in seconds of the processor; who takes longer hangs
}

// start runs a test binary and tells how long the processor worked for it.
// A mutant that loops must not run for ever, one that asks for memory without end
// not take the machine with it. What counts is the processor's time: how busy the
// machine is makes no difference.
func start(binary string, awake, most int, args ...string) (output []byte, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	args = append([]string{"-c", `ulimit -v 6000000 -t "$1"; shift; exec "$@"`, "sh", strconv.Itoa(most), binary, "-test.timeout=1h"}, args...)
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GREMLINS_AWAKE="+strconv.Itoa(awake), "RAPID_NOFAILFILE=true")
	output, err = cmd.CombinedOutput()
	return output, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

var test = regexp.MustCompile(`(?m)^(Test|Fuzz|Example)\w*$`)

// plan runs each test with no mutant awake, for a second at most, and orders them: the
// transcripts, which kill most, then the quickest, then all.
func plan(binary string) []stage {
	run := func(args ...string) (output []byte, took time.Duration) {
		output, took, err := start(binary, 0, 3600, args...)
		if err != nil {
			log.Fatalf("the tests fail without a mutant: %v\n%s", err, output)
		}
		return output, took
	}
	const transcripts = "TestTranscripts"
	classes := []time.Duration{100 * time.Millisecond, 400 * time.Millisecond}
	if *quick {
		classes = classes[:1]
	}
	names, sums := make([][]string, 3), make([]time.Duration, 3)
	list, _ := run("-test.list=.")
	for _, name := range test.FindAllString(string(list), -1) {
		_, took, err := start(binary, 0, 1, "-test.short", "-test.run=^"+name+"$")
		class := slices.IndexFunc(classes, func(most time.Duration) bool { return err == nil && took < most })
		switch {
		case name == transcripts:
			class = -1
			names[0], sums[0] = []string{name}, took
		case class >= 0:
			names[class+1], sums[class+1] = append(names[class+1], name), sums[class+1]+took
		}
	}
	limit := func(took time.Duration) int { return int(10*took/time.Second) + 1 }
	var stages []stage
	for i, n := range names {
		if len(n) > 0 {
			stages = append(stages, stage{[]string{"-test.short", "-test.run=^(" + strings.Join(n, "|") + ")$"}, limit(sums[i])})
		}
	}
	if !*quick {
		_, took := run()
		stages = append(stages, stage{nil, limit(took)})
	}
	return stages
}

// run breaks the package and tells what the tests say to it.
func (m mutant) run(binary string, stages []stage) string {
	if m.Switch == 0 {
		source, err := os.ReadFile(filepath.Join(dir, m.File))
		if err != nil {
			log.Fatal(err)
		}
		binary = filepath.Join(tmp, "one.test")
		text := slices.Concat(source[:m.offset], []byte(m.To), source[m.offset+len(m.From):])
		if build(binary, map[string][]byte{m.File: text}) != nil {
			return invalid
		}
	}
	for _, s := range stages {
		_, _, err := start(binary, m.Switch, s.limit, append(s.args, "-test.failfast")...)
		var exit *exec.ExitError
		switch {
		case err == nil:
		case !errors.As(err, &exit):
			log.Fatal(err)
		case exit.ExitCode() < 0: // the limit
			return hangs
		default:
			return killed
		}
	}
	return lived
}
