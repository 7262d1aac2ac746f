package broken

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// constants returns the names of the rules' constants, in order.
func constants(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "rule.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].IsExported() {
			names = append(names, v.Names[0].Name)
		}
		return true
	})
	return names
}

func TestEachRuleHasAnEntry(t *testing.T) {
	names := constants(t)
	if len(names) != int(end)-1 || len(names) != len(All()) {
		t.Fatalf("%d constants, %d numbers, %d entries", len(names), end-1, len(All()))
	}
	sentences, of := map[string]bool{}, map[string]bool{}
	kebab := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	for i, e := range All() {
		if e.Rule != Rule(i+1) {
			t.Errorf("entry %d is of rule %d", i+1, e.Rule)
		}
		// The names are unique because the constants are.
		if plain := strings.ReplaceAll(e.Name, "-", ""); !kebab.MatchString(e.Name) || plain != strings.ToLower(names[i]) {
			t.Errorf("%s has the name %q", names[i], e.Name)
		}
		if r, ok := Lookup(e.Name); !ok || r != e.Rule || r.String() != e.Name {
			t.Errorf("%q is found as %d, %v, %q", e.Name, r, ok, r)
		}
		if sentences[e.Without] || !strings.HasSuffix(e.Without, ".") {
			t.Errorf("%s: %q is no sentence of its own", e.Name, e.Without)
		}
		sentences[e.Without] = true
		of[e.Of] = true
		if f, _, ok := strings.Cut(e.Name, "-"); ok && regexp.MustCompile(`^f\d+$`).MatchString(f) && strings.ToUpper(f) != e.Of {
			t.Errorf("%s is of %q", e.Name, e.Of)
		}
	}
	all := []string{"", "F1", "F2", "F3", "F4", "F6", "F7", "F8", "F9", "F10"}
	for f := range of {
		if !slices.Contains(all, f) {
			t.Errorf("there is no rule %q", f)
		}
	}
	if len(of) != len(all) {
		t.Errorf("not all of F1 to F10 but F5 can be taken out: only %d", len(of)-1)
	}
	if _, ok := Lookup("nothing"); ok || Rule(0).String() != "" || end.String() != "" {
		t.Error("a rule is found that does not exist")
	}
}

// TestEachRuleIsObeyed looks in the source: a rule that no code asks for would be
// taken out in vain. What a simulation says of rules does not count.
func TestEachRuleIsObeyed(t *testing.T) {
	asked := map[string]bool{}
	root := filepath.Join("..", "..")
	for _, dir := range []string{"floor", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "broken" || d.Name() == "lab") {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return nil
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				// x.Has(broken.Rule)
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) != 1 {
					return true
				}
				has, ok := call.Fun.(*ast.SelectorExpr)
				if rule, is := call.Args[0].(*ast.SelectorExpr); ok && is && has.Sel.Name == "Has" {
					if pkg, is := rule.X.(*ast.Ident); is && pkg.Name == "broken" {
						asked[rule.Sel.Name] = true
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range constants(t) {
		if !asked[name] {
			t.Errorf("no code asks whether %s is taken out", name)
		}
	}
}

func TestSetsOfRules(t *testing.T) {
	if (Rules{}) != Of() {
		t.Error("an empty set is not the zero value")
	}
	for r := Rule(1); r < 128; r++ {
		for _, s := range []Rules{Of(r), Of(1, r, 127)} {
			for o := Rule(1); o < 128; o++ {
				want := o == r || s != Of(r) && (o == 1 || o == 127)
				if s.Has(o) != want {
					t.Fatalf("%v has %d: %v", s, o, !want)
				}
			}
		}
		if (Rules{}).Has(r) {
			t.Fatalf("nothing has %d", r)
		}
	}
	if end >= 128 {
		t.Fatal("more rules than bits")
	}
}

// TestOnlyThisModuleCanSetThem checks what the field of floor.Config relies on: who
// cannot name the package can have the zero value of Rules, and get no other of it.
func TestOnlyThisModuleCanSetThem(t *testing.T) {
	s := reflect.TypeFor[Rules]()
	for i := range s.NumField() {
		if s.Field(i).IsExported() {
			t.Errorf("field %s can be set", s.Field(i).Name)
		}
	}
	p := reflect.TypeFor[*Rules]()
	if s.Kind() != reflect.Struct || p.NumMethod() != s.NumMethod() {
		t.Error("a constant can be assigned to it, or a method can change it")
	}
	for i := range s.NumMethod() {
		for o := range s.Method(i).Type.NumOut() {
			if s.Method(i).Type.Out(o) == s {
				t.Errorf("method %s gives another", s.Method(i).Name)
			}
		}
	}
}
