package store_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

var killsFlag = flag.Int("kills", 10, "how often TestKilled kills a process that writes")

// killWithin bounds the time until a kill.
const killWithin = 60 * time.Millisecond

// TestKilled has a process write under load and kills it with SIGKILL at a
// random moment, over and over; each one opens what the one before left. All that was
// told to be appended must be there, each log must be as the others, lines that waited
// must be offered again or be in the record, and nobody may take the checkpoint for
// damaged.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	appended, queued, opening, lines := -1, -1, 0, 0
	for n := range *killsFlag {
		c := startWriter(t, dir, n%4 == 3)
		if c.opened == "" {
			opening++
		} else {
			var turns, unsent int
			if _, err := fmt.Sscanf(c.opened, "opened %d unsent %d", &turns, &unsent); err != nil {
				t.Fatalf("%q: %v", c.opened, err)
			}
			switch {
			case turns <= appended:
				t.Fatalf("kill %d: line %d was told to be appended, and there are %d turns", n, appended, turns)
			case queued >= turns && unsent != queued:
				t.Fatalf("kill %d: line %d was told to be queued, and is neither said nor offered again", n, queued)
			}
			if unsent >= 0 {
				lines++
			}
		}
		appended, queued = max(appended, c.appended), max(queued, c.queued)
	}
	l, _, err := newLoad(loadOptions(dir), 0, 2)
	if err == nil {
		err = numbered(l.restored)
	}
	if err != nil || len(l.restored) <= appended {
		t.Fatalf("%d turns of %d: %v", len(l.restored), appended+1, err)
	}
	if err := l.s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("%d kills, of these %d while it opened; %d turns, and %d times a line that waited", *killsFlag, opening, len(l.restored), lines)
	if len(l.restored) < *killsFlag {
		t.Errorf("%d turns are too few to prove anything", len(l.restored))
	}
}

// killed is what a writer told before it was killed.
type killed struct {
	opened           string // empty: it did not come so far
	appended, queued int    // the last ones; -1: none
}

// startWriter runs a writer and kills it, early or after it has opened.
func startWriter(t *testing.T, dir string, early bool) killed {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=write", childDir+"="+dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		time.AfterFunc(time.Duration(1+rand.Int64N(int64(killWithin))), func() { _ = cmd.Process.Kill() }) // it may have ended
	}
	if early {
		kill()
	}
	c := killed{appended: -1, queued: -1}
	for s := bufio.NewScanner(out); s.Scan(); {
		var n int
		switch line := s.Text(); {
		case c.opened == "":
			c.opened = line
			if !early {
				kill()
			}
		case scan(line, "appended %d", &n):
			c.appended = n
		case scan(line, "queued %d", &n):
			c.queued = n
		}
	}
	if err := cmd.Wait(); err == nil || errs.Len() > 0 {
		t.Fatalf("the writer: %v: %s", err, errs.String())
	}
	return c
}

func scan(line, format string, n *int) bool {
	_, err := fmt.Sscanf(line+"\n", format+"\n", n)
	return err == nil
}

// numbered checks that these are the turns that load says, each and in order.
func numbered(ts []*turn.Signed) error {
	for i, v := range ts {
		if !slices.Equal(v.Turn().Texts, []string{lineText(i)}) {
			return fmt.Errorf("turn %d says %q", i, v.Turn().Texts)
		}
	}
	return nil
}

// writeUntilKilled is what TestKilled starts. It has an end only if something is
// wrong.
func writeUntilKilled(dir string) error {
	l, r, err := newLoad(loadOptions(dir), 0, 2)
	if err == nil {
		err = numbered(l.restored)
	}
	if err != nil {
		return err
	}
	l.n = len(l.restored)
	unsent := -1
	for _, u := range r.Unsent {
		if unsent = l.n; u.Line != lineID(l.n) || u.Text != lineText(l.n) || len(r.Unsent) > 1 {
			return fmt.Errorf("after %d turns these lines wait: %v", l.n, r.Unsent)
		}
	}
	l.alarm = make(chan error, 1)
	l.tell = func(format string, args ...any) { fmt.Printf(format, args...) }
	l.tell("opened %d unsent %d\n", l.n, unsent)
	l.start()
	return fmt.Errorf("nobody damaged the checkpoint: %w", <-l.alarm)
}
