package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	notCovered   bool   // gremlins says so
	Switch       int    // in the program that has all mutants; 0: it is not in there
}

// String tells where m is and what it changes; it is the same in every run.
func (m mutant) String() string {
	return fmt.Sprintf("%s:%d:%d %s: %s becomes %s: %s", m.File, m.Line, m.Column, m.Func, m.From, m.To, m.text)
}

// listed is what gremlins says of one file.
type listed struct {
	Name      string `json:"file_name"`
	Mutations []struct {
		Type, Status string
		Line, Column int
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
	var found struct{ Files []listed }
	if err := json.Unmarshal(text, &found); err != nil {
		log.Fatalf("%s: %v", list, err)
	}
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
			m := mutant{
				File: f.Name, Line: c.Line, Column: c.Column, Func: function(tree, lines.Pos(at)),
				offset: at, notCovered: c.Status == "NOT COVERED",
			}
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
