package main

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/papo-chat/papo/internal/node"
	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/transport/udp"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/line"
	"github.com/papo-chat/papo/internal/ui/plain"
	"github.com/papo-chat/papo/internal/ui/words"
)

// recentTurns is how many turns a start reads besides what is new since the checkpoint:
// those that are shown, and those with which new ones are likely to be compared.
const recentTurns = 1000

// proveEvery is how long a proof of the whole checkpoint will do: it takes 2 s for 100,000
// turns.
const proveEvery = time.Hour

// chat is papo NAME: it takes part until it is told to leave.
func (p *program) chat(args []string) int {
	var v chatFlags
	f := p.chatFlags(&v)
	if code, done := f.parse(args, 1); done {
		return code
	}
	name, code, done := f.member()
	if done {
		return code
	}
	if v.ui == "line" && !p.isTerminal() {
		return p.fail(exitUsage, p.words.T("error.need-terminal", words.D{"UI": "line"}))
	}
	key, code := p.groupKey(&v)
	if key == nil {
		return code
	}
	network, err := udp.Open(udp.Config{Group: v.group, Interfaces: v.interfaces})
	if err != nil {
		return p.failNetwork(&v, err)
	}
	defer network.Close()

	dir := v.dir(name)
	disk, found, err := store.Open(store.Options{
		Dir: dir, ReplicaDirs: v.dirs, Replicas: v.replicas, Name: name, Group: turn.GroupID(key.GroupID()),
		Checkpoint: checkpointOf(dir), Recent: recentTurns, ProveEvery: proveEvery, Progress: p.progress(),
	})
	if err != nil {
		return p.failStore(dir, err)
	}
	defer disk.Close()
	identity, exposed, err := seal.LoadOrCreateIdentity(dir, crand.Reader)
	if err != nil {
		return p.fail(exitFailure, p.words.T("error.identity-damaged", words.D{"Path": dir, "Detail": err.Error()}))
	}
	if exposed {
		p.fail(exitOK, p.words.T("warn.identity-exposed", words.D{"Path": dir}))
	}

	var seed [16]byte
	if _, err := crand.Read(seed[:]); err != nil {
		return p.failed(exitFailure, err)
	}
	var traced io.Writer // stays nil without --trace
	var traceFile *os.File
	if v.trace != "" {
		if traceFile, err = newTrace(v.trace); err != nil {
			return p.failTrace(v.trace, err)
		}
		defer traceFile.Close() // once more, if not reached below
		traced = traceFile
	}
	clock := node.SystemClock()
	n := node.New(node.Config{
		Name: name, Private: identity.Private(), Key: key, Address: v.group.String(), Room: v.room,
		Store: disk, Restored: found, Transport: network, Clock: clock,
		Rand:           rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:8]), binary.BigEndian.Uint64(seed[8:]))),
		ReconcileEvery: v.reconcile, CheckpointEvery: v.checkpoint, Linger: v.linger, Verbose: v.verbose, Delay: v.delay, Order: peer.Order(v.order),
		Trace: traced,
	})
	code = p.converse(n, &v, name, clock)
	if traceFile == nil {
		return code
	}
	err = n.TraceErr()
	if closed := traceFile.Close(); err == nil {
		err = closed
	}
	if err != nil {
		code = max(code, p.fail(exitFailure, p.words.T("warn.trace", words.D{"Path": v.trace, "Detail": reason(err)})))
	}
	return code
}

// converse runs the member and its user interface side by side.
func (p *program) converse(n *node.Node, v *chatFlags, name string, clock node.Clock) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	go func() {
		for range interrupts {
			n.Interrupt()
		}
	}()
	signal.Ignore(syscall.SIGPIPE) // a closed standard output is told as an error

	ran := make(chan error, 1)
	go func() { ran <- n.Run(context.Background()) }() // SIGTERM reaches it as /quit of the interface

	now := clock.Now()
	at := ui.Clock{Wall: now.Wall, Boot: now.Boot}
	var code int
	var err error
	if v.ui == "line" || v.ui == "auto" && v.format == "text" && p.isTerminal() {
		code, err = line.Run(ctx, p.stdin, p.stdout, n, line.Options{
			Words: p.words, Clock: at, Now: clock.Boot, Name: name, Verbose: v.verbose,
		})
	} else {
		code, err = plain.Run(ctx, p.stdin, p.stdout, n, plain.Options{
			Words: p.words, Clock: at, Now: clock.Boot, JSON: v.format == "jsonl", Verbose: v.verbose,
		})
	}
	var closed *plain.WriteError
	switch {
	case errors.As(err, &closed):
		code = p.fail(exitFailure, p.words.T("error.stdout-closed", words.D{"Detail": closed.Err.Error()}))
	case errors.Is(err, line.ErrInterrupted):
		return code // a second Ctrl-C waits for nothing
	case err != nil:
		code = p.failed(exitFailure, err)
	}
	if err := <-ran; err != nil {
		code = p.failed(exitFailure, err)
	}
	return code
}

// isTerminal tells whether a person sits at both ends, and the terminal can
// move its cursor.
func (p *program) isTerminal() bool {
	t := os.Getenv("TERM")
	return t != "dumb" && term.IsTerminal(int(p.stdin.Fd())) && term.IsTerminal(int(p.stdout.Fd()))
}

// groupKey is the key of the group; nil: the command is over, with that code.
func (p *program) groupKey(v *chatFlags) (*seal.Key, int) {
	if v.passphrase == "" {
		return seal.OpenRoom(v.group.String(), v.room), 0
	}
	unreadable := func(err error) (*seal.Key, int) {
		return nil, p.fail(exitUsage, p.words.T("error.passphrase-unreadable", words.D{"Path": v.passphrase, "Detail": reason(err)}))
	}
	f, err := os.Open(v.passphrase)
	if err != nil {
		return unreadable(err)
	}
	defer f.Close()
	const most = 4096
	pass, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(pass) > most {
		err = errors.New("over 4096 bytes")
	}
	if err != nil {
		return unreadable(err)
	}
	key, err := seal.FromPassphrase(pass, v.group.String(), v.room)
	switch {
	case errors.Is(err, seal.ErrEmptyPassphrase):
		return nil, p.fail(exitUsage, p.words.T("error.passphrase-empty", words.D{"Path": v.passphrase}))
	case err != nil:
		return unreadable(err)
	}
	if seal.Weak(pass) {
		p.fail(exitOK, p.words.T("warn.passphrase-short"))
	}
	return key, 0
}

// reason is what the system said, without the path that the sentence has anyhow.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// nameSentence says what is wrong with a name or a room.
func (p *program) nameSentence(err error) string {
	var e *turn.NameError
	if !errors.As(err, &e) {
		return p.words.T("error.failed", words.D{"Detail": err.Error()})
	}
	char := fmt.Sprintf("%U", e.Char)
	if e.Fault == turn.NameSeparator {
		char = string(e.Char)
	}
	return p.words.T(words.Key("name."+string(e.Fault)), words.D{
		"Kind": p.words.T(words.Key("name.kind." + e.Kind)), "Name": e.Name, "Char": char,
	})
}

// failNetwork says why the group cannot be joined.
func (p *program) failNetwork(v *chatFlags, err error) int {
	w := p.words
	var e *udp.Error
	if !errors.As(err, &e) {
		return p.failed(exitNetwork, err)
	}
	switch e.Kind {
	case udp.ErrNotMulticast:
		return p.fail(exitUsage, w.T("error.not-multicast", words.D{"Address": v.group.String()}))
	case udp.ErrUnknownInterface:
		return p.fail(exitNetwork, w.T("error.unknown-interface", words.D{
			"Name": strings.Join(e.Interfaces, ", "), "Known": strings.Join(e.Existing, ", "),
		}))
	case udp.ErrPortTaken:
		detail := ""
		if e.Err != nil {
			detail = e.Err.Error()
		}
		return p.fail(exitNetwork, w.T("error.port-taken", words.D{"Port": v.group.Port(), "Detail": detail}))
	}
	return p.fail(exitNetwork, w.T("error.no-interface"))
}

// failStore says why the data directory cannot be used.
func (p *program) failStore(dir string, err error) int {
	w := p.words
	var locked *store.LockedError
	switch {
	case errors.As(err, &locked):
		return p.fail(exitFailure, w.T("error.data-locked", words.D{"Path": locked.Dir}))
	case errors.Is(err, store.ErrOtherGroup):
		return p.fail(exitFailure, w.T("error.other-group", words.D{"Path": dir}))
	case errors.Is(err, store.ErrNoRecord):
		return p.fail(exitFailure, w.T("error.no-record", words.D{"Path": dir}))
	case errors.Is(err, store.ErrNewerLog), errors.Is(err, store.ErrNewerCheckpoint):
		return p.failed(exitFailure, err)
	}
	return p.fail(exitFailure, w.T("error.data-unwritable", words.D{"Path": dir, "Detail": err.Error()}))
}
