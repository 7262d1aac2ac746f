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
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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
	Switch       int    // in the program that has all mutants; 0: it is not in there
}

// String tells where m is and what it changes; it is the same in every run.
func (m mutant) String() string {
	return fmt.Sprintf("%s:%d:%d %s: %s becomes %s: %s", m.File, m.Line, m.Column, m.Func, m.From, m.To, m.text)
}

// stage is some tests that run together: the quickest first, for most mutants
// die at once.
type stage struct {
	args  []string
	limit int // in seconds of the processor; who takes longer hangs
}

const (
	killed  = "KILLED"
	lived   = "LIVED"
	hangs   = "TIMED OUT"
	invalid = "NOT VIABLE"
)

var (
	dir, tmp  string // the package; where we work
	quick     = flag.Bool("quick", false, "leave out the tests that take long")
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
	if *survivors != "" {
		mutants = slices.DeleteFunc(mutants, func(m mutant) bool { return !earlier[m.String()] })
	}
	binary := filepath.Join(tmp, "all.test")
	buildAll(binary, mutants)
	stages := plan(binary)
	for _, m := range mutants {
		status := m.run(binary, stages)
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

// build compiles the tests of the package, with these files replaced or added.
func build(binary string, files map[string][]byte) error {
	overlay := filepath.Join(tmp, "overlay.json")
	replace := map[string]string{}
	for name, text := range files {
		replace[filepath.Join(dir, name)] = filepath.Join(tmp, name)
		if err := os.WriteFile(filepath.Join(tmp, name), text, 0o644); err != nil {
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
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-gcflags=-e", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, ".")
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return nil
}

var failure = regexp.MustCompile(`(?m)([^/ ]+\.go):(\d+):\d+: `)

// buildAll compiles one program that has as many mutants in it as can be: the
// environment says which of them is awake. A mutant that does not compile
// like that, as in a constant, is left out (its Switch is 0) and compiled
// by itself later.
func buildAll(binary string, ms []mutant) {
	for i := range ms {
		ms[i].Switch = i + 1
	}
	for range 50 {
		files := map[string][]byte{"gremlins_switch.go": nil}
		for _, m := range ms {
			if files[m.File] == nil {
				text, name := instrument(m.File, ms)
				files[m.File] = text
				files["gremlins_switch.go"] = []byte("package " + name + switches)
			}
		}
		err := build(binary, files)
		if err == nil {
			return
		}
		left := len(ms)
		for _, at := range failure.FindAllStringSubmatch(err.Error(), -1) {
			for i, m := range ms {
				if m.File == at[1] && strconv.Itoa(m.Line) == at[2] && m.Switch != 0 {
					ms[i].Switch = 0
					left--
				}
			}
		}
		if left == len(ms) {
			log.Fatalf("the mutants do not compile together: %v", err)
		}
	}
	log.Fatal("the mutants do not compile together")
}

// instrument writes a switch into each place of a file where a mutant is, and
// tells the name of its package.
func instrument(file string, ms []mutant) (text []byte, name string) {
	source, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		log.Fatal(err)
	}
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, file, source, 0)
	if err != nil {
		log.Fatal(err)
	}
	offset := func(p token.Pos) int { return files.Position(p).Offset }
	at := map[int][]mutant{}
	for _, m := range ms {
		if m.File == file && m.Switch != 0 {
			at[m.offset] = append(at[m.offset], m)
		}
	}
	// What is written before an offset: first what ends there, from inside out,
	// then what begins there, from outside in; tokens are taken out.
	type edit struct {
		ends, begins string
		gone         int
	}
	edits := map[int]edit{}
	put := func(begin, op, end token.Pos, before, between, after string, gone int) {
		e := edits[offset(begin)]
		e.begins += before
		edits[offset(begin)] = e
		e = edits[offset(op)]
		e.ends, e.gone = between, gone
		edits[offset(op)] = e
		e = edits[offset(end)]
		e.ends = after + e.ends
		edits[offset(end)] = e
	}
	number := func(ms []mutant, to string) int {
		for _, m := range ms {
			if m.To == to {
				return m.Switch
			}
		}
		return -1
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			here := at[offset(n.OpPos)]
			if len(here) == 0 {
				break
			}
			op := n.Op.String()
			switch op {
			case "==", "!=":
				put(n.X.Pos(), n.OpPos, n.Y.End(), "((", op, fmt.Sprintf(") != gremlinsOn(%d))", here[0].Switch), len(op))
			case "<", "<=", ">", ">=":
				first := fmt.Sprintf("gremlins%s(%d,%d,", called[op], number(here, becomes["CONDITIONALS_BOUNDARY"][op]), number(here, becomes["CONDITIONALS_NEGATION"][op]))
				put(n.X.Pos(), n.OpPos, n.Y.End(), first, ",", ")", len(op))
			default:
				put(n.X.Pos(), n.OpPos, n.Y.End(), fmt.Sprintf("gremlins%s(%d,", called[op], here[0].Switch), ",", ")", len(op))
			}
		case *ast.UnaryExpr:
			if here := at[offset(n.OpPos)]; len(here) > 0 {
				put(n.X.Pos(), n.OpPos, n.End(), "", fmt.Sprintf("gremlinsNeg(%d,", here[0].Switch), ")", 1)
			}
		case *ast.IncDecStmt:
			if here := at[offset(n.TokPos)]; len(here) > 0 {
				put(n.X.Pos(), n.TokPos, n.TokPos, fmt.Sprintf("gremlins%s(%d,&", called[n.Tok.String()], here[0].Switch), ")", "", 2)
			}
		}
		return true
	})
	var out []byte
	for i := 0; i <= len(source); i++ {
		if e, ok := edits[i]; ok {
			out = append(append(out, e.ends...), e.begins...)
			if e.gone > 0 {
				i += e.gone - 1
				continue
			}
		}
		if i < len(source) {
			out = append(out, source[i])
		}
	}
	return out, tree.Name.Name
}

var called = map[string]string{
	"<": "Lss", "<=": "Leq", ">": "Gtr", ">=": "Geq", "+": "Add", "-": "Sub", "*": "Mul", "/": "Quo", "%": "Rem", "++": "Inc", "--": "Dec",
}

// switches is what instrumented sources call: the operators, with their mutants.
const switches = `

import (
	"cmp"
	"os"
	"strconv"
)

var gremlinsAwake, _ = strconv.Atoi(os.Getenv("GREMLINS_AWAKE"))

type gremlinsInteger interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr
}

type gremlinsNumber interface {
	gremlinsInteger | ~float32 | ~float64
}

func gremlinsOn(id int) bool { return gremlinsAwake == id }

func gremlinsLss[T cmp.Ordered](boundary, negation int, x, y T) bool {
	switch gremlinsAwake {
	case boundary:
		return x <= y
	case negation:
		return x >= y
	}
	return x < y
}

func gremlinsLeq[T cmp.Ordered](boundary, negation int, x, y T) bool {
	switch gremlinsAwake {
	case boundary:
		return x < y
	case negation:
		return x > y
	}
	return x <= y
}

func gremlinsGtr[T cmp.Ordered](boundary, negation int, x, y T) bool {
	switch gremlinsAwake {
	case boundary:
		return x >= y
	case negation:
		return x <= y
	}
	return x > y
}

func gremlinsGeq[T cmp.Ordered](boundary, negation int, x, y T) bool {
	switch gremlinsAwake {
	case boundary:
		return x > y
	case negation:
		return x < y
	}
	return x >= y
}

func gremlinsAdd[T gremlinsNumber](id int, x, y T) T {
	if gremlinsAwake == id {
		return x - y
	}
	return x + y
}

func gremlinsSub[T gremlinsNumber](id int, x, y T) T {
	if gremlinsAwake == id {
		return x + y
	}
	return x - y
}

func gremlinsMul[T gremlinsNumber](id int, x, y T) T {
	if gremlinsAwake == id {
		return x / y
	}
	return x * y
}

func gremlinsQuo[T gremlinsNumber](id int, x, y T) T {
	if gremlinsAwake == id {
		return x * y
	}
	return x / y
}

func gremlinsRem[T gremlinsInteger](id int, x, y T) T {
	if gremlinsAwake == id {
		return x * y
	}
	return x % y
}

func gremlinsNeg[T gremlinsNumber](id int, x T) T {
	if gremlinsAwake == id {
		return x
	}
	return -x
}

func gremlinsInc[T gremlinsNumber](id int, x *T) {
	if gremlinsAwake == id {
		*x--
		return
	}
	*x++
}

func gremlinsDec[T gremlinsNumber](id int, x *T) {
	if gremlinsAwake == id {
		*x++
		return
	}
	*x--
}
`

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
	cmd.Env = append(os.Environ(), "GREMLINS_AWAKE="+strconv.Itoa(awake))
	output, err = cmd.CombinedOutput()
	return output, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

var test = regexp.MustCompile(`(?m)^(Test|Fuzz|Example)\w*$`)

// plan runs each test with no mutant awake, and orders them: the transcripts, which
// kill most, then the quickest, then all.
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
	names, sums := make([][]string, 3), make([]time.Duration, 3)
	list, _ := run("-test.list=.")
	for _, name := range test.FindAllString(string(list), -1) {
		_, took := run("-test.short", "-test.run=^"+name+"$")
		class := slices.IndexFunc(classes, func(most time.Duration) bool { return took < most })
		switch {
		case name == transcripts:
			class = -1
			names[0], sums[0] = []string{name}, took
		case class >= 0:
			names[class+1], sums[class+1] = append(names[class+1], name), sums[class+1]+took
		}
	}
	limit := func(took time.Duration) int { return int(10*took/time.Second) + 3 }
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
