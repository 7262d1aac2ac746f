package seal

import (
	"errors"
	"strings"
	"testing"
)

func TestPassphrase(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "abc", "abc"},
		{"newline", "abc\n", "abc"},
		{"Windows newline", "abc\r\n", "abc"},
		{"one newline only", "abc\n\n", "abc\n"},
		{"carriage return alone", "abc\r", "abc\r"},
		{"spaces count", " abc ", " abc "},
		{"NFC", "e\u0301", "é"},
		{"NFC already", "é", "é"},
	} {
		got, err := normalise([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, c := range []struct {
		in   string
		want error
	}{
		{"", ErrEmptyPassphrase},
		{"\n", ErrEmptyPassphrase},
		{"\r\n", ErrEmptyPassphrase},
		{"abc\xff", ErrPassphraseText},
		{"\xc3\n", ErrPassphraseText},
	} {
		if k, err := FromPassphrase([]byte(c.in), testGroup, testRoom); k != nil || !errors.Is(err, c.want) {
			t.Errorf("%q: got %v, %v; want %v", c.in, k, err, c.want)
		}
	}
}

// What is typed in one way or another is one passphrase, and an other is another.
func TestPassphraseKeys(t *testing.T) {
	same, err := FromPassphrase([]byte(testPass+"\r\n"), testGroup, testRoom)
	if err != nil {
		t.Fatal(err)
	}
	if same.GroupID() != testKey().GroupID() {
		t.Error("a newline makes another group")
	}
	other, err := FromPassphrase([]byte(testPass+" "), testGroup, testRoom)
	if err != nil {
		t.Fatal(err)
	}
	if other.GroupID() == testKey().GroupID() || other.tag == testKey().tag {
		t.Error("another passphrase makes the same group")
	}
}

func TestWeak(t *testing.T) {
	for pass, want := range map[string]bool{
		"":                             true,
		"\xff":                         true,
		"elevenchars":                  true,
		"elevenchars\n":                true,
		"twelve chars":                 false,
		strings.Repeat("é", 11):        true,
		strings.Repeat("e\u0301", 11):  true,
		strings.Repeat("é", 12):        false,
		"correct horse battery staple": false,
	} {
		if Weak([]byte(pass)) != want {
			t.Errorf("Weak(%q) is %v", pass, !want)
		}
	}
}
