package story_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/papo-chat/papo/internal/trace"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/story"
	"github.com/papo-chat/papo/internal/ui/uitest"
	"github.com/papo-chat/papo/internal/ui/words"
)

const ms = time.Millisecond

// begin are three members that count on each other from 2 s on.
func begin() []trace.Event {
	all := []string{"rafael", "ana", "brenda"}
	var out []trace.Event
	for i, m := range all {
		out = append(out, trace.Event{Member: m, Kind: trace.KindStart, Incarnation: strings.Repeat(string(rune('1'+i)), 16)})
	}
	for _, m := range all {
		out = append(out, trace.Event{At: 2000 * ms, Member: m, Kind: trace.KindView, Members: all, Message: trace.Message{View: "aabbccdd"}})
	}
	return out
}

func ask(at time.Duration, who string, ts uint64, missing ...string) trace.Event {
	return trace.Event{At: at, Member: who, Kind: trace.KindFloor, State: "requested", Members: missing, Message: trace.Message{TS: ts}}
}

func reply(at time.Duration, who, from string, ts uint64) trace.Event {
	return trace.Event{At: at, Member: who, Kind: trace.KindReceive, Peer: from, Message: trace.Message{
		Msg: "REP", View: "aabbccdd", Grants: []trace.Grant{{To: who, TS: ts}},
	}}
}

func enter(at time.Duration, who string, ts uint64) trace.Event {
	return trace.Event{At: at, Member: who, Kind: trace.KindFloor, State: "granted", Until: int64(at + 1500*ms), Message: trace.Message{TS: ts}}
}

func leave(at time.Duration, who string, ts uint64, queue ...string) trace.Event {
	return trace.Event{At: at, Member: who, Kind: trace.KindFloor, State: "released", Queue: queue, Message: trace.Message{TS: ts}}
}

func grant(at time.Duration, who, to string, own, theirs uint64) trace.Event {
	return trace.Event{At: at, Member: who, Kind: trace.KindFloor, State: "grant", Peer: to, PeerTS: theirs, Message: trace.Message{TS: own}}
}

func deferred(at time.Duration, who, other string, own, theirs uint64, why string) trace.Event {
	return trace.Event{At: at, Member: who, Kind: trace.KindFloor, State: "deferred", Peer: other, PeerTS: theirs, Message: trace.Message{TS: own, Why: why}}
}

func view(at time.Duration, who, hash string, in ...string) trace.Event {
	return trace.Event{At: at, Member: who, Kind: trace.KindView, Members: in, Message: trace.Message{View: hash}}
}

// last tells all events and gives the sentence of the last one.
func last(t *testing.T, lang string, events ...trace.Event) string {
	t.Helper()
	teller := story.New(words.For(lang))
	var lines []story.Line
	for _, e := range events {
		lines = teller.Tell(e)
	}
	if len(lines) != 1 {
		t.Fatalf("%d sentences: %v", len(lines), lines)
	}
	return lines[0].Text
}

// The reasons are those of the rules.
func TestReasons(t *testing.T) {
	kept := enter(4000*ms, "ana", 9)
	kept.Kept = true
	for _, c := range []struct {
		name   string
		events []trace.Event
		en, pt string
	}{
		{"asks", []trace.Event{ask(3000*ms, "ana", 7, "brenda", "rafael")},
			"ana asks for the floor with (7, ana): the permission of brenda and rafael is needed.",
			"ana pede a vez com (7, ana): falta a permissão de brenda e rafael."},
		{"asks some", []trace.Event{ask(3000*ms, "ana", 7, "brenda")},
			"ana asks for the floor with (7, ana): the permission of brenda is needed; that of rafael was kept.",
			"ana pede a vez com (7, ana): falta a permissão de brenda; a de rafael ficou guardada."},
		{"defers, asking", []trace.Event{ask(3000*ms, "rafael", 7, "ana", "brenda"), deferred(3001*ms, "rafael", "brenda", 7, 9, "asking")},
			"rafael defers brenda: the request (7, rafael) comes before (9, brenda).",
			"rafael adia a resposta a brenda: o pedido (7, rafael) vem antes de (9, brenda)."},
		{"defers, tie", []trace.Event{ask(3000*ms, "rafael", 7, "ana", "brenda"), deferred(3001*ms, "rafael", "brenda", 7, 7, "asking")},
			"rafael defers brenda: (7, rafael) and (7, brenda) have equal times, and the incarnation of rafael, 1111111111111111, is the lower number: brenda has 3333333333333333.",
			"rafael adia a resposta a brenda: (7, rafael) e (7, brenda) têm tempos iguais, e a encarnação de rafael, 1111111111111111, é o número menor: a de brenda é 3333333333333333."},
		{"defers, holding", []trace.Event{deferred(3001*ms, "rafael", "brenda", 7, 9, "holding")},
			"rafael defers brenda, whose request is (9, brenda): rafael is in the critical section.",
			"rafael adia a resposta a brenda, cujo pedido é (9, brenda): rafael está na seção crítica."},
		{"defers, grant", []trace.Event{
			grant(3000*ms, "rafael", "ana", 0, 5), view(3500*ms, "rafael", "eeff0011", "rafael", "brenda"),
			deferred(3600*ms, "rafael", "brenda", 0, 9, "grant"),
		},
			"rafael defers brenda, whose request is (9, brenda): a permission given to ana, outside of this view, may still be in use.",
			"rafael adia a resposta a brenda, cujo pedido é (9, brenda): uma permissão dada a ana, fora desta visão, talvez ainda esteja em uso."},
		{"grants, earlier", []trace.Event{ask(3000*ms, "rafael", 9, "ana", "brenda"), grant(3001*ms, "rafael", "brenda", 9, 7)},
			"rafael gives brenda the permission: (7, brenda) comes before (9, rafael).",
			"rafael dá permissão a brenda: (7, brenda) vem antes de (9, rafael)."},
		{"grants, tie", []trace.Event{ask(3000*ms, "brenda", 9, "ana", "rafael"), grant(3001*ms, "brenda", "rafael", 9, 9)},
			"brenda gives rafael the permission: (9, rafael) and (9, brenda) have equal times, and the incarnation of rafael, 1111111111111111, is the lower number: brenda has 3333333333333333.",
			"brenda dá permissão a rafael: (9, rafael) e (9, brenda) têm tempos iguais, e a encarnação de rafael, 1111111111111111, é o número menor: a de brenda é 3333333333333333."},
		{"grants, idle", []trace.Event{grant(3001*ms, "rafael", "brenda", 0, 7)},
			"rafael gives brenda the permission for (7, brenda): rafael neither has the floor nor asks for it.",
			"rafael dá a brenda a permissão para (7, brenda): rafael não tem a vez nem a pede."},
		{"grants, leaving", []trace.Event{enter(3000*ms, "rafael", 5), deferred(3001*ms, "rafael", "brenda", 5, 7, "holding"), grant(3002*ms, "rafael", "brenda", 5, 7)},
			"rafael, on leaving, gives brenda, who waited, the permission for (7, brenda).",
			"rafael, ao sair, dá a brenda, que esperava, a permissão para (7, brenda)."},
		{"grants, later", []trace.Event{
			ask(3000*ms, "rafael", 5, "ana", "brenda"), deferred(3001*ms, "rafael", "brenda", 5, 7, "asking"), // and takes the request back
			{At: 3002 * ms, Member: "rafael", Kind: trace.KindFloor, State: "cancelled", Message: trace.Message{TS: 5}}, grant(3002*ms, "rafael", "brenda", 0, 7),
		},
			"rafael gives brenda the permission for (7, brenda), who waited for it: rafael neither has the floor nor asks for it.",
			"rafael dá a brenda, que esperava por ela, a permissão para (7, brenda): rafael não tem a vez nem a pede."},
		{"grants though holding", []trace.Event{enter(3000*ms, "rafael", 5), grant(3002*ms, "rafael", "brenda", 5, 7)},
			"rafael gives brenda the permission for (7, brenda) ALTHOUGH rafael is in the critical section (rule F7).",
			"rafael dá a brenda a permissão para (7, brenda) EMBORA rafael esteja na seção crítica (regra F7)."},
		{"grants though later", []trace.Event{ask(3000*ms, "rafael", 5, "ana", "brenda"), grant(3002*ms, "rafael", "brenda", 5, 7)},
			"rafael gives brenda the permission for (7, brenda) ALTHOUGH (5, rafael) comes before it (rule F7).",
			"rafael dá a brenda a permissão para (7, brenda) EMBORA (5, rafael) venha antes (regra F7)."},
		{"grants though the tie", []trace.Event{ask(3000*ms, "rafael", 7, "ana", "brenda"), grant(3002*ms, "rafael", "brenda", 7, 7)},
			"rafael gives brenda the permission for (7, brenda) ALTHOUGH (7, rafael) comes before it (rule F7).",
			"rafael dá a brenda a permissão para (7, brenda) EMBORA (7, rafael) venha antes (regra F7)."},
		{"grants though outside", []trace.Event{grant(3000*ms, "rafael", "ana", 0, 5), view(3100*ms, "rafael", "eeff0011", "brenda", "rafael"), grant(3200*ms, "rafael", "brenda", 0, 7)},
			"rafael gives brenda the permission for (7, brenda) ALTHOUGH the one given to ana, outside of this view, may still be in use (rule F8).",
			"rafael dá a brenda a permissão para (7, brenda) EMBORA a que deu a ana, fora desta visão, talvez ainda esteja em uso (regra F8)."},
		{"enters", []trace.Event{ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), reply(3002*ms, "ana", "rafael", 7), enter(3002*ms, "ana", 7)},
			"ana enters the critical section with (7, ana), having the permission of rafael and brenda: that is the whole view {rafael, ana, brenda}.",
			"ana entra na seção crítica com (7, ana) e a permissão de rafael e brenda: é a visão inteira, {rafael, ana, brenda}."},
		{"enters, kept", []trace.Event{
			ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), reply(3002*ms, "ana", "rafael", 7),
			enter(3002*ms, "ana", 7), leave(3003*ms, "ana", 7), kept,
		},
			"ana enters the critical section with (9, ana) and no message at all: the permissions kept from rafael and brenda, the whole view {rafael, ana, brenda}, are still valid.",
			"ana entra na seção crítica com (9, ana) e nenhuma mensagem: as permissões guardadas de rafael e brenda, a visão inteira, {rafael, ana, brenda}, ainda valem."},
		{"enters, asked silently", []trace.Event{ // it had all permissions, gave one away, and was not told to ask
			ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), reply(3002*ms, "ana", "rafael", 7),
			enter(3002*ms, "ana", 7), leave(3003*ms, "ana", 7), grant(3004*ms, "ana", "rafael", 9, 8), reply(3005*ms, "ana", "rafael", 9), enter(3006*ms, "ana", 9),
		},
			"ana enters the critical section with (9, ana), having the permission of rafael and brenda: that is the whole view {rafael, ana, brenda}.",
			"ana entra na seção crítica com (9, ana) e a permissão de rafael e brenda: é a visão inteira, {rafael, ana, brenda}."},
		{"enters, alone", []trace.Event{view(2500*ms, "ana", "01020304", "ana"), enter(3000*ms, "ana", 7)},
			"ana enters the critical section with (7, ana): nobody else is in the view {ana}.",
			"ana entra na seção crítica com (7, ana): não há mais ninguém na visão {ana}."},
		{"enters without", []trace.Event{ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), enter(4001*ms, "ana", 7)},
			"ana enters the critical section with (7, ana) WITHOUT a valid permission of rafael, in the view {rafael, ana, brenda} (rule F2).",
			"ana entra na seção crítica com (7, ana) SEM permissão válida de rafael, na visão {rafael, ana, brenda} (regra F2)."},
		{"enters on one that ended", []trace.Event{ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), reply(4900*ms, "ana", "rafael", 7), enter(4901*ms, "ana", 7)},
			"ana enters the critical section with (7, ana) WITHOUT a valid permission of brenda, in the view {rafael, ana, brenda} (rule F2).",
			"ana entra na seção crítica com (7, ana) SEM permissão válida de brenda, na visão {rafael, ana, brenda} (regra F2)."},
		{"enters on one accepted when idle", []trace.Event{
			ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7),
			{At: 3002 * ms, Member: "ana", Kind: trace.KindFloor, State: "cancelled", Message: trace.Message{TS: 7}},
			reply(3003*ms, "ana", "rafael", 7), ask(3004*ms, "ana", 8, "brenda"), reply(3005*ms, "ana", "brenda", 8), enter(3006*ms, "ana", 8),
		},
			"ana enters the critical section with (8, ana) WITHOUT a valid permission of rafael, in the view {rafael, ana, brenda} (rule F2).",
			"ana entra na seção crítica com (8, ana) SEM permissão válida de rafael, na visão {rafael, ana, brenda} (regra F2)."},
		{"enters on one that is void", []trace.Event{
			ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), reply(3001*ms, "ana", "rafael", 7),
			grant(3002*ms, "ana", "brenda", 7, 6), enter(3003*ms, "ana", 7),
		},
			"ana enters the critical section with (7, ana) WITHOUT a valid permission of brenda, in the view {rafael, ana, brenda} (rule F2).",
			"ana entra na seção crítica com (7, ana) SEM permissão válida de brenda, na visão {rafael, ana, brenda} (regra F2)."},
		{"enters on another view's", []trace.Event{
			ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), reply(3001*ms, "ana", "rafael", 7),
			view(3002*ms, "ana", "eeff0011", "ana", "rafael"), enter(3003*ms, "ana", 7),
		},
			"ana enters the critical section with (7, ana) WITHOUT a valid permission of rafael, in the view {ana, rafael} (rule F2).",
			"ana entra na seção crítica com (7, ana) SEM permissão válida de rafael, na visão {ana, rafael} (regra F2)."},
		{"enters though outside", []trace.Event{
			grant(3000*ms, "ana", "rafael", 0, 5), view(3100*ms, "ana", "aabbccdd", "ana", "brenda"), ask(3101*ms, "ana", 7, "brenda"),
			reply(3102*ms, "ana", "brenda", 7), enter(3103*ms, "ana", 7),
		},
			"ana enters the critical section with (7, ana) ALTHOUGH the permission given to rafael, outside of the view {ana, brenda}, may still be in use (rule F3).",
			"ana entra na seção crítica com (7, ana) EMBORA a permissão dada a rafael, fora da visão {ana, brenda}, talvez ainda esteja em uso (regra F3)."},
		{"enters after what was outside was released", []trace.Event{
			grant(3000*ms, "ana", "rafael", 0, 5), {At: 3050 * ms, Member: "ana", Kind: trace.KindReceive, Peer: "rafael", Message: trace.Message{Msg: "BYE"}},
			view(3100*ms, "ana", "aabbccdd", "ana", "brenda"), ask(3101*ms, "ana", 7, "brenda"), reply(3102*ms, "ana", "brenda", 7), enter(3103*ms, "ana", 7),
		},
			"ana enters the critical section with (7, ana), having the permission of brenda: that is the whole view {ana, brenda}.",
			"ana entra na seção crítica com (7, ana) e a permissão de brenda: é a visão inteira, {ana, brenda}."},
		{"enters too early", []trace.Event{{At: 3000 * ms, Member: "ana", Kind: trace.KindStart}, view(3000*ms, "ana", "01020304", "ana"), enter(3100*ms, "ana", 7)},
			"ana enters the critical section with (7, ana) ALTHOUGH it is too soon after the start (rule F4).",
			"ana entra na seção crítica com (7, ana) EMBORA seja cedo demais depois do início (regra F4)."},
		{"nothing is said of what may be missing from the trace", []trace.Event{
			ask(3000*ms, "ana", 7, "brenda", "rafael"), {At: 3500 * ms, Member: "ana", Kind: trace.KindTell, Code: trace.CodeDropped, Count: 5}, enter(4001*ms, "ana", 7),
		},
			"ana enters the critical section with (7, ana), having the permission of rafael and brenda: that is the whole view {rafael, ana, brenda}.",
			"ana entra na seção crítica com (7, ana) e a permissão de rafael e brenda: é a visão inteira, {rafael, ana, brenda}."},
		{"grants though holding, after a change of view", []trace.Event{
			enter(3000*ms, "rafael", 5), deferred(3001*ms, "rafael", "brenda", 5, 7, "holding"), view(3002*ms, "rafael", "eeff0011", "brenda", "rafael"),
			grant(3003*ms, "rafael", "brenda", 5, 7),
		},
			"rafael gives brenda the permission for (7, brenda) ALTHOUGH rafael is in the critical section (rule F7).",
			"rafael dá a brenda a permissão para (7, brenda) EMBORA rafael esteja na seção crítica (regra F7)."},
		{"grants, asking silently", []trace.Event{deferred(3000*ms, "ana", "rafael", 9, 10, "asking"), grant(3001*ms, "ana", "brenda", 9, 8)},
			"ana gives brenda the permission: (8, brenda) comes before (9, ana).",
			"ana dá permissão a brenda: (8, brenda) vem antes de (9, ana)."},
		{"enters on a reply of another view", []trace.Event{
			view(2500*ms, "ana", "eeff0011", "rafael", "ana"), ask(3000*ms, "ana", 7, "rafael"), reply(3001*ms, "ana", "rafael", 7), enter(3002*ms, "ana", 7),
		},
			"ana enters the critical section with (7, ana) ALTHOUGH rafael gave the permission in another view than {rafael, ana} (rule F6).",
			"ana entra na seção crítica com (7, ana) EMBORA rafael tenha dado a permissão em outra visão que não {rafael, ana} (regra F6)."},
		{"enters, kept, and a late reply replaces nothing", []trace.Event{
			ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), reply(3002*ms, "ana", "rafael", 7),
			enter(3002*ms, "ana", 7), leave(3003*ms, "ana", 7), reply(3004*ms, "ana", "rafael", 7), enter(3005*ms, "ana", 8),
		},
			"ana enters the critical section with (8, ana), having the permission of rafael and brenda: that is the whole view {rafael, ana, brenda}.",
			"ana entra na seção crítica com (8, ana) e a permissão de rafael e brenda: é a visão inteira, {rafael, ana, brenda}."},
		{"enters on what was kept after RELEASE", []trace.Event{
			ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7),
			{At: 3002 * ms, Member: "ana", Kind: trace.KindFloor, State: "cancelled", Message: trace.Message{TS: 7}},
			ask(3004*ms, "ana", 8, "rafael"), reply(3005*ms, "ana", "rafael", 8), enter(3006*ms, "ana", 8),
		},
			"ana enters the critical section with (8, ana) WITHOUT a valid permission of brenda, in the view {rafael, ana, brenda} (rule F2).",
			"ana entra na seção crítica com (8, ana) SEM permissão válida de brenda, na visão {rafael, ana, brenda} (regra F2)."},
		{"leaves", []trace.Event{enter(3000*ms, "ana", 7), leave(3001*ms, "ana", 7, "brenda", "rafael")},
			"ana leaves the critical section, with a permission for brenda and rafael.", "ana sai da seção crítica, com permissão para brenda e rafael."},
		{"leaves at the end of its lease", []trace.Event{enter(3000*ms, "ana", 7), leave(4500*ms, "ana", 7)},
			"The lease of ana ends, so ana leaves the critical section.", "O prazo de ana termina, e por isso ana sai da seção crítica."},
		{"killed", []trace.Event{enter(3000*ms, "ana", 7), {At: 3001 * ms, Member: "ana", Kind: trace.KindStop, Message: trace.Message{Why: "kill"}}},
			"The process of ana is killed, in the critical section.", "O processo de ana é encerrado à força, na seção crítica."},
		{"permission of another view", func() []trace.Event {
			other := reply(3001*ms, "ana", "rafael", 7)
			other.Message.View = "eeff0011"
			return []trace.Event{ask(3000*ms, "ana", 7, "brenda", "rafael"), reply(3001*ms, "ana", "brenda", 7), other, enter(3002*ms, "ana", 7)}
		}(),
			"ana enters the critical section with (7, ana) ALTHOUGH rafael gave the permission in another view than {rafael, ana, brenda} (rule F6).",
			"ana entra na seção crítica com (7, ana) EMBORA rafael tenha dado a permissão em outra visão que não {rafael, ana, brenda} (regra F6)."},
		{"wait", []trace.Event{{At: 3001 * ms, Member: "ana", Kind: trace.KindReceive, Peer: "brenda", Message: trace.Message{Msg: "WAIT", TS: 9, Why: "holding"}}},
			"brenda tells ana to wait (WAIT): it is in the critical section. So ana knows that (9, ana) was not lost.",
			"brenda diz a ana que espere (WAIT): está na seção crítica. Assim ana sabe que (9, ana) não se perdeu."},
		{"fault", []trace.Event{{At: 3001 * ms, Kind: trace.KindFault, Code: "part", Members: []string{"ana"}, State: "begin"}},
			"A partition: ana and the rest hear nothing of each other any more.", "Partição: ana e os demais já não ouvem nada uns dos outros."},
		{"lost", []trace.Event{{At: 3001 * ms, Member: "ana", Kind: trace.KindLose, Peer: "brenda", Message: trace.Message{Msg: "REQ", TS: 9, Why: "cut"}}},
			"The datagram REQ (9, brenda) of brenda to ana is lost (the link is cut).", "O datagrama REQ (9, brenda) de brenda a ana se perde (o enlace está cortado)."},
		{"turn with permissions", []trace.Event{{At: 3001 * ms, Member: "ana", Kind: trace.KindSend, Message: trace.Message{
			Msg: "TURN", Turns: []string{"1a2b3c4d"}, Grants: []trace.Grant{{To: "brenda", TS: 9}},
		}}},
			"ana sends TURN 1a2b3c4d + REP (9, brenda) to all.", "ana envia TURN 1a2b3c4d + REP (9, brenda) a todos."},
	} {
		t.Run(c.name, func(t *testing.T) {
			for lang, want := range map[string]string{words.English: c.en, words.Portuguese: c.pt} {
				if got := last(t, lang, append(begin(), c.events...)...); got != want {
					t.Errorf("%s:\n got %s\nwant %s", lang, got, want)
				}
			}
		})
	}
}

// What is told before the view that it speaks of is not taken for a broken rule.
func TestEventsBeforeTheirView(t *testing.T) {
	in := enter(3001*ms, "ana", 7)
	in.Message.View = "eeff0011"
	given := grant(3001*ms, "ana", "brenda", 0, 8)
	given.Message.View = "eeff0011"
	old := view(2900*ms, "ana", "01020304", "ana")
	for _, c := range []struct {
		events []trace.Event
		want   string
	}{
		{[]trace.Event{ask(3000*ms, "ana", 7, "brenda", "rafael"), in}, "ana enters the critical section with (7, ana)."},
		{[]trace.Event{grant(2800*ms, "ana", "rafael", 0, 5), old, given}, "ana gives brenda the permission for (8, brenda): ana neither has the floor nor asks for it."},
	} {
		if got := last(t, words.English, append(begin(), c.events...)...); got != c.want {
			t.Errorf("got %s\nwant %s", got, c.want)
		}
	}
}

// tell gives all sentences of some events.
func tell(lang string, events ...trace.Event) []story.Line {
	teller := story.New(words.For(lang))
	var out []story.Line
	for _, e := range events {
		out = append(out, teller.Tell(e)...)
	}
	return out
}

// What a class wants to see is told apart from heartbeats and single datagrams.
func TestImportant(t *testing.T) {
	message := func(kind trace.Kind, msg string) trace.Event {
		return trace.Event{At: 3000 * ms, Member: "ana", Kind: kind, Peer: "bia", Message: trace.Message{Msg: msg}}
	}
	of := func(kind trace.Kind, state string) trace.Event {
		return trace.Event{At: 3000 * ms, Member: "ana", Kind: kind, State: state}
	}
	coded := func(code string) trace.Event {
		return trace.Event{At: 3000 * ms, Member: "ana", Kind: trace.KindTell, Code: code, Peer: "bia", Count: 1}
	}
	for want, events := range map[bool][]trace.Event{
		true: {
			of(trace.KindStart, ""), of(trace.KindStop, ""), of(trace.KindPause, ""), of(trace.KindResume, ""), of(trace.KindView, ""), of(trace.KindShow, ""),
			of(trace.KindFault, ""), of(trace.KindWrong, ""), of(trace.KindFloor, "requested"), of(trace.KindFloor, "deferred"), of(trace.KindFloor, "grant"),
			of(trace.KindFloor, "granted"), of(trace.KindFloor, "released"), of(trace.KindFloor, "cancelled"), of(trace.KindFloor, "held"),
			of(trace.KindLine, "queued"), of(trace.KindLine, "cancelled"), of(trace.KindLine, "error"), message(trace.KindLose, "REQ"), message(trace.KindLose, "TURN"),
			coded("suspected"), coded("left-out"), coded("merged"), coded("anew"), coded("disk-full"), coded(trace.CodeDropped),
		},
		false: {
			message(trace.KindSend, "REQ"), message(trace.KindReceive, "REP"), message(trace.KindSend, "BEAT"), message(trace.KindReceive, "PING"), message(trace.KindLose, "BEAT"),
			message(trace.KindLose, "PONG"), of(trace.KindAppend, ""), of(trace.KindFloor, "renewed"), of(trace.KindLine, "sent"), of(trace.KindLine, "said"),
			coded("joined"), coded("left"), coded("joining"), coded("reconciled"), coded("open-room"),
		},
	} {
		for _, e := range events {
			for _, lang := range []string{words.English, words.Portuguese} {
				lines := tell(lang, e)
				if len(lines) != 1 || lines[0].Important != want || strings.Contains(lines[0].Text, "no value") || strings.HasPrefix(lines[0].Text, "story.") {
					t.Errorf("%+v: %v, want %v", e, lines, want)
				}
			}
		}
	}
	for _, e := range []trace.Event{of("newer", ""), of(trace.KindFloor, "newer"), of(trace.KindLine, "newer")} {
		if lines := tell(words.English, e); lines != nil {
			t.Errorf("%+v: %v", e, lines)
		}
	}
}

// The holds of those who stand still or are gone end when their leases do, in the order
// of time, and once.
func TestLeasesEndByThemselves(t *testing.T) {
	stop := func(at time.Duration, who string) trace.Event {
		return trace.Event{At: at, Member: who, Kind: trace.KindStop, Message: trace.Message{Why: "power"}}
	}
	left := trace.Event{At: 3000 * ms, Member: "rafael", Kind: trace.KindStop, Message: trace.Message{Why: "exit"}}
	var got []string
	for _, l := range tell(words.English, append(begin(), enter(2900*ms, "rafael", 3), left, enter(3200*ms, "brenda", 7), enter(3100*ms, "ana", 5), stop(3300*ms, "ana"),
		trace.Event{At: 3300 * ms, Member: "brenda", Kind: trace.KindPause, Message: trace.Message{Why: "asleep"}},
		view(5000*ms, "rafael", "01020304", "rafael"), view(6000*ms, "rafael", "01020304", "rafael"))...) {
		if strings.HasPrefix(l.Text, "The lease") {
			got = append(got, l.At.String()+" "+l.Member)
		}
	}
	if want := "4.6s ana, 4.7s brenda"; strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

// Whatever a file has, a sentence is one line of bounded length that a terminal can take.
func TestHostileTraces(t *testing.T) {
	evil := []string{"", "\x1b[2J", "\x07\n\r", "\u202e", "\xff\xfe", "{{.Name}}", "other", "holding", "ana", strings.Repeat("é", 1<<12), strings.Repeat("\u0301", 1<<12)}
	huge := make([]string, 1<<8)
	for i := range huge {
		huge[i] = "\x1b" + strings.Repeat("x", i)
	}
	kinds, err := uitest.Consts("../../trace/event.go", "Kind")
	if err != nil {
		t.Fatal(err)
	}
	states := []string{"requested", "deferred", "grant", "granted", "renewed", "held", "released", "cancelled", "queued", "error"}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func() string { return evil[rnd.IntN(len(evil))] }
	at := func() time.Duration {
		return []time.Duration{0, 1, trace.MaxAt, time.Duration(rnd.Int64N(int64(trace.MaxAt)))}[rnd.IntN(4)]
	}
	for _, lang := range []string{words.English, words.Portuguese} {
		teller := story.New(words.For(lang))
		for range 600 {
			e := trace.Event{
				At: at(), Member: pick(), Kind: trace.Kind(kinds[rnd.IntN(len(kinds))]), Incarnation: pick(), Datagram: pick(), Peer: pick(),
				State: states[rnd.IntN(len(states))], PeerTS: rnd.Uint64(), Until: int64(trace.MaxAt) - int64(at()), Kept: rnd.IntN(2) == 0, Code: pick(),
				Count: int(rnd.Uint64()), Line: pick(), Text: pick(), Late: rnd.IntN(2) == 0, Members: []string{pick(), pick()}, Queue: []string{pick()},
			}
			e.Message = trace.Message{Msg: pick(), TS: rnd.Uint64(), View: pick(), Why: pick(), Turns: []string{pick()}, Grants: []trace.Grant{{To: pick()}, {To: e.Member}}}
			if rnd.IntN(50) == 0 {
				e.Members, e.Queue, e.Turns = huge, huge, huge
			}
			for _, l := range teller.Tell(e) {
				if l.Text != turn.Clean(l.Text) || strings.Contains(l.Text, "\n") || utf8.RuneCountInString(l.Text) > 20000 || strings.Contains(l.Text, "no value") {
					t.Fatalf("%q", l.Text)
				}
			}
		}
	}
}

// Every code that a member can be told has a sentence.
func TestCodes(t *testing.T) {
	codes, err := uitest.Consts("../../peer/event.go", "Code")
	if err != nil {
		t.Fatal(err)
	}
	states, err := uitest.Consts("../../peer/event.go", "PeerState")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range append(codes, states...) {
		for _, lang := range []string{words.English, words.Portuguese} {
			lines := tell(lang, trace.Event{Member: "ana", Kind: trace.KindTell, Code: code, Peer: "bia", Members: []string{"caio"}, Count: 2, Text: "why"})
			if len(lines) != 1 || strings.Contains(lines[0].Text, "no value") || strings.HasSuffix(lines[0].Text, ": "+code) {
				t.Errorf("%s: %v", code, lines)
			}
		}
	}
	if got := tell(words.English, trace.Event{Member: "ana", Kind: trace.KindTell, Code: "of-a-newer-papo"})[0].Text; got != "ana is told: of-a-newer-papo" {
		t.Error(got)
	}
}

func TestTime(t *testing.T) {
	for lang, want := range map[string]string{words.English: "2.345", words.Portuguese: "2,345"} {
		if got := story.New(words.For(lang)).Time(2345*ms + 400*time.Microsecond); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
