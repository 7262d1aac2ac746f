package story

import (
	"slices"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/words"
)

// quietCodes are those of docs/EVENTS.md that say nothing of the protocol.
var quietCodes = []peer.Code{
	peer.CodeAlone, peer.CodeJoining, peer.CodeOpenRoom, peer.CodeCatchingUp, peer.CodeDayChanged, peer.CodeNewer, peer.CodeWaiting,
	peer.CodeLateMore, peer.CodeUnsentKept,
}

// told tells what a member is told: of another one, or by a code.
func (t *Teller) told(e trace.Event, d words.D) (text string, important bool) {
	switch e.Code {
	case trace.CodeDropped:
		t.of(e.Member).whole = false
		return t.words.N("story.dropped", e.Count, d), true
	case "reconciled":
		return t.words.T("story.reconciled", d), false
	}
	d["Who"] = name(e.Peer)
	if text, ok := t.find("story.peer.", e.Code, d); ok && e.Peer != "" {
		switch e.Code {
		case string(peer.PeerJoined), string(peer.PeerLetIn), string(peer.PeerLeft):
			return text, false // the view tells it
		}
		return text, true
	}
	code := peer.Code(cut(e.Code, maxList))
	said := ui.NewSentences(t.words).Notice(peer.Notice{Code: code, Names: names(e.Members), Count: e.Count, Text: short(e.Text)})
	if said == "code."+string(code) { // of a newer papo, or of nobody
		said = short(e.Code)
	}
	d["Text"] = said
	return t.words.T("story.told", d), !slices.Contains(quietCodes, code)
}
