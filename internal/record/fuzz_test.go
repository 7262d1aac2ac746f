package record_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/fuzzloop"
	"github.com/papo-chat/papo/internal/record"
	"github.com/papo-chat/papo/internal/turn"
)

// genuine stands for turn.Parse where only these turns were ever signed: any other
// bytes cannot have a signature that holds. It takes a twentieth of the time.
func genuine(signed ...*turn.Signed) func(turn.GroupID, []byte) (*turn.Signed, error) {
	good := map[string]bool{}
	for _, s := range signed {
		good[string(s.Bytes())] = true
	}
	return func(g turn.GroupID, b []byte) (*turn.Signed, error) {
		s, err := turn.ParseTrusted(g, b)
		if err == nil && (g != group || !good[string(b)]) {
			return nil, fmt.Errorf("%w: it is forged", turn.ErrSignature)
		}
		return s, err
	}
}

func fuzzTurns(t testing.TB) []*turn.Signed {
	return append(talk(t), newer(t, "bia", 1), named(t, "eva", "Joa\u0303o", 4))
}

// lines gives the lines of a file with their newlines.
func lines(file []byte) [][]byte { return slices.Collect(bytes.Lines(file)) }

// The seeds reach every fault, and files without one.
func TestSeeds(t *testing.T) {
	if *update {
		writeSeeds(t)
	}
	parse := genuine(fuzzTurns(t)...)
	files := map[record.FaultCode]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzVerify") {
		r, err := record.VerifyWith(bytes.NewReader(b), nil, parse)
		if err != nil {
			t.Fatal(err)
		}
		if r.Sound() {
			files[""]++
		}
		for _, f := range r.Faults {
			files[f.Code]++
		}
	}
	for _, code := range []record.FaultCode{
		"", record.FaultHeader, record.FaultNewerFormat, record.FaultCut, record.FaultAfterEnd, record.FaultHeaderForm, record.FaultCount, record.FaultMissing,
		record.FaultFingerprint, record.FaultEndForm, record.FaultChecksum, record.FaultNoTurn, record.FaultEncoding, record.FaultRule,
		record.FaultSignature, record.FaultField, record.FaultForm, record.FaultTwice, record.FaultOrder, // too-long would make all mutants slow
	} {
		if files[code] == 0 {
			t.Errorf("no file has the fault %q: %v", code, files)
		}
	}
	met := map[record.FaultCode]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzTurnLine") {
		_, f, _ := record.CheckTurn(group, b, parse)
		met[f.Code]++
	}
	for _, code := range []record.FaultCode{
		"", record.FaultNoTurn, record.FaultEncoding, record.FaultRule, record.FaultSignature, record.FaultField, record.FaultForm,
	} {
		if met[code] == 0 {
			t.Errorf("no line has the fault %q: %v", code, met)
		}
	}
	clear(met)
	for _, b := range fuzzloop.Seeds(t, "FuzzHeader") {
		_, code, _ := record.ReadHeader(b)
		met[code]++
	}
	if met[""] == 0 || met[record.FaultHeader] == 0 || met[record.FaultNewerFormat] == 0 || met[record.FaultHeaderForm] == 0 {
		t.Errorf("headers: %v", met)
	}
	ends := map[bool]int{}
	for _, b := range fuzzloop.Seeds(t, "FuzzEnd") {
		_, ok := record.ReadEnd(b)
		ends[ok]++
	}
	if ends[true] == 0 || ends[false] == 0 {
		t.Errorf("ends: %v", ends)
	}
}

func writeSeeds(t *testing.T) {
	file := write(t, talk(t))
	line := func(i int) string { return string(lines(file)[i]) }
	cut := func(s string) string { return s[:len(s)-1] }
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 1; return b }
	}
	seeds := map[string][]byte{
		"talk": file, "empty": write(t, nil), "newer": write(t, inOrder(newer(t, "bia", 1))), "names": write(t, inOrder(named(t, "eva", "Joa\u0303o", 4))),
		"field": reseal(replace(file, 2, "hello", "hullo")), "form": reseal(replace(file, 2, `,"name"`, `, "name"`)),
		"checksum": replace(file, 2, "hello", "hullo"), "nothing": nil, "no-header": []byte(line(1)), "newer-format": []byte(`{"papo-record":2}` + "\n"),
		"cut": file[:len(file)-40], "after": append(slices.Clone(file), '\n'), "header-form": reseal(replace(file, 1, `,"turns"`, `, "turns"`)),
		"count": reseal(replace(file, 1, `"turns":4`, `"turns":5`)), "missing": reseal(replace(file, 1, `"missing":0`, `"missing":1`)),
		"fingerprint": reseal(replace(file, 1, `"fingerprint":"`+string(line(0)[bytes.Index([]byte(line(0)), []byte(`t":"`))+4]), `"fingerprint":"`+"0")),
		"end-form":    replace(file, 6, `,"turns"`, `, "turns"`), "no-turn": reseal(replace(file, 2, `"signed"`, `"singed"`)),
		"encoding": reseal(replace(file, 2, `"signed":"`, `"signed":"=`)), "rule": reseal(resigned(file, 2, flip(0))),
		"signature": reseal(resigned(file, 2, flip(-1))),
		"twice":     reseal([]byte(line(0) + line(1) + line(1) + line(2) + line(3) + line(4) + line(5))),
		"order":     reseal([]byte(line(0) + line(1) + line(4) + line(2) + line(3) + line(5))),
		"gap":       write(t, inOrder(talk(t)[1:]...)),
	}
	for name, b := range seeds {
		fuzzloop.WriteSeed(t, "FuzzVerify", name, b)
	}
	for _, name := range []string{"field", "form", "no-turn", "encoding", "rule", "signature", "newer", "names"} {
		fuzzloop.WriteSeed(t, "FuzzTurnLine", name, lines(seeds[name])[1])
	}
	for i := range 4 {
		fuzzloop.WriteSeed(t, "FuzzTurnLine", fmt.Sprintf("talk-%d", i), lines(file)[1+i])
	}
	for name, s := range map[string]string{
		"whole": line(0), "newer": `{"papo-record":2}` + "\n", "form": string(lines(seeds["header-form"])[0]), "no-newline": cut(line(0)), "null": "null\n",
		"other": line(1), "group": `{"papo-record":1,"group":"ab"}` + "\n", "nothing": "", "zero": "{\"papo-record\":0}", "huge": `{"papo-record":1e30}`,
	} {
		fuzzloop.WriteSeed(t, "FuzzHeader", name, []byte(s))
	}
	for name, s := range map[string]string{
		"whole": line(5), "newer": `{"papo-record-end":2}` + "\n", "form": string(lines(seeds["end-form"])[5]), "no-newline": cut(line(5)), "other": line(0),
	} {
		fuzzloop.WriteSeed(t, "FuzzEnd", name, []byte(s))
	}
}

// FuzzVerify takes files, as they are and with an end that fits: what is sound is what
// Write writes, to the byte.
func FuzzVerify(f *testing.F) {
	parse := genuine(fuzzTurns(f)...)
	check := func(t testing.TB, b []byte) {
		var ts []*turn.Signed
		r, err := record.VerifyWith(bytes.NewReader(b), func(s *turn.Signed) { ts = append(ts, s) }, parse)
		if err != nil {
			t.Fatal(err)
		}
		if len(ts) != r.Turns || len(r.Faults) > record.MaxFaults+8 || len(r.Gaps) > record.MaxFaults || len(r.Breaks) > record.MaxFaults {
			t.Fatalf("%d turns were given: %+v", len(ts), r)
		}
		for _, fault := range r.Faults {
			if fault.Line < 1 || fault.Line > len(lines(b))+1 || fault.Code == "" {
				t.Fatalf("%+v in a file of %d lines", fault, len(lines(b)))
			}
		}
		if !r.Sound() {
			return
		}
		var again bytes.Buffer
		if err := record.Write(&again, header(r.Header.Group, ts, r.Header.Created), each(ts)); err != nil || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("sound, but written again it is another file (%v)", err)
		}
	}
	fuzzloop.Schedule(f, func(t testing.TB, b []byte) {
		check(t, b)
		if len(b) > 0 {
			check(t, reseal(b))
		}
	})
}

// FuzzTurnLine takes lines of turns: what has no fault is what is written.
func FuzzTurnLine(f *testing.F) {
	parse := genuine(fuzzTurns(f)...)
	fuzzloop.Decoder(f, func(t testing.TB, line []byte) {
		s, fault, want := record.CheckTurn(group, line, parse)
		if s == nil && fault.Code == "" || s != nil && (fault.Code == "") != bytes.Equal(line, want) {
			t.Fatalf("%q: %+v, should be %q", line, fault, want)
		}
	})
}

// FuzzHeader takes first lines: what has no fault is what is written.
func FuzzHeader(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, line []byte) {
		h, code, again := record.ReadHeader(line)
		if (h == nil) != (code == record.FaultHeader || code == record.FaultNewerFormat) || (code == "") != (h != nil && bytes.Equal(again, line)) {
			t.Fatalf("%q: %q, should be %q", line, code, again)
		}
	})
}

// FuzzEnd takes last lines: what is read is what is written.
func FuzzEnd(f *testing.F) {
	fuzzloop.Decoder(f, func(t testing.TB, line []byte) {
		if again, ok := record.ReadEnd(line); ok && !bytes.Equal(again, line) {
			t.Fatalf("%q is read as %q", line, again)
		}
	})
}
