//go:build ignore

// Mutants tests the tests of one package: it breaks the package in one place
// after the other, as gremlins proposes, and looks whether a test notices.
//
//	go run .ci/mutants.go [-quick] [-survivors file] package list.json results.txt
//
// list.json is what "gremlins unleash --dry-run -o" wrote. Each line of
// results.txt is one mutant: what became of it, where it is, what was changed.
// With -survivors, only those mutants are run that are not KILLED in an earlier
// results.txt of the same sources: to see a new test kill them.
//
// Gremlins only finds the mutants here, it does not run them. When it does (0.6.0),
// one that does not compile counts as killed (go test ends with 1, as after a failed
// test), --test-cpu kills all of them (go test refuses the argument), and what stands
// in a constant or in the condition of a case, where Go counts no coverage, is never
// run at all. Here every mutant is run.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// becomes says what each kind of mutant writes in the place of what.
var becomes = map[string]map[string]string{
	"CONDITIONALS_BOUNDARY": {"<": "<=", "<=": "<", ">": ">=", ">=": ">"},
	"CONDITIONALS_NEGATION": {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"},
	"INCREMENT_DECREMENT":   {"++": "--", "--": "++"},
	"ARITHMETIC_BASE":       {"+": "-", "-": "+", "*": "/", "/": "*", "%": "*"},
	"INVERT_NEGATIVES":      {"-": "+"},
}

// mutant is one change of one file.
type mutant struct {
	File, Func   string
	Line, Column int
	offset       int
	From, To     string
	text         string // the line, as it was
}

// String tells where m is and what it changes; it is the same in every run.
func (m mutant) String() string {
	return fmt.Sprintf("%s:%d:%d %s: %s becomes %s: %s", m.File, m.Line, m.Column, m.Func, m.From, m.To, m.text)
}

// stage is some tests that run together: the quickest first, for most mutants
// die at once.
type stage struct {
	args  []string
	limit time.Duration // who takes longer hangs
}

const (
	killed  = "KILLED"
	lived   = "LIVED"
	hangs   = "TIMED OUT"
	invalid = "NOT VIABLE"
)

var (
	dir, tmp  string // the package; where we work
	quick     = flag.Bool("quick", false, "never run more than go test -short does")
	survivors = flag.String("survivors", "", "run only what is not KILLED in these results")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if flag.NArg() != 3 {
		log.Fatal("use: go run .ci/mutants.go [-quick] [-survivors file] package list.json results.txt")
	}
	var err error
	if dir, err = filepath.Abs(flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
	if tmp, err = os.MkdirTemp("", "papo-mutants-"); err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	os.Setenv("RAPID_NOFAILFILE", "true")

	mutants := read(flag.Arg(1))
	earlier := map[string]bool{}
	if *survivors != "" {
		text, err := os.ReadFile(*survivors)
		if err != nil {
			log.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if status, m, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok && status != killed {
				earlier[m] = true
			}
		}
	}
	out, err := os.Create(flag.Arg(2))
	if err != nil {
		log.Fatal(err)
	}
	stages := plan()
	for _, m := range mutants {
		if *survivors != "" && !earlier[m.String()] {
			continue
		}
		status := m.run(stages)
		fmt.Fprintf(out, "%s\t%v\n", status, m)
		if status != killed {
			fmt.Printf("%-10s %v\n", status, m)
		}
	}
	if err := out.Close(); err != nil {
		log.Fatal(err)
	}
}

// read returns the mutants in the order of the sources. A subtraction is on
// the list as ARITHMETIC_BASE and again, the same change, as INVERT_NEGATIVES:
// here it is one mutant.
func read(list string) []mutant {
	text, err := os.ReadFile(list)
	if err != nil {
		log.Fatal(err)
	}
	var found struct {
		Files []struct {
			Name      string `json:"file_name"`
			Mutations []struct {
				Type         string
				Line, Column int
			}
		}
	}
	if err := json.Unmarshal(text, &found); err != nil {
		log.Fatalf("%s: %v", list, err)
	}
	slices.SortFunc(found.Files, func(a, b struct {
		Name      string `json:"file_name"`
		Mutations []struct {
			Type         string
			Line, Column int
		}
	}) int {
		return strings.Compare(a.Name, b.Name)
	})
	var ms []mutant
	for _, f := range found.Files {
		source, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			log.Fatal(err)
		}
		files := token.NewFileSet()
		tree, err := parser.ParseFile(files, f.Name, source, 0)
		if err != nil {
			log.Fatal(err)
		}
		lines := files.File(tree.Pos())
		for _, c := range f.Mutations {
			at := lines.Offset(lines.LineStart(c.Line)) + c.Column - 1
			m := mutant{File: f.Name, Line: c.Line, Column: c.Column, offset: at, Func: function(tree, lines.Pos(at))}
			line, _, _ := bytes.Cut(source[at-c.Column+1:], []byte("\n"))
			m.text = strings.TrimSpace(string(line))
			for from := range becomes[c.Type] {
				if bytes.HasPrefix(source[at:], []byte(from)) && len(from) > len(m.From) {
					m.From, m.To = from, becomes[c.Type][from]
				}
			}
			if m.From == "" {
				log.Fatalf("%v: nothing for %s to change", m, c.Type)
			}
			if !slices.ContainsFunc(ms, func(o mutant) bool { return o.String() == m.String() }) {
				ms = append(ms, m)
			}
		}
	}
	slices.SortStableFunc(ms, func(a, b mutant) int {
		if a.File != b.File {
			return strings.Compare(a.File, b.File)
		}
		return a.offset - b.offset
	})
	return ms
}

// function names the function around pos.
func function(tree *ast.File, pos token.Pos) string {
	for _, d := range tree.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Pos() <= pos && pos < f.End() {
			return f.Name.Name
		}
	}
	return "declarations"
}

// build compiles the tests of the package, with one file replaced.
func build(file string, source []byte) (string, error) {
	binary, overlay := filepath.Join(tmp, "mutant.test"), filepath.Join(tmp, "overlay.json")
	replace := map[string]string{}
	if file != "" {
		replace[filepath.Join(dir, file)] = filepath.Join(tmp, "mutant.go")
		if err := os.WriteFile(filepath.Join(tmp, "mutant.go"), source, 0o644); err != nil {
			log.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(overlay, text, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, ".")
	cmd.Dir = dir
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return binary, nil
}

// start runs a test binary in a few GB of memory: what asks for more without end
// must not take the machine with it. The limit of the test itself is within ours.
func start(binary string, limit time.Duration, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	args = append([]string{"-c", `ulimit -v 6000000; exec "$@"`, "sh", binary, "-test.timeout=" + limit.String()}, args...)
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

var passed = regexp.MustCompile(`(?m)^(?: *)--- PASS: (\w+)[^ ]* \(([0-9.]+)s\)`)

// plan runs the tests of the package as it is, and orders them.
func plan() []stage {
	binary, err := build("", nil)
	if err != nil {
		log.Fatal(err)
	}
	run := func(args ...string) (output []byte, took time.Duration) {
		begun := time.Now()
		output, err := start(binary, time.Hour, args...)
		if err != nil {
			log.Fatalf("the tests fail without a mutant: %v\n%s", err, output)
		}
		return output, time.Since(begun)
	}
	output, _ := run("-test.short", "-test.v")
	classes := []time.Duration{50 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second}
	names := make([][]string, len(classes))
	took := map[string]time.Duration{} // that of parallel parts is not in that of the whole
	for _, p := range passed.FindAllStringSubmatch(string(output), -1) {
		d, err := time.ParseDuration(p[2] + "s")
		if err != nil {
			log.Fatal(err)
		}
		took[p[1]] += d
	}
	for _, name := range slices.Sorted(maps.Keys(took)) {
		if c := slices.IndexFunc(classes, func(most time.Duration) bool { return took[name] < most }); c >= 0 {
			names[c] = append(names[c], name)
		}
	}
	var stages []stage
	add := func(args ...string) {
		_, took := run(args...)
		stages = append(stages, stage{args, 10*took + 5*time.Second})
	}
	for _, n := range names {
		if len(n) > 0 {
			add("-test.short", "-test.run=^("+strings.Join(n, "|")+")$")
		}
	}
	if *quick {
		add("-test.short")
	} else {
		add()
	}
	return stages
}

// run breaks the package and tells what the tests say to it.
func (m mutant) run(stages []stage) string {
	source, err := os.ReadFile(filepath.Join(dir, m.File))
	if err != nil {
		log.Fatal(err)
	}
	binary, err := build(m.File, slices.Concat(source[:m.offset], []byte(m.To), source[m.offset+len(m.From):]))
	if err != nil {
		return invalid
	}
	for _, s := range stages {
		output, err := start(binary, s.limit, append(s.args, "-test.failfast")...)
		var exit *exec.ExitError
		switch {
		case err == nil:
		case !errors.As(err, &exit):
			log.Fatal(err)
		case exit.ExitCode() < 0, bytes.Contains(output, []byte("panic: test timed out after")):
			return hangs
		default:
			return killed
		}
	}
	return lived
}
