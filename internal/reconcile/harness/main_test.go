package main

import (
	"io"
	"strings"
	"testing"
)

const (
	one = "1111111111111111111111111111111111111111111111111111111111111111"
	two = "2222222222222222222222222222222222222222222222222222222222222222"
)

func TestRun(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"responder", "item,5," + one + "\nseal\nmsg,6100000200\n", "msg,6100000201" + one + "\n"},
		{"another version, then this one", "item,5," + one + "\nseal\nmsg,62aabbccddeeff\n\nmsg,6100000200\n",
			"msg,61\nmsg,6100000201" + one + "\n"},
		{"initiator", "item,5," + one + "\r\nseal\r\ninitiate\r\nmsg,6100000201" + two + "\r\n",
			"msg,6100000201" + one + "\nhave," + one + "\nneed," + two + "\ndone\n"},
		{"initiator goes on", "seal\ninitiate\nmsg,61000001" + one[:32] + "\nmsg,61\n",
			"msg,6100000200\nmsg,6100000200\ndone\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			if err := run(strings.NewReader(c.in), &out, "4096"); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("got\n%swant\n%s", out.String(), c.want)
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	for _, c := range []struct{ in, limit, want string }{
		{"shout,1\n", "", "line 1: \"shout\" before seal"},
		{"seal\nshout,1\n", "", "line 2: unknown command"},
		{"item,x," + one + "\n", "", "stamp \"x\""},
		{"item,18446744073709551615," + one + "\n", "", "below 2^64-1"},
		{"item,1\n", "", "64 hex digits"},
		{"item,1," + one + "22\n", "", "64 hex digits"},
		{"initiate\n", "", "before seal"},
		{"seal\nseal\n", "", "after seal"},
		{"seal\nitem,1," + one + "\n", "", "after seal"},
		{"seal\ninitiate\ninitiate\n", "", "came twice"},
		{"seal\nmsg,6\n", "", "line 2: message"},
		{"seal\nmsg,\n", "", "malformed"},
		{"seal\ninitiate\nmsg,62\n", "", "does not speak version 1"},
		{"seal\ninitiate\n", "100", "at least 4096"},
		{"seal\n", "many", "FRAMESIZELIMIT=many"},
	} {
		if err := run(strings.NewReader(c.in), io.Discard, c.limit); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with limit %q: %v, want %q in it", c.in, c.limit, err, c.want)
		}
	}
}
