package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

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
				files["gremlins_switch.go"] = []byte(strings.Replace(switches, "package PACKAGE", "package "+name, 1))
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
//
//go:embed switches.go.txt
var switches string
