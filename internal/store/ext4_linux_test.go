package store_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/papo-chat/papo/internal/turn"
)

var ext4CutsFlag = flag.Int("ext4cuts", 4, "how often TestExt4PowerCuts cuts the power of a file system")

func init() { children["ext4"] = cutExt4 }

// TestExt4PowerCuts cuts the power of an ext4 on a loop device while a record is
// written there under load: what the kernel has not put on the device is lost, and the
// next mount plays back the journal. All that a Sync or an Advance said to be durable
// must be there, nothing that nobody wrote, and all logs must be the same.
func TestExt4PowerCuts(t *testing.T) {
	if _, err := exec.LookPath("mkfs.ext4"); err != nil {
		miss(t, "needs the program mkfs.ext4")
	}
	inOwnMounts(t, "ext4", fmt.Sprintf("PAPO_STORE_CUTS=%d", *ext4CutsFlag))
}

// inOwnMounts runs a child as root, with mounts of its own, which end with it.
// What it tells is logged; if it says that something cannot be done here, the test
// is skipped.
func inOwnMounts(t *testing.T, child string, env ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		miss(t, "needs root, to mount a file system")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childEnv+"="+child, childDir+"="+t.TempDir()), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	for line := range strings.Lines(string(out)) {
		t.Log(strings.TrimSpace(line))
	}
	switch {
	case err != nil && strings.HasPrefix(errs.String(), cannot):
		miss(t, strings.TrimSpace(strings.TrimPrefix(errs.String(), cannot)))
	case err != nil:
		t.Fatalf("%v: %s", err, errs.String())
	}
}

// cannot begins what a child says that misses something of the machine.
const cannot = "cannot: "

// miss skips the test where the machine cannot run it, or fails it if it must.
func miss(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("PAPO_E2E") == "must" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// The call that cuts off a file system, and what it does with the journal.
const (
	ext4Shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
	shutLogFlush   = 1          // what the journal has in memory still gets to the device
	shutNoLogFlush = 2
)

// ext4Options are ways to mount, which lose in different ways.
var ext4Options = []string{"", ",commit=1", ",nodelalloc", ",data=writeback", ",data=journal"}

func cutExt4(dir string) error {
	var cuts int
	if _, err := fmt.Sscan(os.Getenv("PAPO_STORE_CUTS"), &cuts); err != nil {
		return err
	}
	image, mnt := filepath.Join(dir, "image"), filepath.Join(dir, "mnt")
	err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 64<<20), os.Mkdir(mnt, 0o700))
	if err != nil {
		return err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", image).CombinedOutput(); err != nil {
		return fmt.Errorf("mkfs.ext4: %w: %s", err, out)
	}
	var said, durable []*turn.Signed
	lost, kept, n := 0, 0, 0
	for cut := 0; ; cut++ {
		options := "loop" + ext4Options[cut%len(ext4Options)]
		if out, err := exec.Command("mount", "-o", options, image, mnt).CombinedOutput(); err != nil {
			return fmt.Errorf("%smount an ext4: %w: %s", cannot, err, out)
		}
		o := loadOptions(filepath.Join(mnt, "papo"))
		l, _, err := newLoadAfter(o.Dir, o, n, 2)
		if err != nil {
			return fmt.Errorf("after %d cuts (%s): %w", cut, options, err)
		}
		switch {
		case !subset(durable, l.restored):
			return fmt.Errorf("after %d cuts (%s): a turn that was durable is lost", cut, options)
		case !subset(l.restored, said):
			return fmt.Errorf("after %d cuts (%s): there is a turn that nobody wrote", cut, options)
		}
		in := set(durable)
		for _, v := range said {
			if !in[v.ID()] {
				lost++
			}
		}
		for _, v := range l.restored {
			if !in[v.ID()] {
				kept, lost = kept+1, lost-1
			}
		}
		if cut == cuts {
			fmt.Printf("%d power cuts; %d turns durable; of what was not, %d turns lost and %d kept\n", cut, len(set(durable)), lost, kept)
			if len(durable) < cuts || lost+kept == 0 {
				return errors.New("too few turns to prove anything")
			}
			return errors.Join(l.stop(), unix.Unmount(mnt, 0))
		}
		said = slices.Clone(l.restored)
		l.hear = func(ts []*turn.Signed) { said = append(said, ts...) }
		l.start()
		time.Sleep(time.Duration(20+rand.IntN(280)) * time.Millisecond) // the load's time, not a wait for anything
		how := []int{shutLogFlush, shutNoLogFlush}[rand.IntN(2)]
		l.mu.Lock() // nobody hears of what comes after a power cut
		l.over = true
		l.mu.Unlock()
		if err := cutOff(mnt, how); err != nil {
			return fmt.Errorf("%scut off an ext4: %w", cannot, err)
		}
		_ = l.stop() // its files are gone
		durable, n = append(durable, l.durable...), l.n
		if err := unix.Unmount(mnt, 0); err != nil {
			return fmt.Errorf("unmount: %w", err)
		}
	}
}

// cutOff makes a mounted ext4 stop at once.
func cutOff(mnt string, how int) error {
	f, err := os.Open(mnt)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetPointerInt(int(f.Fd()), ext4Shutdown, how), f.Close())
}
