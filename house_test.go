package papo

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/papo-chat/papo/"

// house says which of our packages each package may import: imports run one
// way. docs/ARCHITECTURE.md draws it.
var house = map[string][]string{
	"floor":                            {"internal/broken"},
	"internal/broken":                  {},
	"internal/turn":                    {"internal/broken"},
	"internal/fuzzloop":                {},
	"internal/seal":                    {},
	"internal/transport/udp":           {},
	"internal/transport/memnet":        {},
	"internal/transport/transporttest": {},
	"internal/wire":                    {"floor", "internal/turn"},
	"internal/reconcile":               {"internal/turn"},
	"internal/reconcile/harness":       {"internal/reconcile", "internal/turn"},
	"internal/member":                  {"floor", "internal/broken", "internal/turn", "internal/wire"},
	"internal/peer":                    {"floor", "internal/broken", "internal/member", "internal/reconcile", "internal/seal", "internal/turn", "internal/wire"},
	"internal/store":                   {"internal/reconcile", "internal/turn"},
	"internal/store/storetest":         {"internal/store"},
	"internal/lab":                     {"floor", "internal/broken", "internal/peer", "internal/seal", "internal/store", "internal/store/storetest", "internal/trace", "internal/turn", "internal/wire"},
	"internal/record":                  {"internal/turn"},
	"internal/trace":                   {"floor", "internal/peer", "internal/turn", "internal/wire"},
	"internal/trace/diagram":           {"internal/trace", "internal/ui/words"},
	"internal/ui":                      {"internal/peer", "internal/turn", "internal/ui/report", "internal/ui/words"},
	"internal/ui/words":                {},
	"internal/ui/plain":                {"floor", "internal/peer", "internal/turn", "internal/ui", "internal/ui/words"},
	"internal/ui/line":                 {"internal/peer", "internal/turn", "internal/ui", "internal/ui/words"},
	"internal/ui/story":                {"floor", "internal/peer", "internal/trace", "internal/turn", "internal/ui", "internal/ui/words"},
	"internal/ui/report":               {"internal/peer", "internal/turn", "internal/ui/words"},
	"internal/node":                    {"internal/peer", "internal/seal", "internal/store", "internal/trace", "internal/turn", "internal/ui"},
	"internal/ui/uitest":               {"floor", "internal/peer", "internal/turn", "internal/ui"},
	"e2e":                              {},
	"cmd/papo": {
		"internal/broken", "internal/lab",
		"internal/node", "internal/peer", "internal/record", "internal/seal", "internal/store", "internal/trace", "internal/trace/diagram",
		"internal/transport/udp", "internal/turn", "internal/ui", "internal/ui/line", "internal/ui/plain", "internal/ui/report", "internal/ui/story",
		"internal/ui/words",
	},
}

// core are the packages without I/O: nothing of them may reach for a clock, a
// socket, a file or a logger.
var core = []string{"internal/broken", "floor", "internal/turn", "internal/wire", "internal/reconcile", "internal/member", "internal/peer"}

var notInCore = []string{"net", "os", "log", "log/slog", "io/fs", "path/filepath", "sync", "sync/atomic", "syscall", "math/rand", "crypto/rand", "os/exec", "context"}

var clocks = []string{"Now", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Since", "Until"}

func TestImportsRunOneWay(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != "." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.Contains(filepath.ToSlash(file), "/testdata/") {
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(file))
		seen[pkg] = true
		may, ok := house[pkg]
		if !ok {
			t.Errorf("%s: package %s has no room in the house", file, pkg)
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if slices.Contains(core, pkg) {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%v: a goroutine in the core", files.Position(n.Pos()))
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
						t.Errorf("%v: time.%s in the core", files.Position(n.Pos()), n.Sel.Name)
					}
				}
				return true
			})
		}
		for _, i := range f.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(p, module); ok && !slices.Contains(may, ours) {
				t.Errorf("%s imports %s, against the direction", file, ours)
			}
			if slices.Contains(core, pkg) && slices.Contains(notInCore, p) {
				t.Errorf("%s imports %s: the core has no I/O, no clock and no global randomness", file, p)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range house {
		if !seen[pkg] {
			t.Errorf("the house has a room %s that does not exist", pkg)
		}
	}
}
