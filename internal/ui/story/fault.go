package story

import (
	"slices"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// untold are the operations of a schedule of which what follows tells: a line is queued,
// a member is killed, or stands still.
var untold = []string{"hold", "release", "cancel", "quit", "kill", "power", "wipe", "pause", "sleep"}

// fault tells what a simulation does to the group from outside.
func (t *Teller) fault(e trace.Event, d words.D) (string, bool) {
	d["Names"], d["Who"], d["Text"], d["Count"], d["End"] = list(t.words, e.Members), name(e.Peer), short(e.Text), e.Count, e.State == "end"
	switch {
	case e.Code == "say" && e.Text != "":
		t.typed = e.Text
		return t.words.T("story.types", d), true
	case e.Code == "say", slices.Contains(untold, e.Code):
		return "", false
	}
	if text, ok := t.find("story.fault.", e.Code, d); ok {
		return text, true
	}
	d["Code"] = short(e.Code)
	return t.words.T("story.fault", d), true
}
