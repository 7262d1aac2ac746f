// Demo is the line interface on a made-up chat, to be tried by hand:
//
//	go run ./internal/ui/line/testdata/demo [-burst 4000] [-every 300ms] [-lang pt-BR]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/line"
	"github.com/papo-chat/papo/internal/ui/words"
)

var said = []string{
	"bom dia! tudo certo?", "acentos: ação, pé, ü, ñ, e\u0301", "família 👨‍👩‍👧 e bandeira 🇧🇷, 👍🏽 ❤️ 1️⃣",
	"日本語のとても長い行は、端末の幅で折り返されるはずです。", "https://example.org/" + "a/very/long/path/that/has/no/space/in/it/at/all/and/goes/on/and/on",
	"two\nlines", "tab\there",
}

type chat struct {
	start  time.Time
	events chan peer.Event
	mu     sync.Mutex
	over   bool
}

func (c *chat) now() time.Duration { return time.Since(c.start) }
func (c *chat) at() peer.At        { return peer.At(c.now()) }

func (c *chat) put(evs ...peer.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ev := range evs {
		if !c.over {
			c.events <- ev
		}
	}
}

func (c *chat) exit(code int) {
	c.put(peer.Exit{At: c.at(), Code: code})
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over = true
		close(c.events)
	}
}

func (c *chat) Say(n int, text string) {
	go func() {
		c.put(peer.Line{At: c.at(), N: n, State: peer.LineQueued},
			peer.Notice{At: c.at(), Code: peer.CodeWaiting, Names: []string{"Rafael"}})
		time.Sleep(700 * time.Millisecond)
		c.put(peer.Floor{At: c.at(), State: peer.FloorGranted, Until: c.now() + time.Second},
			peer.Line{At: c.at(), N: n, State: peer.LineSent},
			peer.TurnShown{At: c.at(), Name: "ana", Time: time.Now(), Lines: []string{text}, Own: true})
	}()
}

func (c *chat) Do(n int, cmd ui.Command) {
	if cmd.Name == "quit" {
		c.End()
		return
	}
	go c.put(peer.Result{At: c.at(), N: n, Command: cmd.Name, OK: true, Peers: []peer.PeerInfo{
		{Name: "ana", Self: true, InView: true, Activity: "idle"}, {Name: "日本", InView: true, Activity: "holding", Heard: 80 * time.Millisecond},
	}})
}

func (c *chat) End()                      { go func() { time.Sleep(500 * time.Millisecond); c.exit(0) }() }
func (c *chat) Interrupt()                { c.exit(130) }
func (c *chat) Events() <-chan peer.Event { return c.events }

func main() {
	burst := flag.Int("burst", 0, "turns that come at once")
	every := flag.Duration("every", 0, "time between turns")
	lang := flag.String("lang", "en", "language")
	flag.Parse()
	c := &chat{start: time.Now(), events: make(chan peer.Event, 16)}
	go func() {
		c.put(peer.Restored{At: c.at()})
		c.put(peer.Started{At: c.at(), Name: "ana", Group: "224.1.1.1:5007", Room: "papo", Interfaces: []string{"eth0"}, View: []string{"ana", "Rafael"}, Open: true})
		for i := range *burst {
			c.put(peer.TurnShown{At: c.at(), Name: "Rafael", Time: time.Now(), Lines: []string{fmt.Sprintf("%04d %s", i, said[i%len(said)])}, Author: turn.Key{1}})
		}
		for i := 0; *every > 0; i++ {
			time.Sleep(*every)
			c.put(peer.TurnShown{At: c.at(), Name: "Rafael", Time: time.Now(), Lines: []string{said[i%len(said)]}})
		}
	}()
	exit, err := line.Run(context.Background(), os.Stdin, os.Stdout, c, line.Options{
		Words: words.For(*lang), Clock: ui.Clock{Wall: c.start}, Now: c.now, Name: "ana",
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(exit)
}
