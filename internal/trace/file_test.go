package trace_test

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/trace"
)

// readAll reads a file to its end or its error.
func readAll(file string) (trace.Header, []trace.Event, error) {
	h, events, err := trace.Read(strings.NewReader(file))
	if err != nil {
		return h, nil, err
	}
	var all []trace.Event
	for e, err := range events {
		if err != nil {
			return h, all, err
		}
		all = append(all, e)
	}
	return h, all, nil
}

// fill gives every field a value.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(1))
	case reflect.String:
		v.SetString("<á\n\x1b>")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1<<32 - 1)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 << 31)
	default:
		panic(v.Kind())
	}
}

// What is written is read, whatever an event has, and the same events are the same bytes.
func TestWrittenIsRead(t *testing.T) {
	var full trace.Event
	fill(reflect.ValueOf(&full).Elem())
	seed := uint64(1<<64 - 1)
	h := trace.Header{Version: trace.Version, Source: trace.SourceLab, Seed: &seed, Title: "x", Wall: wall, Members: []trace.Member{{Name: "ana", Key: "aa"}}}
	want := []trace.Event{full, {}, full}
	var files [2]bytes.Buffer
	for i := range files {
		w, err := trace.NewWriter(&files[i], h)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range want {
			if err := w.Write(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0].Bytes(), files[1].Bytes()) {
		t.Error("twice the same, and other bytes")
	}
	got, events, err := readAll(files[0].String())
	if err != nil || !reflect.DeepEqual(got, h) || !reflect.DeepEqual(events, want) {
		t.Errorf("%v\n%+v\n%+v", err, got, events)
	}

	// Cut anywhere behind the header, it is the events that are there whole.
	whole := files[0].String()
	for n := strings.Index(whole, "\n") + 1; n < len(whole); n++ {
		_, events, err := readAll(whole[:n])
		if lines := strings.Count(whole[:n], "\n"); err != nil || len(events) != lines-1 {
			t.Fatalf("cut at %d: %d events of %d, %v", n, len(events), lines-1, err)
		}
	}
}

// What is no trace, and what no event can have, is told as that.
func TestWhatCannotBeRead(t *testing.T) {
	const header = `{"papo_trace":1,"source":"chat"}` + "\n"
	long := `{"text":"` + strings.Repeat("x", trace.MaxLine) + `"}` + "\n"
	for _, c := range []struct {
		name, file string
		is         error
		line, read int
	}{
		{"nothing", "", trace.ErrNoTrace, 0, 0},
		{"no newline", `{"papo_trace":1}`, trace.ErrNoTrace, 0, 0},
		{"another file", "hello\n", trace.ErrNoTrace, 0, 0},
		{"another JSON", `{"v":1}` + "\n", trace.ErrNoTrace, 0, 0},
		{"a long line", long, trace.ErrNoTrace, 0, 0},
		{"newer", `{"papo_trace":2,"source":"x"}` + "\n", trace.ErrNewer, 0, 0},
		{"a broken line", header + "{}\n{\n{}\n", nil, 3, 1},
		{"an empty line", header + "\n", nil, 2, 0},
		{"a line that is too long", header + "{}\n{}\n" + long, nil, 4, 2},
		{"before the beginning", header + `{"t":-1}` + "\n", nil, 2, 0},
		{"a time too large", header + fmt.Sprintf(`{"t":%d}`, trace.MaxAt+1) + "\n", nil, 2, 0},
		{"an end too large", header + fmt.Sprintf(`{"until":%d}`, trace.MaxAt+1) + "\n", nil, 2, 0},
		{"an end too small", header + fmt.Sprintf(`{"until":%d}`, -trace.MaxAt-1) + "\n", nil, 2, 0},
		{"no number", header + `{"t":1e99}` + "\n", nil, 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, events, err := readAll(c.file)
			var line *trace.LineError
			errors.As(err, &line)
			if c.is != nil && !errors.Is(err, c.is) || c.line != 0 && (line == nil || line.Line != c.line) || len(events) != c.read {
				t.Errorf("%d events, %v", len(events), err)
			}
		})
	}
	if _, events, err := readAll(header + fmt.Sprintf(`{"t":%d,"until":%d,"newer":1}`, trace.MaxAt, -trace.MaxAt) + "\n"); err != nil || len(events) != 1 {
		t.Errorf("%v", err)
	}
}
