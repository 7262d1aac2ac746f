package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/papo-chat/papo/internal/ui/words"
)

// progressAfter is how long something takes without a word.
const progressAfter = time.Second

// progress tells a person at a terminal how far the reading of a long record is.
func (p *program) progress() func(done, total int64) {
	f, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	began, told := time.Now(), false
	key, before := words.Key("progress.reading"), int64(0)
	return func(done, total int64) {
		if done < before {
			key = "progress.checkpoint" // that of the store begins again for this
		}
		before = done
		if !told && (time.Since(began) < progressAfter || done >= total) {
			return
		}
		told = true
		percent, end := int64(100), "\n"
		if done < total {
			percent, end = 100*done/total, ""
		}
		fmt.Fprint(p.stderr, "\r"+p.words.T(key, words.D{"Percent": percent})+end)
	}
}
