package line

import (
	"fmt"
	"sort"
	"strings"
	"sync/atomic"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/words"
)

// maxDraft bounds what stands in the editor. It is more than a line may have,
// so that a person can shorten what they pasted.
const maxDraft = 4 * turn.MaxLine

// usualWidth is the width until the terminal has told its own.
const usualWidth = 80

// eventMsg brings the model what happened.
type eventMsg struct{ event peer.Event }

// model is the prompt and the line over it. It draws and edits; what is typed
// goes to the queue, and what happens is printed above by the printer.
type model struct {
	queue     *queue
	interrupt func() // does not wait
	prompt    string
	edit      editor
	cells     []cell // of edit.text; made anew by scroll
	drawn     string // the text that cells are of
	past      past
	status    *status
	first     int // index of the first cell shown, when the text is too wide
	width     int
	events    uint32
	cols      *atomic.Int32 // width, for the printer
	clusters  bool          // the terminal counts clusters (mode 2027)
	done      bool          // nothing is drawn any more
	ended     bool          // the chat's events have ended

	interrupted bool // Ctrl-C was typed
}

func newModel(w *words.Words, name string, q *queue, interrupt func()) *model {
	m := &model{
		queue: q, interrupt: interrupt, prompt: turn.Clean(name) + "> ",
		status: newStatus(w), width: usualWidth, cols: new(atomic.Int32),
	}
	m.cols.Store(usualWidth)
	return m
}

// Init implements tea.Model.
func (m *model) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width = msg.Width
		if m.width <= 0 { // no terminal that could tell
			m.width = usualWidth
		}
		m.cols.Store(int32(m.width))
	case tea.ModeReportMsg:
		if msg.Mode == ansi.ModeUnicodeCore {
			m.clusters = msg.Value == ansi.ModeSet || msg.Value == ansi.ModeReset || msg.Value == ansi.ModePermanentlySet
			m.cells = nil
		}
	case eventMsg:
		m.events++
		m.status.saw(msg.event)
	case endMsg:
		m.done, m.ended = true, true
		return m, tea.Quit
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.KeyPressMsg:
		if quit := m.key(msg); quit {
			m.done = true
			return m, tea.Quit
		}
	}
	m.scroll()
	return m, nil
}

// endMsg ends the program, when the chat's events have ended.
type endMsg struct{}

// key handles one key. quit is the way out when the chat does not end by
// itself: Ctrl-C for the second time.
func (m *model) key(k tea.KeyPressMsg) (quit bool) {
	switch k.Keystroke() {
	case "ctrl+c":
		if m.interrupted {
			return true
		}
		m.interrupted, m.status.leaving = true, true
		m.interrupt()
	case "ctrl+d":
		if m.edit.text == "" {
			m.status.leaving = true
			m.queue.put(typed{kind: typedEnd})
		} else {
			m.edit.delete()
		}
	case "enter", "kpenter", "ctrl+j", "ctrl+m":
		m.enter()
	case "left", "ctrl+b":
		m.edit.left()
	case "right", "ctrl+f":
		m.edit.right()
	case "home", "ctrl+a":
		m.edit.home()
	case "end", "ctrl+e":
		m.edit.end()
	case "backspace", "ctrl+h":
		m.edit.backspace()
	case "delete":
		m.edit.delete()
	case "ctrl+u":
		m.edit.cutBefore()
	case "ctrl+k":
		m.edit.cutAfter()
	case "ctrl+w", "alt+backspace":
		m.edit.cutWord()
	case "up", "ctrl+p":
		if line, ok := m.past.back(m.edit.text); ok {
			m.edit.set(line)
		}
	case "down", "ctrl+n":
		if line, ok := m.past.forward(); ok {
			m.edit.set(line)
		}
	default:
		m.insert(k.Text)
	}
	return false
}

// enter takes the line. One that is too long stays, to be shortened.
func (m *model) enter() {
	line := m.edit.text
	m.queue.put(typed{kind: typedLine, text: line})
	if in := ui.Parse(line); in.Kind == ui.BadLine && in.Code == peer.CodeTooLong {
		return
	}
	if line != "" {
		m.past.add(line)
	}
	m.edit.set("")
}

// insert puts text without newlines at the cursor; what would make the draft
// too long is refused whole.
func (m *model) insert(text string) {
	text = strings.ReplaceAll(turn.Clean(text), "\n", " ")
	if len(m.edit.text)+len(text) > maxDraft {
		m.queue.put(typed{kind: typedLong, text: text[:min(len(text), turn.MaxLine)]})
		return
	}
	m.edit.insert(text)
}

// paste inserts text; each of its lines that ends in a newline is taken, as if
// Enter had been pressed there.
func (m *model) paste(text string) {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		m.insert(line)
		if i < len(lines)-1 {
			m.enter()
		}
	}
}

// shownPrompt is the prompt, shortened where the terminal is too narrow for it.
func (m *model) shownPrompt() string {
	if ansi.StringWidth(m.prompt) > m.width/2 {
		return "> "
	}
	return m.prompt
}

// room is how many columns the text has: not those of the prompt, nor the last
// one, which is for the cursor behind the text or the mark that more follows.
func (m *model) room() int { return max(4, m.width-ansi.StringWidth(m.shownPrompt())-1) }

// scroll makes the cells, and moves the window over the text as little as it
// takes to show the cursor, and no further to the right than the text needs.
func (m *model) scroll() {
	if m.edit.text != m.drawn || m.cells == nil {
		m.cells, m.drawn = cells(m.edit.text, m.clusters), m.edit.text
	}
	cs := m.cells
	room, cursor := m.room(), m.cursorCell(cs)
	m.first = min(m.first, cursor)
	shown := cs[m.first:min(cursor+1, len(cs))]
	for over := width(shown) - room; over > 0; m.first++ {
		over -= cs[m.first].width
	}
	left := room - width(cs[m.first:])
	for m.first > 0 && cs[m.first-1].width <= left {
		m.first--
		left -= cs[m.first].width
	}
}

// cursorCell is the index of the cell under the cursor; len(cs) behind them.
func (m *model) cursorCell(cs []cell) int {
	return sort.Search(len(cs), func(i int) bool { return cs[i].at >= m.edit.pos })
}

func width(cs []cell) int {
	n := 0
	for _, c := range cs {
		n += c.width
	}
	return n
}

// View implements tea.Model: always two rows, so that the frame never changes
// its height.
func (m *model) View() tea.View {
	if m.done {
		return tea.NewView("")
	}
	cs := m.cells
	prompt := m.shownPrompt()
	if m.first > 0 {
		prompt = strings.TrimSuffix(prompt, "> ") + "« "
	}
	var b strings.Builder
	used, room := 0, m.room()
	for _, c := range cs[m.first:] {
		if used+c.width > room {
			b.WriteString(strings.Repeat(" ", room-used) + "»")
			break
		}
		b.WriteString(c.text)
		used += c.width
	}
	v := tea.NewView(dim(ansi.TruncateWc(m.status.String(), m.width-1, "…")) + "\n" + prompt + b.String() + unseen(m.events))
	v.Cursor = tea.NewCursor(ansi.StringWidth(prompt)+width(cs[m.first:m.cursorCell(cs)]), 1)
	return v
}

func dim(s string) string { return ansi.NewStyle().Faint().Styled(s) }

// unseen is a style around nothing, another for each n. When lines were printed
// above the frame, Bubble Tea (v2.1) puts the cursor back only if the frame
// differs from the one before. tea.ClearScreen would do it too, but loses lines:
// it moves the cursor in a buffer, and a line printed before that is written comes
// to stand one row off.
func unseen(n uint32) string {
	return fmt.Sprintf("\x1b[38;2;%d;%d;%dm\x1b[m", byte(n>>16), byte(n>>8), byte(n))
}
