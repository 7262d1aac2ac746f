package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/turn"
)

func init() { children["full"] = fillDisks }

// TestFullTmpfs fills real, small disks, one a log and one for the rest, by
// appending: the record goes on while one log takes turns, and when there is room
// again, it goes on with all of them, and nothing that was kept is lost.
func TestFullTmpfs(t *testing.T) { inOwnMounts(t, "full") }

// smallDisk mounts a tmpfs.
func smallDisk(dir, size string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size); err != nil {
		return fmt.Errorf("%smount a tmpfs: %w", cannot, err)
	}
	return nil
}

func fillDisks(dir string) error {
	o := loadOptions(filepath.Join(dir, "rest", "papo"))
	disks := map[string]string{filepath.Join(dir, "rest"): "4m"}
	for i, size := range []string{"64k", "128k", "192k"} {
		d := filepath.Join(dir, fmt.Sprint("log-", i))
		disks[d], o.ReplicaDirs = size, append(o.ReplicaDirs, d)
	}
	for d, size := range disks {
		if err := smallDisk(d, size); err != nil {
			return err
		}
	}
	l, _, err := newLoad(o, 0, -1)
	if err != nil {
		return err
	}
	var kept []*turn.Signed
	var waiting []store.Unsent
	l.hear = func(ts []*turn.Signed) { kept = append(kept, ts...) }

	// One log after the other is full, the smallest first.
	for full := range o.ReplicaDirs {
		for i := 0; ; i++ {
			l.speak()
			a := l.appends[len(l.appends)-1]
			err := a.res.Replicas[full]
			if a.res.Kept() == 0 {
				kept = kept[:len(kept)-len(a.ts)]
				if v := a.ts[0].Turn(); v.Name == "ana" { // it waits on
					waiting = append(waiting, store.Unsent{Line: v.LineIDs[0], Text: v.Texts[0]})
				}
			}
			if errors.Is(err, unix.ENOSPC) {
				if n := len(o.ReplicaDirs) - full - 1; a.res.Kept() != n || !errors.Is(l.s.Status()[full].Err, unix.ENOSPC) {
					return fmt.Errorf("log %d is full, and %d logs took the turn, not %d: %v", full, a.res.Kept(), n, a.res.Replicas)
				}
				break
			}
			if err != nil || i > 1000 {
				return fmt.Errorf("turn %d: %v", i, a.res.Replicas)
			}
		}
		if err := advance(l.s); err != nil {
			return fmt.Errorf("the checkpoint, with %d logs full: %w", full+1, err)
		}
	}

	// So is the disk of all the rest, to the last page.
	behind := l.s.Behind()
	if err := ballast(filepath.Join(dir, "rest", "ballast")); err != nil {
		return err
	}
	for i := 0; ; i++ {
		u := store.Unsent{Line: turn.LineID{0xff, byte(i)}, Text: strings.Repeat("x", 100+i)}
		if err := l.s.Queue(u.Line, u.Text); errors.Is(err, unix.ENOSPC) {
			break
		} else if err != nil || i > 100 {
			return fmt.Errorf("line %d: %w", i, err)
		}
		waiting = append(waiting, u)
	}
	if len(waiting) == 0 {
		return errors.New("no line waits")
	}
	if err := room(o.ReplicaDirs[2], "4m"); err != nil { // one log takes turns
		return err
	}
	for range 20 {
		l.speak()
	}
	if err := advance(l.s); err == nil || l.s.Behind() <= behind {
		return fmt.Errorf("the checkpoint was written on a full disk: %d turns behind, %d before", l.s.Behind(), behind)
	}

	// A start on full disks loses nothing either.
	if err := l.s.Queue(turn.LineID{7}, strings.Repeat("y", turn.MaxLine)); !errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("a line was noted on a full disk: %w", err)
	}
	if err := l.s.Close(); err != nil {
		return err
	}
	s, r, err := store.Open(o)
	if err != nil {
		return fmt.Errorf("opened on full disks: %w", err)
	}
	if r.Count != len(kept) {
		return fmt.Errorf("opened on full disks: %d turns of %d", r.Count, len(kept))
	}
	if err := s.Close(); err != nil {
		return err
	}
	for d := range disks {
		if err := room(d, "8m"); err != nil {
			return err
		}
	}

	// There is room again.
	if l, r, err = newLoad(o, l.n, -1); err != nil {
		return fmt.Errorf("opened when there was room: %w", err)
	}
	if len(l.restored) != len(kept) || !subset(kept, l.restored) {
		return fmt.Errorf("%d turns of %d", len(l.restored), len(kept))
	}
	if !slices.Equal(r.Unsent, waiting) {
		return fmt.Errorf("these lines wait: %v, not %v", r.Unsent, waiting)
	}
	l.speak()
	if a := l.appends[0]; a.res.Kept() != 3 {
		return fmt.Errorf("there is room: %v", a.res.Replicas)
	}
	if err := advance(l.s); err != nil || l.s.Behind() != 0 {
		return fmt.Errorf("the checkpoint, when there was room: %w", err)
	}
	fmt.Printf("%d turns, %d lines that wait\n", len(kept), len(waiting))
	return l.s.Close()
}

// ballast fills a disk to the last byte.
func ballast(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, unix.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return f.Close()
}

// room makes a disk as big as that.
func room(dir, size string) error { return unix.Mount("none", dir, "", unix.MS_REMOUNT, "size="+size) }
