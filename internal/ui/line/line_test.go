package line

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui/uitest"
	"github.com/papo-chat/papo/internal/ui/words"
)

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type ran struct {
	exit int
	err  error
}

func start(t *testing.T, ctx context.Context) (in *io.PipeWriter, out *buffer, chat *uitest.Chat, done <-chan ran) {
	t.Helper()
	t.Setenv("TERM", "xterm-256color")
	reader, in := io.Pipe()
	out, chat = &buffer{}, uitest.NewChat()
	ch := make(chan ran, 1)
	go func() {
		exit, err := Run(ctx, reader, out, chat, Options{
			Words: words.For(words.English), Zone: time.UTC, Clock: uitest.Clock,
			Now: func() time.Duration { return uitest.Boot(1) }, Name: "ana",
		})
		ch <- ran{exit, err}
	}()
	t.Cleanup(func() { in.Close() })
	return in, out, chat, ch
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What is typed reaches the chat in order, what happens is printed, and the end of
// the chat ends it, with the chat's exit code.
func TestRun(t *testing.T) {
	in, out, chat, done := start(t, context.Background())
	io.WriteString(in, "bom dia\r")
	expect(t, chat.Asked(), "say 1 bom dia")
	io.WriteString(in, "/frob\r/peers\r")
	expect(t, chat.Asked(), "do 2 peers")
	chat.Happen(peer.TurnShown{Name: "ana", Time: uitest.Wall(0), Lines: []string{"bom dia"}})
	io.WriteString(in, "\x04")
	expect(t, chat.Asked(), "end")
	chat.Exit(5)
	if r := <-done; r.exit != 5 || r.err != nil {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"There is no command /frob", "[23:58:20] ana: bom dia"} {
		if !bytes.Contains([]byte(out.String()), []byte(want)) {
			t.Errorf("%q was not printed", want)
		}
	}
}

// A burst is printed whole and in order while somebody types.
func TestBurstKeepsOrder(t *testing.T) {
	const n = 4000
	in, out, chat, done := start(t, context.Background())
	go func() {
		for range n / 4 {
			if _, err := io.WriteString(in, "é"); err != nil {
				return
			}
		}
	}()
	for i := range n {
		chat.Happen(peer.TurnShown{Name: "Rafael", Time: uitest.Wall(0), Lines: []string{fmt.Sprintf("no. %d", i)}})
	}
	chat.Exit(0)
	if r := <-done; r.exit != 0 || r.err != nil {
		t.Fatalf("%+v", r)
	}
	found := regexp.MustCompile(`no\. (\d+)`).FindAllStringSubmatch(out.String(), -1)
	if len(found) != n {
		t.Fatalf("%d lines printed, want %d", len(found), n)
	}
	for i, m := range found {
		if m[1] != fmt.Sprint(i) {
			t.Fatalf("line %d is %s", i, m[1])
		}
	}
}

// A done context acts as /quit.
func TestContextQuits(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	_, _, chat, done := start(t, ctx)
	cancel()
	expect(t, chat.Asked(), "do 0 quit")
	chat.Exit(0)
	if r := <-done; r.exit != 0 || r.err != nil {
		t.Errorf("%+v", r)
	}
}

// Ctrl-C interrupts; if the chat does not end, a second one is the way out.
func TestInterruptTwice(t *testing.T) {
	in, _, chat, done := start(t, context.Background())
	io.WriteString(in, "\x03")
	expect(t, chat.Asked(), "interrupt")
	io.WriteString(in, "\x03")
	if r := <-done; r.exit != 130 || !errors.Is(r.err, ErrInterrupted) {
		t.Errorf("%+v", r)
	}
}

// A terminal that fails interrupts the chat, and its end is waited for.
func TestTerminalFails(t *testing.T) {
	in, _, chat, done := start(t, context.Background())
	io.WriteString(in, "x")
	in.CloseWithError(errors.New("hung up"))
	expect(t, chat.Asked(), "interrupt")
	chat.Happen(peer.Delivered{})
	chat.Exit(130)
	if r := <-done; r.exit != 1 || r.err == nil {
		t.Errorf("%+v", r)
	}
}
