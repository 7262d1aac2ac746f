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
	return func(done, total int64) {
		if !told && (time.Since(began) < progressAfter || done >= total) {
			return
		}
		told = true
		percent := int64(100)
		end := "\n"
		if done < total {
			percent, end = 100*done/total, ""
		}
		fmt.Fprint(p.stderr, "\r"+p.words.T("progress.reading", words.D{"Percent": percent})+end)
	}
}
