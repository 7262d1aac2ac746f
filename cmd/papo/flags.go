package main

import (
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/pflag"

	"github.com/papo-chat/papo/internal/peer"
	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/transport/udp"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui"
	"github.com/papo-chat/papo/internal/ui/words"
)

// flagSet is a set of flags that complains in the person's language.
type flagSet struct {
	*pflag.FlagSet
	p *program
}

func (p *program) newFlags(name string) *flagSet {
	f := &flagSet{pflag.NewFlagSet(name, pflag.ContinueOnError), p}
	f.SortFlags = false
	f.SetOutput(p.stderr)
	f.Usage = func() {}
	f.check("lang", "", "LANG", p.words.T("want.one-of", words.D{"Values": "en, pt-BR"}), func(s string) error {
		_, err := words.Choose(s)
		return err
	})
	return f
}

// value is a flag's value that is checked as it is set. want says in words
// what it takes.
type value struct {
	set  func(string) error
	text string
	kind string
	want string
}

func (v *value) String() string { return v.text }
func (v *value) Type() string   { return v.kind }
func (v *value) Set(s string) error {
	if err := v.set(s); err != nil {
		return err
	}
	v.text = s
	return nil
}

// errWant is a value that will not do.
var errWant = errors.New("not what the flag takes")

// check adds a flag whose value set may refuse.
func (f *flagSet) check(name, byDefault, kind, want string, set func(string) error) {
	f.Var(&value{set: set, text: byDefault, kind: kind, want: want}, name, f.p.words.T(words.Key("flag."+name)))
}

// text adds a flag that takes any text.
func (f *flagSet) text(name, kind string, want words.Key, to *string) {
	f.check(name, "", kind, f.p.words.T(want), func(s string) error {
		*to = s
		return nil
	})
}

// list adds a flag that may be given again.
func (f *flagSet) list(name, kind string, want words.Key, to *[]string) {
	f.check(name, "", kind, f.p.words.T(want), func(s string) error {
		*to = append(*to, s)
		return nil
	})
}

// parse reads the arguments. done: the command is over, with this exit code.
func (f *flagSet) parse(args []string, most int) (code int, done bool) {
	w := f.p.words
	err := f.Parse(args)
	var unknown *pflag.NotExistError
	var noValue *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	var name *turn.NameError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		f.p.help(f.p.stdout)
		return exitOK, true
	case errors.As(err, &unknown):
		flag := "--" + unknown.GetSpecifiedName()
		if s := unknown.GetSpecifiedShortnames(); s != "" {
			flag = "-" + s
		}
		return f.p.fail(exitUsage, w.T("error.unknown-flag", words.D{"Flag": flag})), true
	case errors.As(err, &noValue):
		return f.p.fail(exitUsage, w.T("error.flag-needs-value", words.D{
			"Flag": "--" + noValue.GetFlag().Name, "Want": f.want(noValue.GetFlag()),
		})), true
	case errors.As(err, &bad) && errors.As(bad.Unwrap(), &name):
		return f.p.fail(exitUsage, f.p.nameSentence(name)), true
	case errors.As(err, &bad):
		return f.p.fail(exitUsage, w.T("error.bad-flag-value", words.D{
			"Flag": "--" + bad.GetFlag().Name, "Value": bad.GetValue(), "Want": f.want(bad.GetFlag()),
		})), true
	case err != nil:
		return f.p.failed(exitUsage, err), true
	}
	if f.NArg() > most {
		return f.p.fail(exitUsage, w.T("error.too-many-arguments", words.D{"Argument": f.Arg(most)})), true
	}
	return 0, false
}

// member gives the one argument, the member's name. done is as for parse.
func (f *flagSet) member() (name string, code int, done bool) {
	if f.NArg() == 0 {
		return "", f.p.fail(exitUsage, f.p.words.T("error.no-name")), true
	}
	name, err := turn.CheckName("name", f.Arg(0))
	if err != nil {
		return "", f.p.fail(exitUsage, f.p.nameSentence(err)), true
	}
	return name, 0, false
}

// want says what a flag takes.
func (f *flagSet) want(flag *pflag.Flag) string {
	if v, ok := flag.Value.(*value); ok {
		return v.want
	}
	return f.p.words.T("want.one-of", words.D{"Values": "true, false"})
}

// placeFlags say which record is meant.
type placeFlags struct {
	room string
	data string
}

func (f *flagSet) place(v *placeFlags) {
	v.room = defaultRoom
	f.check("room", defaultRoom, "ROOM", f.p.words.T("want.text"), func(s string) (err error) {
		v.room, err = turn.CheckName("room", s)
		return err
	})
	f.text("data", "DIR", "want.directory", &v.data)
}

const defaultRoom = "papo"

// dir is the data directory of a member.
func (v *placeFlags) dir(name string) string {
	if v.data != "" {
		return v.data
	}
	return filepath.Join(xdg.DataHome, "papo", turn.FoldName(v.room), turn.FoldName(name))
}

// checkpointOf is the path of the checkpoint of a data directory.
func checkpointOf(dir string) string { return filepath.Join(dir, "checkpoint.db") }

// record reads the arguments of a command about a record that is there, and
// gives its data directory. done is as for parse.
func (f *flagSet) record(args []string, v *placeFlags) (dir string, code int, done bool) {
	if code, done := f.parse(args, 1); done {
		return "", code, true
	}
	if v.data != "" {
		return v.data, 0, false
	}
	name, code, done := f.member()
	return v.dir(name), code, done
}

// chatFlags are the flags of papo chat.
type chatFlags struct {
	placeFlags
	group      netip.AddrPort
	interfaces []string
	replicas   int
	dirs       []string
	reconcile  time.Duration
	checkpoint time.Duration
	delay      time.Duration
	order      string
	passphrase string
	ui         string
	format     string
	verbose    bool
	linger     time.Duration
	trace      string // empty: none
}

func (p *program) chatFlags(v *chatFlags) *flagSet {
	f := p.newFlags("chat")
	w := p.words
	*v = chatFlags{
		group: udp.DefaultGroup, replicas: store.DefaultReplicas, reconcile: 2 * time.Minute, checkpoint: time.Minute,
		order: ui.Orders()[0], ui: "auto", format: "text", linger: 2 * time.Second,
	}
	f.check("group", v.group.String(), "A:P", w.T("want.address"), func(s string) (err error) {
		v.group, err = netip.ParseAddrPort(s)
		return err
	})
	f.place(&v.placeFlags)
	f.list("interface", "IF", "want.interface", &v.interfaces)
	f.count("replicas", &v.replicas)
	f.list("replica-dir", "DIR", "want.directory", &v.dirs)
	f.check("reconcile-every", v.reconcile.String(), "D", w.T("want.duration"), func(s string) (err error) {
		v.reconcile, err = positive(s)
		return err
	})
	f.check("checkpoint-every", v.checkpoint.String(), "D", w.T("want.duration"), func(s string) (err error) {
		v.checkpoint, err = positive(s)
		return err
	})
	f.check("delay", v.delay.String(), "D", w.T("want.delay", words.D{"Most": peer.DelayMost.String()}), func(s string) (err error) {
		if !ui.Delay(s) {
			return errWant
		}
		v.delay, err = time.ParseDuration(s)
		return err
	})
	f.oneOf("order", &v.order, ui.Orders()...)
	f.text("passphrase-file", "FILE", "want.file", &v.passphrase)
	f.oneOf("ui", &v.ui, "auto", "line", "plain")
	f.oneOf("format", &v.format, "text", "jsonl")
	f.BoolVar(&v.verbose, "verbose", false, w.T("flag.verbose"))
	f.text("trace", "FILE", "want.file", &v.trace)
	f.check("linger", v.linger.String(), "D", w.T("want.linger"), func(s string) (err error) {
		if s == "forever" {
			v.linger = peer.Forever
			return nil
		}
		v.linger, err = time.ParseDuration(s)
		if err == nil && v.linger < 0 {
			err = errWant
		}
		return err
	})
	return f
}

// oneOf adds a flag that takes one of some words.
func (f *flagSet) oneOf(name string, to *string, values ...string) {
	f.check(name, *to, strings.ToUpper(name), f.p.words.T("want.one-of", words.D{"Values": strings.Join(values, ", ")}), func(s string) error {
		if !slices.Contains(values, s) {
			return errWant
		}
		*to = s
		return nil
	})
}

// count adds the flag that says how many replicas there are.
func (f *flagSet) count(name string, to *int) {
	want := f.p.words.T("want.count", words.D{"Min": 1, "Max": store.MaxReplicas})
	f.check(name, strconv.Itoa(*to), "N", want, func(s string) error {
		if len(s) != 1 || s[0] < '1' || s[0] > '0'+store.MaxReplicas {
			return errWant
		}
		*to = int(s[0] - '0')
		return nil
	})
}

func positive(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d <= 0 {
		err = errWant
	}
	return d, err
}
