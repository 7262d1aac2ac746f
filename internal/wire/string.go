package wire

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/papo-chat/papo/internal/turn"
)

// String implements Message.
func (m Hello) String() string {
	s := fmt.Sprintf("HELLO key=%s name=%q", m.Key.Short(), m.Name)
	if m.Want {
		s += " want"
	}
	return s
}

// String implements Message.
func (m Beat) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "BEAT every=%v", m.Interval)
	if m.Quiet {
		s.WriteString(" quiet")
	}
	if m.Gaps != 0 {
		fmt.Fprintf(&s, " gaps=%04x", m.Gaps>>48)
	}
	if m.Activity != Idle {
		fmt.Fprintf(&s, " %v ts=%d", m.Activity, m.TS)
	}
	if m.Activity == Holding {
		fmt.Fprintf(&s, " left=%v", m.Left)
	}
	inView := 0
	for _, h := range m.Heard {
		if h.InView {
			inView++
		}
	}
	fmt.Fprintf(&s, " view=%v leader=%x heard=%d in-view=%d heads=%s settled=%x@%d",
		m.View, m.Leader, len(m.Heard), inView, shortIDs(m.Heads), m.Settled[:4], m.SettledStamp)
	return s.String()
}

// String implements Message.
func (m Req) String() string { return fmt.Sprintf("REQ ts=%d k=%d view=%v", m.TS, m.K, m.View) }

// String implements Message.
func (m Rep) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "REP view=%v clock=%d heads=%s", m.View, m.Clock, shortIDs(m.Heads))
	for _, g := range m.Grants {
		fmt.Fprintf(&s, " [to=%x ts=%d k=%d]", g.To.Incarnation, g.TS, g.K)
	}
	if m.HandOver {
		s.WriteString(" hand-over")
	}
	return s.String()
}

// String implements Message.
func (m Wait) String() string {
	return fmt.Sprintf("WAIT to=%x ts=%d place=%d why=%v left=%v", m.To, m.TS, m.Place, m.Why, m.Left)
}

// String implements Message.
func (m Release) String() string { return fmt.Sprintf("RELEASE ts=%d", m.TS) }

// String implements Message.
func (m Turns) String() string {
	size := 0
	for _, t := range m.Turns {
		size += len(t)
	}
	s := fmt.Sprintf("TURN turns=%d bytes=%d", len(m.Turns), size)
	if m.Rep != nil {
		s += " with " + m.Rep.String()
	}
	return s
}

// String implements Message.
func (m Want) String() string { return "WANT ids=" + shortIDs(m.IDs) }

// String implements Message.
func (m Frag) String() string {
	return fmt.Sprintf("FRAG number=%d piece=%d/%d bytes=%d", m.Number, m.Index, m.Count, len(m.Data))
}

// String implements Message.
func (m FragWant) String() string {
	return fmt.Sprintf("FRAGWANT of=%x number=%d missing=%d:%x", m.Of, m.Number, bits.OnesCount64(m.Missing), m.Missing)
}

// String implements Message.
func (m Recon) String() string {
	way := "ask"
	if m.Response {
		way = "answer"
	}
	return fmt.Sprintf("RECON %s session=%d round=%d window=[%d,%d) bytes=%d",
		way, m.Session, m.Round, m.From, m.To, len(m.Data))
}

// String implements Message.
func (m Ping) String() string { return fmt.Sprintf("PING origin=%x target=%x", m.Origin, m.Target) }

// String implements Message.
func (m Pong) String() string {
	return fmt.Sprintf("PONG of=%x to=%x counter=%d", m.Of, m.To, m.Counter)
}

// String implements Message.
func (Bye) String() string { return "BYE" }

// String says it in one word.
func (a Activity) String() string {
	switch a {
	case Idle:
		return "idle"
	case Asking:
		return "asking"
	case Holding:
		return "holding"
	}
	return fmt.Sprintf("activity-%d", uint8(a))
}

// shortIDs lists ids in brackets, as people tell them apart.
func shortIDs(ids []turn.ID) string {
	var s strings.Builder
	s.WriteByte('[')
	for i, id := range ids {
		if i > 0 {
			s.WriteByte(' ')
		}
		s.WriteString(id.Short())
	}
	s.WriteByte(']')
	return s.String()
}
