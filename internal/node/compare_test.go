package node

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/transport/memnet"
	"github.com/papo-chat/papo/internal/ui"
)

// A replica that is damaged while papo runs is mended by /sync, and by the
// comparison that comes by itself: the bytes are again those of the others.
func TestDamageIsMendedWhileItRuns(t *testing.T) {
	for what, mend := range map[string]func(p *person){
		"/sync":       func(p *person) { p.node.Do(1, ui.Command{Name: "sync"}) },
		"by itself":   func(p *person) { p.node.order(func(now peer.Now) { p.node.compareSilently(now) }) },
		"by the hour": func(*person) {},
	} {
		t.Run(what, func(t *testing.T) {
			every := time.Hour
			if what == "by the hour" {
				every = 50 * time.Millisecond
			}
			dir := t.TempDir()
			p := startEvery(t, "ana", dir, seal.OpenRoom("224.1.1.1:5007", "papo"), overMemnet(t, memnet.Faults{})("ana"), every, time.Minute)
			for i, text := range []string{"one", "two", "three"} {
				p.node.Say(i+1, text)
				p.until(text, 0, func(e peer.Event) bool { s, ok := e.(peer.TurnShown); return ok && s.Lines[0] == text })
			}
			logs, err := filepath.Glob(filepath.Join(dir, "replicas", "*.log"))
			if err != nil || len(logs) != 3 {
				t.Fatalf("%v, %v", logs, err)
			}
			text, err := os.ReadFile(logs[1])
			if err != nil {
				t.Fatal(err)
			}
			// One byte, so that a comparison under way sees all of the file.
			f, err := os.OpenFile(logs[1], os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{'0'}, int64(bytes.Index(text, []byte("|two|"))+3)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			p.mu.Lock()
			from := len(p.events)
			p.mu.Unlock()
			mend(p)
			p.until("the report", from, func(e peer.Event) bool {
				r, ok := e.(peer.Reconciled)
				if !ok || r.Scope != "local" {
					return false
				}
				if x := r.Replicas[1]; !r.Consistent || x.Damaged != 1 || x.Repaired != 1 {
					t.Errorf("%+v", r)
				}
				return true
			})
			p.leave()
			first := body(t, logs[0])
			for _, log := range logs[1:] {
				if !bytes.Equal(body(t, log), first) {
					t.Errorf("%s is not as %s", log, logs[0])
				}
			}
		})
	}
}

// body is what stands behind a log's header.
func body(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(text, []byte("\n"))
	return rest
}

// A /sync that comes while the replicas are compared unasked is not refused: it waits.
// A second one is.
func TestSyncWaitsForTheSilentOne(t *testing.T) {
	p := start(t, "ana", t.TempDir(), seal.OpenRoom("224.1.1.1:5007", "papo"), overMemnet(t, memnet.Faults{})("ana"))
	p.node.order(func(now peer.Now) {
		p.node.compareSilently(now)
		for i := range 2 {
			p.node.do(now, i+1, ui.Command{Name: "sync"})
		}
	})
	results := map[int]peer.Code{}
	local := 0
	p.until("both answers", 0, func(e peer.Event) bool {
		switch e := e.(type) {
		case peer.Result:
			results[e.N] = e.Code
		case peer.Reconciled:
			if e.Scope == "local" {
				local++
			}
		}
		return len(results) == 2
	})
	if results[1] != "" || results[2] != peer.CodeSyncRunning || local != 1 {
		t.Errorf("results %v, %d reports", results, local)
	}
	p.leave()
}
