package words_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/ui/uitest"
	"github.com/papo-chat/papo/internal/ui/words"
)

var languages = []string{words.English, words.Portuguese}

// catalogue reads one file: for each key its forms ("other" alone, or "one"
// too).
func catalogue(t *testing.T, lang string) map[string]map[string]string {
	t.Helper()
	b, err := os.ReadFile(lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	// A key that stands twice is lost in the map.
	if n := len(regexp.MustCompile(`(?m)^  "[^"]+": `).FindAll(b, -1)); n != len(raw) {
		t.Errorf("%s.json: %d keys, %d of them different", lang, n, len(raw))
	}
	all := map[string]map[string]string{}
	for key, v := range raw {
		forms := map[string]string{}
		switch v := v.(type) {
		case string:
			forms["other"] = v
		case map[string]any:
			for form, text := range v {
				forms[form] = text.(string)
			}
		}
		all[key] = forms
	}
	return all
}

var placeholder = regexp.MustCompile(`\.([A-Z]\w*)`)

func placeholders(forms map[string]string) []string {
	set := map[string]bool{}
	for _, text := range forms {
		for _, braces := range regexp.MustCompile(`{{[^}]*}}`).FindAllString(text, -1) {
			for _, m := range placeholder.FindAllStringSubmatch(braces, -1) {
				set[m[1]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// Both languages have the same keys, with the same placeholders and with
// plurals in the same places; no sentence is empty.
func TestLanguagesAgree(t *testing.T) {
	en, pt := catalogue(t, words.English), catalogue(t, words.Portuguese)
	if len(en) == 0 {
		t.Fatal("no keys")
	}
	for key := range pt {
		if en[key] == nil {
			t.Errorf("%s: not in en.json", key)
		}
	}
	for key, forms := range en {
		if pt[key] == nil {
			t.Errorf("%s: not in pt-BR.json", key)
			continue
		}
		if a, b := placeholders(forms), placeholders(pt[key]); !slices.Equal(a, b) {
			t.Errorf("%s: placeholders %v in en.json, %v in pt-BR.json", key, a, b)
		}
		if a, b := slices.Sorted(maps.Keys(forms)), slices.Sorted(maps.Keys(pt[key])); !slices.Equal(a, b) {
			t.Errorf("%s: forms %v in en.json, %v in pt-BR.json", key, a, b)
		}
		for _, text := range append(slices.Collect(maps.Values(forms)), slices.Collect(maps.Values(pt[key]))...) {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: empty", key)
			}
		}
	}
}

// Every code of an event and every reason of a drop has words, and no words are
// for one that is gone.
func TestEveryCodeHasWords(t *testing.T) {
	en := catalogue(t, words.English)
	for prefix, typeName := range map[string]string{"code.": "Code", "dropped.": "Reason"} {
		codes, err := uitest.Consts("../../peer/event.go", typeName)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range codes {
			if en[prefix+code] == nil {
				t.Errorf("no words for the %s %s", typeName, code)
			}
		}
		for key := range en {
			if code, ok := strings.CutPrefix(key, prefix); ok && !slices.Contains(codes, code) {
				t.Errorf("%s: there is no such %s", key, typeName)
			}
		}
	}
}

// Every fault of a record file has words, and no words are for one that is gone.
func TestEveryFaultHasWords(t *testing.T) {
	codes, err := uitest.Consts("../../record/fault.go", "FaultCode")
	if err != nil {
		t.Fatal(err)
	}
	en := catalogue(t, words.English)
	for _, code := range codes {
		if en["verify.fault."+code] == nil {
			t.Errorf("no words for the fault %s", code)
		}
	}
	for key := range en {
		if code, ok := strings.CutPrefix(key, "verify.fault."); ok && !slices.Contains(codes, code) {
			t.Errorf("%s: there is no such fault", key)
		}
	}
}

// use is how the program uses the catalogue.
type use struct {
	keys     map[string]bool   // string constants that are a key
	families map[string]bool   // string constants that end in a dot, to be completed
	calls    map[string]string // T and N with a constant key: where
	filled   map[string][]string
}

var keyForm = regexp.MustCompile(`^[a-z]+(\.[a-z0-9-]+)+$`)

// uses reads the Go files that speak through the catalogue.
func uses(t *testing.T) use {
	t.Helper()
	u := use{keys: map[string]bool{}, families: map[string]bool{}, calls: map[string]string{}, filled: map[string][]string{}}
	for _, root := range []string{"..", "../../../cmd", "../../trace"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return u.read(path)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func (u use) read(path string) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := constant(n); ok {
			if strings.HasSuffix(s, ".") {
				u.families[s] = true
			} else if keyForm.MatchString(s) || !strings.Contains(s, " ") {
				u.keys[s] = true
			}
		}
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		name := called(call)
		if !slices.Contains([]string{"T", "N", "t", "say"}, name) {
			return true
		}
		if key, ok := constant(call.Args[0]); ok && keyForm.MatchString(key) {
			where := files.Position(call.Pos()).String()
			u.calls[key] = where
			if names, ok := filled(call); ok {
				u.filled[key+" "+where] = names
			}
		}
		return true
	})
	return nil
}

// called is the name of a function or method, without what stands before it.
func called(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		return fun.Sel.Name
	case *ast.Ident:
		return fun.Name
	}
	return ""
}

func constant(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// filled gives the placeholders that a call fills; ok is false if that does
// not stand in the call itself.
func filled(call *ast.CallExpr) (names []string, ok bool) {
	for _, arg := range call.Args[1:] {
		lit, isLit := arg.(*ast.CompositeLit)
		if !isLit {
			continue
		}
		for _, el := range lit.Elts {
			if s, isConst := constant(el.(*ast.KeyValueExpr).Key); isConst {
				names = append(names, s)
			}
		}
	}
	for _, arg := range call.Args[1:] {
		if id, isName := arg.(*ast.Ident); isName && slices.Contains([]string{"d", "data", "all"}, id.Name) {
			return nil, false // made elsewhere
		}
	}
	if called(call) == "N" {
		names = append(names, "Count")
	}
	return names, true
}

// Every key that the program asks for exists and gets its placeholders filled,
// and no key is there in vain. Until there is a command line, its keys may wait
// for it.
func TestKeysAreUsed(t *testing.T) {
	en, u := catalogue(t, words.English), uses(t)
	for key, where := range u.calls {
		if en[key] == nil {
			t.Errorf("%s: there is no key %s", where, key)
		}
	}
	for call, names := range u.filled {
		key, where, _ := strings.Cut(call, " ")
		for _, want := range placeholders(en[key]) {
			if !slices.Contains(names, want) {
				t.Errorf("%s: %s does not fill %s", where, key, want)
			}
		}
	}
	_, err := os.Stat("../../../cmd/papo")
	waiting := errors.Is(err, fs.ErrNotExist)
	for key := range en {
		family := false
		for f := range u.families {
			family = family || strings.HasPrefix(key, f)
		}
		command := slices.Contains([]string{"cli", "error", "flag", "name", "want", "warn"}, strings.Split(key, ".")[0])
		if !u.keys[key] && !family && !(command && waiting) {
			t.Errorf("%s: nothing uses it", key)
		}
	}
}

func TestPlurals(t *testing.T) {
	for _, c := range []struct {
		lang string
		n    int
		want string
	}{
		{words.English, 0, "0 turns"}, {words.English, 1, "1 turn"}, {words.English, 2, "2 turns"},
		{words.Portuguese, 0, "0 fala"}, {words.Portuguese, 1, "1 fala"}, {words.Portuguese, 2, "2 falas"},
		{words.Portuguese, 1000000, "1.000.000 falas"},
	} {
		if got := words.For(c.lang).N("count.turns", c.n); got != c.want {
			t.Errorf("%s, %d: %q, want %q", c.lang, c.n, got, c.want)
		}
	}
}

func TestLists(t *testing.T) {
	en, pt := words.For(words.English), words.For(words.Portuguese)
	for _, c := range []struct {
		items  []string
		en, pt string
	}{
		{nil, "", ""},
		{[]string{"Ana"}, "Ana", "Ana"},
		{[]string{"Ana", "Rafael"}, "Ana and Rafael", "Ana e Rafael"},
		{[]string{"Ana", "Bia", "Rafael"}, "Ana, Bia and Rafael", "Ana, Bia e Rafael"},
	} {
		if got := en.List(c.items); got != c.en {
			t.Errorf("%q, want %q", got, c.en)
		}
		if got := pt.List(c.items); got != c.pt {
			t.Errorf("%q, want %q", got, c.pt)
		}
	}
}

// All days and months have their words, in their order.
func TestDates(t *testing.T) {
	day := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	if got, want := words.For(words.English).Date(day), "Monday, 5 January 2026"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := words.For(words.Portuguese).Date(day), "segunda-feira, 5 de janeiro de 2026"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for i := range 365 {
		d := day.AddDate(0, 0, i)
		if got, want := words.For(words.English).Date(d), d.Format("Monday, 2 January 2006"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	if got := words.For(words.English).Seconds(1840 * time.Millisecond); got != "1.8" {
		t.Errorf("%q", got)
	}
	if got := words.For(words.Portuguese).Seconds(1840 * time.Millisecond); got != "1,8" {
		t.Errorf("%q", got)
	}
}

func TestUnknownKeyGivesItself(t *testing.T) {
	if got := words.For(words.English).T("no.such-key"); got != "no.such-key" {
		t.Errorf("%q", got)
	}
	if got := words.For("fr").T("cli.usage"); got != "Usage:" {
		t.Errorf("%q", got)
	}
}

func TestPick(t *testing.T) {
	system := func(locales ...string) func() ([]string, error) {
		return func() ([]string, error) { return locales, nil }
	}
	for _, c := range []struct {
		name   string
		env    map[string]string
		system func() ([]string, error)
		want   string
	}{
		{"nothing", nil, nil, "en"},
		{"pt_BR", map[string]string{"LANG": "pt_BR.UTF-8"}, nil, "pt-BR"},
		{"pt_PT", map[string]string{"LANG": "pt_PT.UTF-8"}, nil, "pt-BR"},
		{"pt", map[string]string{"LANG": "pt"}, nil, "pt-BR"},
		{"modifier", map[string]string{"LANG": "pt_BR@euro"}, nil, "pt-BR"},
		{"C.UTF-8", map[string]string{"LANG": "C.UTF-8"}, system("pt-BR"), "en"},
		{"C.UTF-8 and LANGUAGE", map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "pt_BR"}, nil, "en"},
		{"C", map[string]string{"LANG": "C", "LANGUAGE": "pt_BR"}, nil, "en"},
		{"POSIX", map[string]string{"LC_ALL": "POSIX", "LANG": "pt_BR.UTF-8"}, nil, "en"},
		{"another", map[string]string{"LANG": "de_DE.UTF-8"}, nil, "en"},
		{"nonsense", map[string]string{"LANG": "!!"}, nil, "en"},
		{"LC_ALL first", map[string]string{"LC_ALL": "en_US.UTF-8", "LC_MESSAGES": "pt_BR", "LANG": "pt_BR"}, nil, "en"},
		{"LC_MESSAGES second", map[string]string{"LC_MESSAGES": "pt_BR.UTF-8", "LANG": "en_US.UTF-8"}, nil, "pt-BR"},
		{"LANGUAGE before", map[string]string{"LANG": "en_US.UTF-8", "LANGUAGE": "de:pt_BR:en"}, nil, "pt-BR"},
		{"LANGUAGE in vain", map[string]string{"LANG": "pt_BR.UTF-8", "LANGUAGE": "de:fr"}, nil, "pt-BR"},
		{"system", nil, system("fr-FR", "pt-BR", "en-US"), "pt-BR"},
		{"system fails", nil, func() ([]string, error) { return nil, errors.New("no") }, "en"},
		{"environment before system", map[string]string{"LANG": "en_GB.UTF-8"}, system("pt-BR"), "en"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := words.Pick(func(name string) string { return c.env[name] }, c.system); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestChoose(t *testing.T) {
	for flag, want := range map[string]string{
		"en": "en", "EN": "en", "pt-BR": "pt-BR", "pt-br": "pt-BR", "pt_BR": "pt-BR", "pt": "pt-BR", "fr": "", "": "", "en-US": "",
	} {
		got, err := words.Choose(flag)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", flag, got, err)
		}
	}
}

// The languages of the catalogue are the languages of the package.
func TestFilesLoad(t *testing.T) {
	for _, lang := range languages {
		w := words.For(lang)
		for key, forms := range catalogue(t, lang) {
			if got := w.T(words.Key(key)); got == key {
				t.Errorf("%s: %s gives nothing but its key (%q)", lang, key, forms["other"])
			}
		}
	}
}
