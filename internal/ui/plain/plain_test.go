package plain

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/uitest"
	"github.com/papo-chat/papo/internal/ui/words"
)

// output gathers what is written, and fails when told to. Every write is sent
// on, so that a test can wait for it.
type output struct {
	mu     sync.Mutex
	err    error
	writes chan string
}

func newOutput() *output { return &output{writes: make(chan string, 1000)} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	o.writes <- string(b)
	return len(b), nil
}

func (o *output) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

type ran struct {
	exit int
	err  error
}

// start runs the interface on a made-up chat.
func start(t *testing.T, ctx context.Context, jsonl bool) (in *io.PipeWriter, out *output, chat *uitest.Chat, done <-chan ran) {
	t.Helper()
	reader, in := io.Pipe()
	out, chat = newOutput(), uitest.NewChat()
	ch := make(chan ran, 1)
	go func() {
		exit, err := Run(ctx, reader, out, chat, Options{
			Words: words.For(words.English), Zone: time.UTC, Clock: uitest.Clock,
			Now: func() time.Duration { return uitest.Boot(1) }, JSON: jsonl,
		})
		ch <- ran{exit, err}
	}()
	t.Cleanup(func() { reader.Close() })
	return in, out, chat, ch
}

func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A person's session: lines are asked for, events are written one a write, and
// the end of input ends it with the chat's own exit code.
func TestRunText(t *testing.T) {
	in, out, chat, done := start(t, context.Background(), false)
	io.WriteString(in, "bom dia\r\n\n/peers\n//x\nsem fim de linha")
	in.Close()
	expect(t, chat.Asked(), "say 1 bom dia")
	expect(t, chat.Asked(), "do 1 peers")
	expect(t, chat.Asked(), "say 2 /x")
	expect(t, chat.Asked(), "say 3 sem fim de linha")
	expect(t, chat.Asked(), "end")
	chat.Happen(peer.TurnShown{Name: "ana", Time: uitest.Wall(0), Lines: []string{"um", "dois"}})
	expect(t, <-out.writes, "[23:58:20] ana: um\n[23:58:20] ana: dois\n")
	chat.Happen(peer.Delivered{})
	chat.Exit(7)
	if r := <-done; r.exit != 7 || r.err != nil {
		t.Errorf("%+v", r)
	}
	if len(out.writes) != 0 {
		t.Errorf("%q", <-out.writes)
	}
}

// A program's session: refused lines and commands are answered by the
// interface, timed by its clock.
func TestRunJSON(t *testing.T) {
	in, out, chat, done := start(t, context.Background(), true)
	head := `,"at":"2026-01-05T23:58:21.000000000Z","boot_ns":1001000000000,`
	go io.WriteString(in, "/say quit\n"+strings.Repeat("x", 3*turn.MaxLine)+"\n/frob\ndepois\n")
	expect(t, chat.Asked(), "say 1 quit")
	expect(t, <-out.writes, `{"v":1,"type":"line"`+head+`"n":2,"state":"error","turn":"","line":"","code":"too-long","text":"The line is longer than 8 KiB and was not taken. Say it in parts."}`+"\n")
	expect(t, <-out.writes, `{"v":1,"type":"result"`+head+`"n":1,"command":"frob","ok":false,"code":"unknown","text":"There is no command /frob. /help lists them; to say a line that begins with /, begin it with //.","data":null,"more":false,"dropped":null}`+"\n")
	expect(t, chat.Asked(), "say 3 depois")
	in.Close()
	expect(t, chat.Asked(), "end")
	chat.Exit(0)
	expect(t, <-out.writes, `{"v":1,"type":"exit","at":"2026-01-05T23:41:40.000000000Z","boot_ns":0,"code":0,"unsent":0}`+"\n")
	if r := <-done; r.exit != 0 || r.err != nil {
		t.Errorf("%+v", r)
	}
}

// When nobody reads the output any more, the chat is interrupted, and its end
// is waited for.
func TestOutputClosed(t *testing.T) {
	for _, jsonl := range []bool{false, true} {
		_, out, chat, done := start(t, context.Background(), jsonl)
		out.fail(io.ErrClosedPipe)
		chat.Happen(peer.Notice{Code: peer.CodeAlone})
		expect(t, chat.Asked(), "interrupt")
		chat.Happen(peer.Notice{Code: peer.CodeAlone})
		chat.Exit(130)
		r := <-done
		var closed *WriteError
		if r.exit != 1 || !errors.As(r.err, &closed) || !errors.Is(r.err, io.ErrClosedPipe) {
			t.Errorf("%+v", r)
		}
	}
}

// A done context acts as /quit, once, and the session goes on to its end.
func TestContextQuits(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	in, out, chat, done := start(t, ctx, false)
	cancel()
	expect(t, chat.Asked(), "do 0 quit")
	chat.Happen(peer.TurnShown{Name: "ana", Time: uitest.Wall(0), Lines: []string{"ainda"}})
	expect(t, <-out.writes, "[23:58:20] ana: ainda\n")
	io.WriteString(in, "x\n")
	expect(t, chat.Asked(), "say 1 x")
	chat.Exit(0)
	if r := <-done; r.exit != 0 || r.err != nil {
		t.Errorf("%+v", r)
	}
}

// Input that fails is input that has ended.
func TestInputFails(t *testing.T) {
	in, _, chat, done := start(t, context.Background(), false)
	in.CloseWithError(errors.New("gone"))
	expect(t, chat.Asked(), "end")
	chat.Exit(0)
	<-done
}

func TestLineReader(t *testing.T) {
	big := strings.Repeat("a", maxRead)
	for _, c := range []struct {
		in   string
		want []string // a + before what is too long, and then its length instead
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\n", []string{"a"}},
		{"a\n\nb\r\nc", []string{"a", "", "b", "c"}},
		{"\r\r\n", []string{"\r"}},
		{"\n", []string{""}},
		{big[1:] + "\nx\n", []string{big[1:], "x"}},
		{big + "\nx\n", []string{"+", "x"}},
		{big + big + big + "end\r\nx", []string{"+", "x"}},
		{big + "tail without end", []string{"+"}},
	} {
		r := newLineReader(strings.NewReader(c.in))
		var got []string
		for {
			line, long, err := r.next()
			if err != nil {
				if err != io.EOF || line != "" {
					t.Errorf("%.20q: %q, %v", c.in, line, err)
				}
				break
			}
			if long {
				if line != big {
					t.Errorf("%.20q: a long line of %d bytes kept", c.in, len(line))
				}
				line = "+"
			}
			got = append(got, line)
		}
		if strings.Join(got, "|") != strings.Join(c.want, "|") || len(got) != len(c.want) {
			t.Errorf("%.20q: %.60q, want %.60q", c.in, got, c.want)
		}
	}
}

// A return that is not before the line's end is the line's own.
func TestLineReaderKeepsReturns(t *testing.T) {
	begin := strings.Repeat("a", maxRead-1) + "\r"
	line, long, err := newLineReader(strings.NewReader(begin + "b\n")).next()
	if line != begin || !long || err != nil {
		t.Errorf("%d bytes, long %v, %v", len(line), long, err)
	}
}

// BenchmarkEncoder writes a turn as JSON.
func BenchmarkEncoder(b *testing.B) {
	e := NewEncoder(uitest.Clock, words.For(words.English))
	ev := peer.TurnShown{ID: uitest.ID(1), Name: "ana", Time: uitest.Wall(0), Lines: []string{"bom dia"}}
	for b.Loop() {
		e.Encode(ev)
	}
}
