package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestIdentityFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, IdentityFile)
	if _, _, err := LoadIdentity(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	// One that a crash left half written is in nobody's way.
	if err := os.WriteFile(path+".new", []byte("papo-id"), 0o644); err != nil {
		t.Fatal(err)
	}
	made, exposed, err := LoadOrCreateIdentity(dir, rand.Reader)
	if err != nil || exposed {
		t.Fatalf("made: exposed %v, %v", exposed, err)
	}
	for range 2 {
		got, exposed, err := LoadOrCreateIdentity(dir, rand.Reader)
		if err != nil || exposed || got.Key() != made.Key() || !got.Private().Equal(made.Private()) {
			t.Fatalf("loaded: exposed %v, %v, the same key %v", exposed, err, got.Key() == made.Key())
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left in the directory: %v, %v", files, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("permissions %v, %v", info.Mode(), err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o610, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, exposed, err := LoadIdentity(dir); err != nil || !exposed {
			t.Errorf("permissions %v: exposed %v, %v", mode, exposed, err)
		}
	}
}

// Whatever is wrong with the file, it stays, and no identity takes its place.
func TestIdentityFileDamaged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, IdentityFile)
	seed := bytes.Repeat([]byte{0xa5}, ed25519.SeedSize)
	good := formatIdentity(seed)
	refused := func(name string, content []byte, want error) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		id, _, err := LoadOrCreateIdentity(dir, rand.Reader)
		if id != nil || err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %q gives %v; want %v", name, content, err, want)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
		after, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(after, content) {
			t.Errorf("%s: the file is now %q, %v", name, after, err)
		}
	}
	refused("empty", nil, ErrIdentityDamaged)
	for n := range good {
		refused("cut", good[:n], ErrIdentityDamaged)
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			refused("flipped bit", bad, nil)
		}
	}
	refused("twice", append(bytes.Clone(good), good...), ErrIdentityDamaged)
	refused("long", append(bytes.Clone(good), make([]byte, 1<<20)...), ErrIdentityDamaged)
	refused("newer", []byte("papo-identity 2|what|ever\n"), ErrIdentityNewer)
	refused("much newer", []byte("papo-identity 65535|"), ErrIdentityNewer)
	refused("no version", []byte("papo-identity x|what|ever\n"), ErrIdentityDamaged)
	refused("version 0", []byte("papo-identity 0|what|ever\n"), ErrIdentityDamaged)
	refused("upper case", bytes.ToUpper(good), ErrIdentityDamaged)

	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	id, _, err := LoadIdentity(dir)
	if err != nil || !bytes.Equal(id.Private().Seed(), seed) {
		t.Errorf("the good file: %v", err)
	}
}

func TestIdentityErrors(t *testing.T) {
	if _, _, err := LoadOrCreateIdentity(filepath.Join(t.TempDir(), "nowhere"), rand.Reader); err == nil {
		t.Error("an identity is kept in no directory")
	}
	dir := t.TempDir()
	if _, _, err := LoadOrCreateIdentity(dir, bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("an identity is made of 31 random bytes")
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left in the directory: %v", files)
	}
	if err := os.Mkdir(filepath.Join(dir, IdentityFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadOrCreateIdentity(dir, rand.Reader); err == nil {
		t.Error("a directory is taken for the file")
	}
}

func TestHello(t *testing.T) {
	id, err := newIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := newIdentity(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	group := [32]byte{1}
	signature := SignHello(id.Private(), group, 7, "brenda")
	if !VerifyHello(id.Key(), group, 7, "brenda", signature) {
		t.Fatal("a true hello is refused")
	}
	bad := signature
	bad[5] ^= 1
	for name, ok := range map[string]bool{
		"key":         VerifyHello(other.Key(), group, 7, "brenda", signature),
		"group":       VerifyHello(id.Key(), [32]byte{2}, 7, "brenda", signature),
		"incarnation": VerifyHello(id.Key(), group, 8, "brenda", signature),
		"name":        VerifyHello(id.Key(), group, 7, "brend", signature),
		"signature":   VerifyHello(id.Key(), group, 7, "brenda", bad),
	} {
		if ok {
			t.Errorf("a hello with another %s is believed", name)
		}
	}
}
