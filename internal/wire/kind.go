package wire

import "fmt"

// Kind is the first byte of a message and says which it is.
type Kind uint8

// The kinds of messages.
const (
	KindHello    Kind = 1
	KindBeat     Kind = 2
	KindReq      Kind = 3
	KindRep      Kind = 4
	KindWait     Kind = 5
	KindRelease  Kind = 6
	KindTurns    Kind = 7
	KindWant     Kind = 8
	KindFrag     Kind = 9
	KindFragWant Kind = 10
	KindRecon    Kind = 11
	KindPing     Kind = 12
	KindPong     Kind = 13
	KindBye      Kind = 14
)

var kindNames = [...]string{
	KindHello:    "HELLO",
	KindBeat:     "BEAT",
	KindReq:      "REQ",
	KindRep:      "REP",
	KindWait:     "WAIT",
	KindRelease:  "RELEASE",
	KindTurns:    "TURN",
	KindWant:     "WANT",
	KindFrag:     "FRAG",
	KindFragWant: "FRAGWANT",
	KindRecon:    "RECON",
	KindPing:     "PING",
	KindPong:     "PONG",
	KindBye:      "BYE",
}

// String gives the name of the kind as docs/PROTOCOL.md writes it.
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind-%d", uint8(k))
	}
	return kindNames[k]
}

// Kind implements Message.
func (Hello) Kind() Kind { return KindHello }

// Kind implements Message.
func (Beat) Kind() Kind { return KindBeat }

// Kind implements Message.
func (Req) Kind() Kind { return KindReq }

// Kind implements Message.
func (Rep) Kind() Kind { return KindRep }

// Kind implements Message.
func (Wait) Kind() Kind { return KindWait }

// Kind implements Message.
func (Release) Kind() Kind { return KindRelease }

// Kind implements Message.
func (Turns) Kind() Kind { return KindTurns }

// Kind implements Message.
func (Want) Kind() Kind { return KindWant }

// Kind implements Message.
func (Frag) Kind() Kind { return KindFrag }

// Kind implements Message.
func (FragWant) Kind() Kind { return KindFragWant }

// Kind implements Message.
func (Recon) Kind() Kind { return KindRecon }

// Kind implements Message.
func (Ping) Kind() Kind { return KindPing }

// Kind implements Message.
func (Pong) Kind() Kind { return KindPong }

// Kind implements Message.
func (Bye) Kind() Kind { return KindBye }
