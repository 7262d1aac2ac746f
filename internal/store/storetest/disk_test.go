package storetest_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/store/storetest"
)

var _ store.FS = (*storetest.Disk)(nil)

func write(t *testing.T, d *storetest.Disk, path, text string, sync bool) {
	t.Helper()
	f, err := d.Append(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

// cuts gives the different contents of a file that power cuts leave.
func cuts(d *storetest.Disk, path string) map[string]bool {
	found := map[string]bool{}
	for seed := range uint64(300) {
		data, ok := d.PowerCut(rand.New(rand.NewPCG(seed, 0))).Get(path)
		if !ok {
			data = []byte("(none)")
		}
		found[string(data)] = true
	}
	return found
}

func TestPowerCut(t *testing.T) {
	d := storetest.New()
	if err := d.MkdirAll("/a/b"); err != nil {
		t.Fatal(err)
	}
	write(t, d, "/a/x", "ab", true)
	if got := cuts(d, "/a/x"); len(got) != 2 || !got["ab"] || !got["(none)"] {
		t.Errorf("synced, but not its name: %v", got)
	}
	d.SyncDir("/a")
	if got := cuts(d, "/a/x"); len(got) != 1 || !got["ab"] {
		t.Errorf("synced with its name: %v", got)
	}
	write(t, d, "/a/x", "cd", false)
	got := cuts(d, "/a/x")
	for _, want := range []string{"ab", "abc", "abcd", "ab\x00", "ab\x00\x00", "abc\x00", "ab\x00d"} {
		if !got[want] {
			t.Errorf("never %q: %v", want, got)
		}
	}
	for s := range got {
		if !strings.HasPrefix(s, "ab") {
			t.Errorf("what was synced is lost: %q", s)
		}
	}
	write(t, d, "/a/y", "new", true)
	d.Rename("/a/y", "/a/x")
	if got := cuts(d, "/a/x"); !got["new"] || !got["ab"] || got["(none)"] {
		t.Errorf("renamed: %v", got)
	}
	if data, _ := d.Crash().Get("/a/x"); string(data) != "new" {
		t.Errorf("after a crash: %q", data)
	}
}

func TestFailedSync(t *testing.T) {
	for _, forgets := range []bool{false, true} {
		d := storetest.New()
		d.Forgets = forgets
		d.Put("/x", []byte("ab"))
		write(t, d, "/x", "cd", false)
		f, _ := d.Append("/x")
		eio := errors.New("EIO")
		d.Fault = func(op storetest.Op) storetest.Fault { return storetest.Fault{Err: eio} }
		if err := f.Sync(); !errors.Is(err, eio) {
			t.Fatal(err)
		}
		d.Fault = nil
		f.Write([]byte("e"))
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
		want := "abcde"
		if forgets {
			want = "ab\x00\x00e"
		}
		if data, _ := d.Get("/x"); string(data) != want {
			t.Errorf("reads %q, want %q", data, want)
		}
		if got := cuts(d, "/x"); len(got) != 1 || !got["ab\x00\x00e"] {
			t.Errorf("after a power cut %v", got)
		}
	}
}

func TestFaults(t *testing.T) {
	d := storetest.New()
	d.Put("/x", nil)
	f, _ := d.Append("/x")
	d.Fault = func(op storetest.Op) storetest.Fault {
		return storetest.Fault{Kill: op.Kind == storetest.OpWrite, Torn: 3}
	}
	if n, err := f.Write([]byte("hello")); n != 3 || !errors.Is(err, storetest.ErrKilled) || !d.Killed() {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := d.Open("/x"); !errors.Is(err, storetest.ErrKilled) {
		t.Errorf("after the end: %v", err)
	}
	c := d.Crash()
	if data, _ := c.Get("/x"); string(data) != "hel" {
		t.Errorf("%q", data)
	}
	if _, err := c.Open("/y"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := c.Append("/nowhere/y"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	l, err := c.Lock("/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Lock("/x"); !errors.Is(err, store.ErrLocked) {
		t.Error(err)
	}
	l.Close()
	if _, err := c.Lock("/x"); err != nil {
		t.Error(err)
	}
}

// A bit that flips is flipped for who has the file open, and after a power cut too.
func TestRot(t *testing.T) {
	for _, synced := range []bool{true, false} {
		d := storetest.New()
		if err := d.MkdirAll("/a"); err != nil {
			t.Fatal(err)
		}
		write(t, d, "/a/x", "ab", true)
		d.SyncDir("/a")
		if !synced {
			write(t, d, "/a/x", "cd", false)
		}
		d.Rot("/a/x", 1, 0)
		d.Rot("/a/x", 99, 0)
		got, _ := d.Get("/a/x")
		cut, _ := d.PowerCut(rand.New(rand.NewPCG(1, 1))).Get("/a/x")
		if got[1] != 'c' || cut[1] != 'c' {
			t.Errorf("synced %t: %q, and after a power cut %q", synced, got, cut)
		}
	}
}
