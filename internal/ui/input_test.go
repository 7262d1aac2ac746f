package ui_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
)

func TestParse(t *testing.T) {
	line := func(text string) ui.Input { return ui.Input{Kind: ui.Line, Text: text} }
	do := func(name string, args ...string) ui.Input {
		return ui.Input{Kind: ui.Do, Command: ui.Command{Name: name, Args: args}}
	}
	bad := func(code peer.Code, name string) ui.Input {
		return ui.Input{Kind: ui.BadCommand, Code: code, Command: ui.Command{Name: name}}
	}
	badLine := func(code peer.Code) ui.Input { return ui.Input{Kind: ui.BadLine, Code: code} }
	replaced := func(in ui.Input) ui.Input { in.Replaced = true; return in }
	full := strings.Repeat("é", turn.MaxLine/2)

	for _, c := range []struct {
		line string
		want ui.Input
	}{
		{"", ui.Input{}},
		{" ", line(" ")},
		{"bom dia", line("bom dia")},
		{"  two  spaces ", line("  two  spaces ")},
		{"quit", do("quit")},
		{"sair", do("quit")},
		{" sync ", do("sync")},
		{"peers", do("peers")},
		{"verbose", do("verbose")},
		{"release", line("release")},
		{"Quit", line("Quit")},
		{"quit now", line("quit now")},
		{"/quit", do("quit")},
		{"/peers", do("peers")},
		{"/sync", do("sync")},
		{"/verbose", do("verbose")},
		{"/release", do("release")},
		{"/cancel", do("cancel")},
		{"/history", do("history")},
		{"/help", do("help")},
		{"/help ", do("help")},
		{"/hold", do("hold")},
		{"/hold 5", do("hold", "5")},
		{"/hold  60 ", do("hold", "60")},
		{"/history 1000", do("history", "1000")},
		{"/history 1001", bad(peer.CodeUsage, "history")},
		{"/hold 0", bad(peer.CodeUsage, "hold")},
		{"/hold 61", bad(peer.CodeUsage, "hold")},
		{"/hold -3", bad(peer.CodeUsage, "hold")},
		{"/hold five", bad(peer.CodeUsage, "hold")},
		{"/hold 1 2", bad(peer.CodeUsage, "hold")},
		{"/quit now", bad(peer.CodeUsage, "quit")},
		{"/say", bad(peer.CodeUsage, "say")},
		{"/say ", bad(peer.CodeUsage, "say")},
		{"/say quit", line("quit")},
		{"/say /quit", line("/quit")},
		{"/say  x ", line(" x ")},
		{"//quit", line("/quit")},
		{"//", line("/")},
		{"///x", line("//x")},
		{" /quit", line(" /quit")},
		{"/", bad(peer.CodeUnknown, "")},
		{"/ quit", bad(peer.CodeUnknown, "")},
		{"/search x", do("search", "x")},
		{"/search", bad(peer.CodeUsage, "search")},
		{"/delay", do("delay")},
		{"/delay 5s", do("delay", "5s")},
		{"/delay 0", do("delay", "0")},
		{"/delay 60s", do("delay", "60s")},
		{"/delay 60001ms", bad(peer.CodeUsage, "delay")},
		{"/delay -1s", bad(peer.CodeUsage, "delay")},
		{"/delay 5", bad(peer.CodeUsage, "delay")},
		{"/delay 5 s", bad(peer.CodeUsage, "delay")},
		{"/delay off", bad(peer.CodeUsage, "delay")},
		{"/order", do("order")},
		{"/order arrival", do("order", "arrival")},
		{"/order agreed", do("order", "agreed")},
		{"/order random", bad(peer.CodeUsage, "order")},
		{"/order agreed arrival", bad(peer.CodeUsage, "order")},
		{"/etc/passwd", bad(peer.CodeUnknown, "etc/passwd")},
		{"/QUIT", bad(peer.CodeUnknown, "QUIT")},
		{"/" + strings.Repeat("x", 100), bad(peer.CodeUnknown, strings.Repeat("x", 32)+"…")},
		{full, line(full)},
		{full + "x", badLine(peer.CodeTooLong)},
		{"/say " + full, line(full)},
		{"/say " + full + "x", badLine(peer.CodeTooLong)},
		{"/" + "/" + full[1:], replaced(badLine(peer.CodeTooLong))},
		{"a\xffb", replaced(line("a\ufffdb"))},
		{"/say \xff\xfe", replaced(line("\ufffd"))},
		{"red\x1b[31m\u202e!", line("red[31m!")},
		{"\x1b\a", badLine(peer.CodeEmpty)},
		{"/say \x00", badLine(peer.CodeEmpty)},
	} {
		got := ui.Parse(c.line)
		if len(got.Command.Args) == 0 {
			got.Command.Args = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("Parse(%.40q) = %+v, want %+v", c.line, got, c.want)
		}
	}
}

// Every command of the list is a command, or says a text, and nothing else is.
func TestCommandsAreParsed(t *testing.T) {
	for _, name := range ui.Commands() {
		in := ui.Parse("/" + name)
		if name == "search" {
			in = ui.Parse("/search x")
		}
		if name == "say" {
			in = ui.Parse("/say x")
			if in.Kind != ui.Line {
				t.Errorf("/say x: kind %d, want a line", in.Kind)
			}
			continue
		}
		if in.Kind != ui.Do || in.Command.Name != name {
			t.Errorf("/%s: %+v, want the command", name, in)
		}
	}
}
