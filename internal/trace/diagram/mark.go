package diagram

import (
	"strings"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/ui/words"
)

// mark says what stands beside a column, and how the place is marked.
func mark(w *words.Words, e *trace.Event) (text string, g glyph) {
	t := w.T
	switch e.Kind {
	case trace.KindStart:
		if e.Why == "anew" {
			return t("diagram.anew"), glyphStart
		}
		return t("diagram.starts"), glyphStart
	case trace.KindStop:
		switch e.Why {
		case "kill":
			return t("diagram.killed"), glyphCrash
		case "power":
			return t("diagram.power"), glyphCrash
		}
		return t("diagram.exits"), glyphStop
	case trace.KindPause:
		if e.Why == "asleep" {
			return t("diagram.asleep"), glyphTick
		}
		return t("diagram.stopped"), glyphTick
	case trace.KindResume:
		return t("diagram.resumes"), glyphTick
	case trace.KindView:
		return "", glyphTick
	case trace.KindFloor:
		return floorMark(w, e)
	case trace.KindAppend:
		return t("diagram.writes", words.D{"Turns": clip(strings.Join(e.Turns, " "), mostText)}), glyphTick
	case trace.KindLine:
		if e.State == "queued" && e.Text != "" {
			return t("diagram.types", words.D{"Text": clip(e.Text, mostText)}), glyphTick
		}
	case trace.KindShow:
		d := words.D{"Name": clip(e.Peer, mostName), "Text": clip(e.Text, mostText), "Late": e.Late}
		if e.Peer == e.Member {
			return t("diagram.says", d), glyphTurn
		}
		return t("diagram.shows", d), glyphShown
	case trace.KindTell:
		if e.Code == "suspected" {
			return t("diagram.suspects", words.D{"Name": clip(e.Peer, mostName)}), glyphTick
		}
		return strings.TrimSpace(clip(e.Code, mostText) + " " + clip(e.Peer, mostName)), glyphTick
	}
	return "", noGlyph
}

func floorMark(w *words.Words, e *trace.Event) (text string, g glyph) {
	t, who := w.T, clip(e.Peer, mostName)
	switch e.State {
	case "requested":
		return t("diagram.asks", words.D{"TS": e.TS}), glyphAsks
	case "deferred":
		return t("diagram.defers", words.D{"Name": who, "TS": e.PeerTS}), glyphDefers
	case "grant":
		return t("diagram.grants", words.D{"Name": who, "TS": e.PeerTS}), glyphTick
	case "granted":
		return t("diagram.enters", words.D{"TS": e.TS, "Kept": e.Kept}), glyphTick
	case "released":
		return t("diagram.leaves"), glyphTick
	case "cancelled":
		return t("diagram.gives-up", words.D{"TS": e.TS}), glyphTick
	case "renewed":
		return t("diagram.renewed"), glyphTick
	case "held":
		return t("diagram.held"), glyphTick
	}
	return "", noGlyph
}
