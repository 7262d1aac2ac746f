// Mutate tests the tests of one package: it breaks the package in one place
// after the other, as gremlins proposes, and looks whether a test notices.
//
//	go run ./.ci/mutate [-quick] [-survivors file] package list.json results.txt
//
// list.json is what "gremlins unleash --dry-run -o" wrote. Each line of
// results.txt is one mutant: what became of it, where it is, what was changed.
// With -survivors, those that an earlier results.txt of the same sources calls KILLED
// are not run again: to see a new test kill one of the others, or to run these with
// all tests after -quick. It fails if less than 85 of 100 are killed.
//
// Gremlins only finds the mutants here, it does not run them. When it does (0.6.0),
// one that does not compile counts as killed (go test ends with 1, as after a failed
// test), --test-cpu kills all of them (go test refuses the argument), and what stands
// in a constant or in the condition of a case, where Go counts no coverage, is never
// run at all. Here every mutant is run. And as most are compiled together, as one
// program in which the environment wakes one of them, a mutant costs some
// milliseconds instead of some seconds.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What becomes of a mutant: a test fails; none does; the tests do not end, or ask for
// memory without end; it does not compile.
const (
	killed  = "KILLED"
	lived   = "LIVED"
	hangs   = "TIMED OUT"
	invalid = "NOT VIABLE"
)

// enough is how many of 100 mutants must be killed.
const enough = 85

var (
	dir, tmp  string // the package; where we work
	quick     = flag.Bool("quick", false, "leave out the tests that take long")
	survivors = flag.String("survivors", "", "do not run again what is KILLED in these results")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	if flag.NArg() != 3 {
		log.Fatal("use: go run ./.ci/mutate [-quick] [-survivors file] package list.json results.txt")
	}
	ok, err := mutate(flag.Arg(0), flag.Arg(1), flag.Arg(2))
	if err != nil {
		log.Fatal(err)
	}
	if !ok {
		os.Exit(1)
	}
}

func mutate(pkg, list, results string) (ok bool, err error) {
	if dir, err = filepath.Abs(pkg); err != nil {
		return false, err
	}
	if tmp, err = os.MkdirTemp("", "papo-mutants-"); err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	dead := map[string]bool{}
	if *survivors != "" {
		text, err := os.ReadFile(*survivors)
		if err != nil {
			return false, err
		}
		for line := range strings.Lines(string(text)) {
			if m, ok := strings.CutPrefix(strings.TrimSpace(line), killed+"\t"); ok {
				dead[m] = true
			}
		}
	}
	out, err := os.Create(results)
	if err != nil {
		return false, err
	}
	defer out.Close()

	mutants := read(list)
	binary := filepath.Join(tmp, "all.test")
	buildAll(binary, mutants)
	slices.SortStableFunc(mutants, func(a, b mutant) int { // those last that cost a compilation
		return cmp.Compare(min(b.Switch, 1), min(a.Switch, 1))
	})
	stages := plan(binary)
	n, notCovered := map[string]int{}, 0
	for _, m := range mutants {
		status := killed
		if !dead[m.String()] {
			status = m.run(binary, stages)
		}
		n[status]++
		if m.notCovered {
			notCovered++
		}
		fmt.Fprintf(out, "%s\t%v\n", status, m)
		if status != killed {
			fmt.Printf("%-10s %v\n", status, m)
		}
	}
	share := 100 * float64(n[killed]+n[hangs]) / float64(max(1, n[killed]+n[hangs]+n[lived]))
	fmt.Printf("%s: %d mutants: %d killed, %d timed out, %d lived, %d not viable; gremlins calls %d not covered; efficacy %.1f %%\n",
		pkg, len(mutants), n[killed], n[hangs], n[lived], n[invalid], notCovered, share)
	return share >= enough, nil
}
