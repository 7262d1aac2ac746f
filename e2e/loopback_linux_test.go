package e2e

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/transport/udp"
	"github.com/papo-chat/papo/internal/turn"
)

// lateEnv says how many turns there are before the newcomer.
const lateEnv = "PAPO_E2E_LATE"

// elders makes n turns of three who are not here any more, as they follow each
// other in a group that talks: each names the one before it, one line each.
func elders(t *testing.T, n int) []*turn.Signed {
	t.Helper()
	names := []string{"davi", "elisa", "fábio"}
	var keys []ed25519.PrivateKey
	for i := range names {
		keys = append(keys, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize)))
	}
	ts := make([]*turn.Signed, 0, n)
	stamp := uint64(0)
	for i := range n {
		stamp += 1 + uint64(i%4)
		v := turn.Turn{
			Name: names[i%3], Stamp: stamp, Time: 1_767_323_045_678 + int64(i)*1000,
			LineIDs: []turn.LineID{{1, byte(i >> 16), byte(i >> 8), byte(i)}},
			Texts:   []string{fmt.Sprintf("this is what was said before anybody new came, number %d", i)},
		}
		if i > 0 {
			v.Parents = []turn.ID{ts[i-1].ID()}
		}
		s, err := turn.Sign(openRoom(), v, keys[i%3])
		if err != nil {
			t.Fatal(err)
		}
		ts = append(ts, s)
	}
	return ts
}

// openRoom is the group of members that are told no other.
func openRoom() turn.GroupID {
	return turn.GroupID(seal.OpenRoom(udp.DefaultGroup.String(), "papo").GroupID())
}

// fill gives a member that has not started yet a record.
func (l *lab) fill(name string, ts []*turn.Signed) {
	l.t.Helper()
	s, _, err := store.Open(store.Options{
		Dir: l.data(name), Name: name, Group: openRoom(), Checkpoint: filepath.Join(l.data(name), "checkpoint.db"),
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if r := s.Append(ts); r.Kept() != store.DefaultReplicas {
		l.t.Fatal(r.Replicas)
	}
	if err := s.SyncAll(); err != nil {
		l.t.Fatal(err)
	}
	if _, err := s.Advance(l.t.Context(), nil); err != nil {
		l.t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		l.t.Fatal(err)
	}
}

// lineCount counts the lines of a file that grows, or that is not there yet.
type lineCount struct {
	path  string
	at    int64
	lines int
}

func (c *lineCount) now() int {
	f, err := os.Open(c.path)
	if err != nil {
		return 0
	}
	defer f.Close()
	b, _ := io.ReadAll(io.NewSectionReader(f, c.at, 1<<40)) // what cannot be read now is read next time
	c.at += int64(len(b))
	c.lines += bytes.Count(b, []byte("\n"))
	return c.lines
}

// kernelCount is a number that the kernel keeps in a file of /proc, behind a name.
func kernelCount(t *testing.T, path, name string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if i := slices.Index(names, name); i > 0 && fields[0] == names[0] { // snmp: a line of names, one of numbers
			fields = []string{name, fields[i]}
		}
		names = fields
		if n, err := strconv.Atoi(fields[min(1, len(fields)-1)]); err == nil && fields[0] == name {
			return n
		}
	}
	t.Fatalf("%s has no %s", path, name)
	return 0
}

// verify checks the signatures of turns, one after the other, and tells how long
// that took and how much of a processor's time.
func verify(t *testing.T, ts []*turn.Signed) (took, busy time.Duration) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() time.Duration {
		var u unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Nano())
	}
	began, before := time.Now(), used()
	for _, s := range ts {
		if _, err := turn.Parse(openRoom(), s.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began), used() - before
}

// A newcomer gets a long record while the others talk. What it costs is reported
// beside what verifying the same signatures costs on the same machine just then.
//
//	PAPO_E2E=must PAPO_E2E_LATE=100000 go test -count=1 -v -run NewcomerOnLoopback ./e2e/
func TestE2ENewcomerOnLoopback(t *testing.T) {
	turns := 10_000
	if s := os.Getenv(lateEnv); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1000 {
			t.Fatalf("%s=%s: want a number of turns, 1000 at least", lateEnv, s)
		}
		turns = n
	}
	host := newNamespace(t)
	l := newLab(t)
	record := elders(t, turns)
	l.fill("ana", record)
	l.fill("bia", record)
	verified, busy := verify(t, record)
	record = nil

	ana, bia := l.start(host, "ana"), l.start(host, "bia")
	l.wait(talkTime, "the two have read their record", func() bool { return ana.ready != nil && bia.ready != nil })
	l.meet(ana, bia)
	for _, p := range []*process{ana, bia} {
		p.answer("/sync") // it waits for the comparison after the start
	}
	talks := []*talk{
		ana.talk(1, 50*time.Millisecond, endless(ana.name)),
		bia.talk(1, 50*time.Millisecond, endless(bia.name)),
	}
	alone := bootNow()
	l.wait(patience, "they talk alone", func() bool { return ana.sent >= 40 && bia.sent >= 40 })
	datagrams := func() (n int) {
		host.do(func() { n = kernelCount(t, "/proc/thread-self/net/snmp", "InDatagrams") })
		return n
	}
	before := datagrams()
	joins := bootNow()
	caio := l.start(host, "caio")
	log := lineCount{path: filepath.Join(l.data("caio"), "replicas", "replica_caio_0.log")}
	var first, has int64
	for deadline := time.Now().Add(talkTime); has == 0; {
		switch n := log.now(); {
		case n > turns: // beside the turns it has a header
			has = bootNow()
		case n > 1 && first == 0:
			first = bootNow()
		case time.Now().After(deadline):
			t.Fatalf("after %v the newcomer has %d lines of over %d", talkTime, n, turns)
		}
		time.Sleep(5 * time.Millisecond)
	}
	sent := datagrams() - before
	status := fmt.Sprintf("/proc/%d/status", caio.cmd.Process.Pid)
	used := time.Duration(ticks(t, caio.cmd.Process.Pid)) * 10 * time.Millisecond
	t.Logf("the newcomer has %d turns %v after its start, %v after the first: %.2f times the %v of verifying their signatures",
		turns, time.Duration(has-joins).Round(time.Millisecond), time.Duration(has-first).Round(time.Millisecond),
		float64(has-first)/float64(verified), verified.Round(time.Millisecond))
	t.Logf("processor time of the newcomer until then %v, of verifying %v: %.2f times", used, busy.Round(time.Millisecond), float64(used)/float64(busy))
	t.Logf("%d datagrams came to the three meanwhile; the newcomer's memory peak is %d MiB", sent, kernelCount(t, status, "VmHWM:")>>10)
	l.mu.Lock()
	usual := slices.Concat(ana.delays(alone, joins), bia.delays(alone, joins))
	during := slices.Concat(ana.delays(joins, has), bia.delays(joins, has))
	l.mu.Unlock()
	t.Logf("a line of the others took %s before, %s meanwhile: %.1f times the median", spread(usual), spread(during),
		float64(percentile(during, 0.5))/float64(percentile(usual, 0.5)))
	if len(during) == 0 {
		t.Errorf("the others said nothing meanwhile")
	}
	for _, k := range talks {
		k.stop()
	}
	caio.say("caio has arrived")
	l.converge(ana, bia, caio)
	l.mu.Lock()
	late := 0
	for _, e := range caio.shown {
		if e.Late {
			late++
		}
	}
	t.Logf("the newcomer shows %d turns, %d of them late; its notices: %v; peak at last %d MiB", len(caio.shown), late, caio.notices, kernelCount(t, status, "VmHWM:")>>10)
	l.mu.Unlock()
	for _, p := range []*process{ana, bia, caio} {
		p.quit()
	}
	l.checkFloor()
}
