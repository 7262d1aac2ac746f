package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/papo-chat/papo/internal/transport/transporttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"papo": main})
}

// TestScripts runs the command line as a person or a program would, each
// script in an empty home directory and on a loopback group of its own.
func TestScripts(t *testing.T) {
	lo := transporttest.Loopback(t).Name
	talk, err := filepath.Abs("../../internal/record/testdata/talk.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			port := transporttest.FreePort(t)
			e.Setenv("LO", lo)
			e.Setenv("PORT", fmt.Sprint(port))
			e.Setenv("ON", fmt.Sprintf("--interface=%s", lo))
			e.Setenv("GROUP", fmt.Sprintf("--group=224.1.1.1:%d", port))
			e.Setenv("XDG_DATA_HOME", e.WorkDir+"/share")
			e.Setenv("LANG", "en_US.UTF-8")
			e.Setenv("TZ", "UTC")
			e.Setenv("TALK", talk)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return runtime.GOOS != "windows" && os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %s", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"take-port": takePort, "wait-for": waitFor, "replace": replace},
	})
}

// takePort occupies a UDP port without sharing it, until the script ends.
func takePort(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: take-port PORT")
	}
	c, err := net.ListenPacket("udp4", ":"+args[0])
	ts.Check(err)
	ts.Defer(func() { c.Close() })
}

// replace changes the first place of a file that has a text.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE BEFORE AFTER")
	}
	before := ts.ReadFile(args[0])
	after := strings.Replace(before, args[1], args[2], 1)
	if after == before {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(after), 0o600))
}

// waitFor waits until a file is there.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: wait-for FILE")
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s does not come", args[0])
}
