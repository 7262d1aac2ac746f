// Command harness puts package reconcile behind the line protocol of the test
// suite of github.com/hoytech/negentropy, so that other implementations can be
// run against it. Lines in:
//
//	item,STAMP,ID    an item of the set; ID as 64 hex digits
//	seal             the set is complete
//	initiate         be the initiator, and give the first message
//	msg,HEX          a message of the other side
//
// Lines out: msg,HEX for the other side; have,ID and need,ID before it, and
// done in its place at the end, from the initiator only. FRAMESIZELIMIT in the
// environment bounds the messages in bytes; 0 or unset is no limit.
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
)

// maxLine bounds an input line: without a frame limit, a message can name a
// whole set, two hex digits a byte. A longer line ends the program.
const maxLine = 256 << 20

func main() {
	if err := run(os.Stdin, os.Stdout, os.Getenv("FRAMESIZELIMIT")); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		os.Exit(1)
	}
}

// run obeys the lines of in until it ends or one is wrong.
func run(in io.Reader, out io.Writer, frameLimit string) error {
	h := harness{out: bufio.NewWriter(out)}
	if frameLimit != "" {
		n, err := strconv.Atoi(frameLimit)
		if err != nil {
			return fmt.Errorf("FRAMESIZELIMIT=%s: give a number of bytes", frameLimit)
		}
		h.limit = n
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		if err := h.line(strings.TrimSpace(lines.Text())); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := h.out.Flush(); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", n+1, err)
	}
	return nil
}

type harness struct {
	out     *bufio.Writer
	limit   int
	items   []turn.Item
	set     *reconcile.Slice   // nil until sealed
	session *reconcile.Session // nil unless this side is the initiator
}

func (h *harness) line(line string) error {
	command, rest, _ := strings.Cut(line, ",")
	switch {
	case line == "":
		return nil
	case command == "item" && h.set == nil:
		return h.item(rest)
	case command == "seal" && h.set == nil:
		h.set = reconcile.NewSlice(h.items)
		h.items = nil
		return nil
	case command == "item" || command == "seal":
		return fmt.Errorf("%q after seal", command)
	case h.set == nil:
		return fmt.Errorf("%q before seal", command)
	case command == "initiate":
		return h.initiate()
	case command == "msg":
		return h.message(rest)
	}
	return fmt.Errorf("unknown command %q; item, seal, initiate and msg are known", command)
}

func (h *harness) item(fields string) error {
	stamp, id, _ := strings.Cut(fields, ",")
	n, err := strconv.ParseUint(stamp, 10, 64)
	if err != nil || n == math.MaxUint64 {
		return fmt.Errorf("stamp %q: give a number below 2^64-1", stamp)
	}
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != len(turn.ID{}) {
		return fmt.Errorf("id %q: give 64 hex digits", id)
	}
	h.items = append(h.items, turn.Item{Stamp: n, ID: turn.ID(b)})
	return nil
}

func (h *harness) initiate() error {
	if h.session != nil {
		return errors.New("initiate came twice")
	}
	s, err := reconcile.NewInitiator(h.set, h.limit)
	if err != nil {
		return err
	}
	h.session = s
	fmt.Fprintf(h.out, "msg,%x\n", s.Initiate())
	return nil
}

func (h *harness) message(digits string) error {
	msg, err := hex.DecodeString(digits)
	if err != nil {
		return fmt.Errorf("message: %w", err)
	}
	if h.session == nil {
		answer, err := reconcile.Respond(h.set, h.limit, msg)
		if err != nil {
			return err
		}
		fmt.Fprintf(h.out, "msg,%x\n", answer)
		return nil
	}
	next, have, need, err := h.session.Reconcile(msg)
	if err != nil {
		return err
	}
	for _, id := range have {
		fmt.Fprintf(h.out, "have,%v\n", id)
	}
	for _, id := range need {
		fmt.Fprintf(h.out, "need,%v\n", id)
	}
	if next == nil {
		fmt.Fprintln(h.out, "done")
		return nil
	}
	fmt.Fprintf(h.out, "msg,%x\n", next)
	return nil
}
