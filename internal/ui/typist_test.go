package ui_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/uitest"
)

// Lines and commands are numbered apart, refused ones count, empty ones do not,
// and what is told comes before what is asked.
func TestTypist(t *testing.T) {
	chat := uitest.NewChat()
	var told []string
	typist := ui.NewTypist(chat, func() time.Duration { return 7 }, func(ev peer.Event) {
		if ev.When() != 7 {
			t.Errorf("%T at %v, want 7", ev, ev.When())
		}
		switch ev := ev.(type) {
		case ui.Asked:
			told = append(told, "asked "+ev.Command)
		case peer.Line:
			told = append(told, fmt.Sprintf("line %d %s %s", ev.N, ev.State, ev.Code))
		case peer.Result:
			told = append(told, fmt.Sprintf("result %d %s %v %s", ev.N, ev.Command, ev.OK, ev.Code))
		case peer.Notice:
			told = append(told, "notice "+string(ev.Code))
		}
	})
	long := strings.Repeat("x", turn.MaxLine+1)
	for _, line := range []string{"um", "", "/peers", long, "/frob", "/say dois", "//três", "\xff", "/help", "/hold 3", "sync"} {
		typist.Type(line)
	}
	typist.TooLong(long)
	typist.TooLong("/say " + long)
	typist.TooLong("sair" + strings.Repeat(" ", turn.MaxLine))
	typist.TooLong("/frob " + long)
	typist.TooLong("/quit" + strings.Repeat(" ", turn.MaxLine))
	typist.Type("fim")

	wantTold := []string{
		"asked peers", "line 2 error too-long", "result 2 frob false unknown", "notice bad-text",
		"asked help", "result 3 help true ", "asked hold", "asked sync",
		"line 6 error too-long", "line 7 error too-long", "line 8 error too-long",
		"result 6 frob false too-long", "result 7 quit false too-long",
	}
	if !slices.Equal(told, wantTold) {
		t.Errorf("told\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(wantTold, "\n"))
	}
	for _, want := range []string{"say 1 um", "do 1 peers", "say 3 dois", "say 4 /três", "say 5 \ufffd", "do 4 hold 3", "do 5 sync", "say 9 fim"} {
		if got := chat.Asked(); got != want {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
}
