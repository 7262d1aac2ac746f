// Command papo is group chat for a local network, with no server.
//
//	papo NAME [flags]      chat (the same as papo chat NAME)
//	papo history           print the record of a data directory, without the network
//	papo search            print what was said with some words, without the network
//	papo replicas          check or repair the replicas of a record, without the network
//	papo export, import    write the record as one file with all signatures, and read one
//	papo verify            check such a file, with nothing else at hand
//	papo trace             print what happened in a chat or a simulation, with the reasons
//	papo id                print this member's key fingerprint
//
// papo --help tells the rest, in English or Brazilian Portuguese.
package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/papo-chat/papo/internal/ui/words"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	exitNetwork = 3
)

// program is what a command has of its surroundings.
type program struct {
	words  *words.Words
	stdin  *os.File
	stdout *os.File
	stderr io.Writer
}

func main() {
	p := &program{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.run(os.Args[1:]))
}

// run carries out one command line and returns the exit code.
func (p *program) run(args []string) int {
	p.words = words.For(languageOf(args))
	if len(args) == 0 {
		return p.fail(exitUsage, p.words.T("error.no-name"))
	}
	switch args[0] {
	case "-h", "--help", "help":
		p.help(p.stdout)
		return exitOK
	case "--version":
		fmt.Fprintln(p.stdout, p.words.T("cli.version", words.D{"Version": version()}))
		return exitOK
	case "chat":
		return p.chat(args[1:])
	case "history":
		return p.history(args[1:])
	case "search":
		return p.search(args[1:])
	case "export":
		return p.export(args[1:])
	case "verify":
		return p.verify(args[1:])
	case "import":
		return p.importFile(args[1:])
	case "lab":
		return p.lab(args[1:])
	case "replicas":
		return p.replicasOf(args[1:])
	case "trace":
		return p.trace(args[1:])
	case "id":
		return p.id(args[1:])
	}
	return p.chat(args)
}

// fail prints one sentence and returns the code.
func (p *program) fail(code int, sentence string) int {
	fmt.Fprintln(p.stderr, "papo: "+sentence)
	if code == exitUsage {
		fmt.Fprintln(p.stderr, p.words.T("error.hint"))
	}
	return code
}

// failed is fail for what has no sentence of its own.
func (p *program) failed(code int, err error) int {
	return p.fail(code, p.words.T("error.failed", words.D{"Detail": err.Error()}))
}

// languageOf looks for --lang before anything else is understood, so that even
// the complaint about another flag is in the language asked for.
func languageOf(args []string) string {
	for i, a := range args {
		value, ok := strings.CutPrefix(a, "--lang=")
		if a == "--lang" && i+1 < len(args) {
			value, ok = args[i+1], true
		}
		if ok {
			if lang, err := words.Choose(value); err == nil {
				return lang
			}
		}
	}
	return words.Default()
}

// version is what the build says of itself.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func (p *program) help(w io.Writer) {
	t := p.words.T
	fmt.Fprintln(w, t("cli.title"))
	fmt.Fprintln(w)
	fmt.Fprintln(w, t("cli.usage"))
	for _, row := range [][2]string{
		{"papo " + t("cli.name") + " [" + t("cli.options") + "]", t("cli.chat")},
		{"papo history " + t("cli.name") + " [" + t("cli.options") + "]", t("cli.history")},
		{"papo search " + t("cli.name") + " " + t("cli.words") + " [" + t("cli.options") + "]", t("cli.search")},
		{"papo replicas check|repair " + t("cli.name"), t("cli.replicas")},
		{"papo export " + t("cli.name") + " " + t("cli.file") + " [" + t("cli.options") + "]", t("cli.export")},
		{"papo verify " + t("cli.file") + " [" + t("cli.options") + "]", t("cli.verify")},
		{"papo import " + t("cli.name") + " " + t("cli.file") + " [" + t("cli.options") + "]", t("cli.import")},
		{"papo trace show " + t("cli.file") + "... [" + t("cli.options") + "]", t("cli.trace")},
		{"papo lab " + t("cli.lab-what") + " [" + t("cli.options") + "]", t("cli.lab")},
		{"papo id " + t("cli.name") + " [" + t("cli.options") + "]", t("cli.id")},
	} {
		fmt.Fprintf(w, "  %-35s %s\n", row[0], row[1])
	}
	for _, c := range []struct {
		name string
		set  *flagSet
	}{{"chat", p.chatFlags(&chatFlags{})}, {"history", p.historyFlags("history", &historyFlags{}, 0)},
		{"search", p.searchFlags(&historyFlags{})},
		{"export", p.fileFlags("export", &fileFlags{})}, {"verify", p.verifyFlags(&verifyFlags{})},
		{"import", p.fileFlags("import", &fileFlags{})}, {"replicas", p.replicasFlags(&replicasFlags{})},
		{"trace show", p.traceFlags(&traceFlags{})}, {"lab NAME", p.playFlags(&playFlags{})}, {"lab run", p.labFlags(&labFlags{})}, {"id", p.idFlags(&placeFlags{})},
	} {
		fmt.Fprintf(w, "\n%s\n%s", t("cli.flags", words.D{"Command": "papo " + c.name}), c.set.FlagUsages())
		if c.name == "search" {
			fmt.Fprintln(w, t("search.help"))
		}
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, t("cli.examples"))
}
