package ui

import (
	"encoding/hex"
	"strings"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/ui/words"
)

// result tells the answer to a command.
func (r *Renderer) result(ev peer.Result) []string {
	if !ev.OK {
		return []string{markError + r.sentences.Result(ev)}
	}
	switch ev.Command {
	case "verbose":
		r.verbose = !r.verbose
		if r.verbose {
			return []string{r.say("result.verbose-on")}
		}
		return []string{r.say("result.verbose-off")}
	case "peers":
		return append(r.peers(ev.Peers), r.dropped(ev.Dropped)...)
	case "history", "search":
		return r.found(ev)
	case "delay":
		return []string{r.delay(ev)}
	case "order":
		return r.order(ev)
	case "cancel":
		return []string{markNotice + r.words.N("result.cancel", ev.Lines)}
	case "help":
		return r.sentences.Help()
	}
	return nil // quit, sync, hold, release: other events tell
}

// found shows what /history and /search found.
func (r *Renderer) found(ev peer.Result) []string {
	if len(ev.Turns) == 0 && ev.Command == "search" {
		return []string{r.say("result.search-none")}
	}
	lines := r.history(ev.Turns)
	if ev.More {
		lines = append(lines, r.say("result.more"))
	}
	return lines
}

// history shows turns in the order, where none is late. They bring their own
// days.
func (r *Renderer) history(turns []peer.TurnShown) []string {
	if len(turns) == 0 {
		return []string{r.say("result.history-none")}
	}
	r.day = ""
	var lines []string
	for _, t := range turns {
		t.Late = false
		lines = append(lines, r.turn(t)...)
	}
	return lines
}

func (r *Renderer) delay(ev peer.Result) string {
	key := words.Key("result.delay")
	if ev.Delay == 0 {
		key = "result.delay-off"
	}
	return markNotice + r.words.N(key, ev.Held, words.D{"Delay": ev.Delay.String()})
}

// order tells the order and, when it was set to agreed, shows the last turns in it.
func (r *Renderer) order(ev peer.Result) []string {
	lines := []string{r.say(words.Key("result.order." + string(ev.Order)))}
	if len(ev.Turns) > 0 {
		lines = append(lines, r.say("result.order-turns"))
		lines = append(lines, r.history(ev.Turns)...)
	}
	return lines
}

func (r *Renderer) peers(peers []peer.PeerInfo) []string {
	head := []words.Key{"peers.name", "peers.key", "peers.view", "peers.floor", "peers.heard", "peers.record"}
	rows := [][]string{make([]string, len(head))}
	for i, key := range head {
		rows[0][i] = r.words.T(key)
	}
	for _, p := range peers {
		view := words.Key("peers.here")
		switch {
		case p.Quiet:
			view = "peers.quiet"
		case !p.InView:
			view = "peers.outside"
		}
		heard := r.words.T("seconds.ago", words.D{"Seconds": r.words.Seconds(p.Heard)})
		record := words.Key("peers.record-differs")
		if p.InSync || p.Self {
			record = "peers.record-same"
		}
		if p.Self {
			heard = r.words.T("peers.self")
		}
		rows = append(rows, []string{
			p.Name, hex.EncodeToString(p.Member[:4]), r.words.T(view),
			r.words.T(words.Key("activity." + p.Activity)), heard, r.words.T(record),
		})
	}
	lines := table(rows)
	for i := range lines {
		lines[i] = markNotice + lines[i]
	}
	return lines
}

// dropped tells what was dropped, if anything was.
func (r *Renderer) dropped(drops []peer.Drop) []string {
	var reasons []string
	for _, d := range drops {
		if d.Count > 0 {
			reasons = append(reasons, r.words.N(words.Key("dropped."+string(d.Reason)), int(d.Count)))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return []string{r.say("peers.dropped", words.D{"Reasons": strings.Join(reasons, ", ")})}
}

// reconciled tells of a comparison if it was asked for, or found or mended
// something, or in verbose.
func (r *Renderer) reconciled(ev peer.Reconciled) []string {
	asked := r.asked[ev.Scope]
	delete(r.asked, ev.Scope)
	if ev.Scope == "local" {
		lines := r.replicas(ev, asked || r.verbose)
		if asked && len(lines) == 1 && ev.Consistent {
			r.local, lines = lines, nil // one line tells all, if the members have the same too
			r.replicaCount = len(ev.Replicas)
		}
		return lines
	}
	local := r.local
	r.local = nil
	if local != nil && ev.Consistent && len(ev.Members) > 0 && received(ev) == 0 {
		return []string{r.say("sync.all", words.D{
			"Replicas": r.words.N("sync.all-replicas", r.replicaCount), "Members": r.words.N("sync.all-members", len(ev.Members)),
			"Turns": r.words.N("count.turns", ev.Turns), "Fingerprint": Fingerprint(ev.Fingerprint),
		})}
	}
	return append(local, r.members(ev, asked || r.verbose)...)
}

// received is how many turns came in during a comparison.
func received(ev peer.Reconciled) (n int) {
	for _, m := range ev.Members {
		n += m.Received
	}
	return n
}

func (r *Renderer) replicas(ev peer.Reconciled, always bool) []string {
	var detail []string
	repaired := 0
	for _, p := range ev.Replicas {
		repaired += p.Repaired
		if r.verbose || p.Missing+p.Damaged+p.Repaired > 0 {
			detail = append(detail, r.say("sync.replica", words.D{
				"Path": p.Path, "Turns": r.words.N("count.turns", p.Turns),
				"Missing": p.Missing, "Damaged": p.Damaged, "Repaired": p.Repaired,
			}))
		}
	}
	d := words.D{
		"Replicas": r.words.N("count.replicas", len(ev.Replicas)),
		"Turns":    r.words.N("count.turns", ev.Turns),
	}
	switch {
	case !ev.Consistent:
		return append([]string{markError + r.words.T("sync.replicas-differ", d)}, detail...)
	case repaired > 0:
		return append([]string{r.say("sync.replicas-repaired", d)}, detail...)
	case always:
		return append([]string{r.say("sync.replicas-same", d)}, detail...)
	}
	return nil
}

func (r *Renderer) members(ev peer.Reconciled, always bool) []string {
	var same, differ, received []string
	for _, m := range ev.Members {
		if m.InSync {
			same = append(same, m.Name)
		} else {
			differ = append(differ, m.Name)
		}
		if m.Received > 0 {
			received = append(received, r.say("sync.received", words.D{
				"Name": m.Name, "Turns": r.words.N("count.turns", m.Received),
			}))
		}
	}
	if !always && len(differ)+len(received) == 0 {
		return nil
	}
	d := words.D{"Turns": r.words.N("count.turns", ev.Turns), "Fingerprint": Fingerprint(ev.Fingerprint)}
	lines := received
	if len(same) > 0 {
		lines = append(lines, r.say("sync.same", words.D{"Names": r.words.List(same)}, d))
	}
	if len(differ) > 0 {
		lines = append(lines, r.say("sync.differs", words.D{"Names": r.words.List(differ)}, d))
	}
	if len(ev.Members) == 0 {
		lines = append(lines, r.say("sync.alone", d))
	}
	return lines
}

// Fingerprint writes the first 64 bits of a fingerprint for people who compare
// it aloud: four groups of four hex digits.
func Fingerprint(f [32]byte) string {
	s := hex.EncodeToString(f[:8])
	return strings.Join([]string{s[:4], s[4:8], s[8:12], s[12:]}, "-")
}
