package seal

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// IdentityFile is the name of the file, in the data directory, that keeps the
// identity. It is one line of text:
//
//	papo-identity 1|seed|crc
//
// The seed is the 32 secret bytes of RFC 8032 as 64 hex digits, the crc the
// CRC-32C of all that stands before the last bar, as 8 hex digits.
const IdentityFile = "identity.key"

const (
	identityMagic   = "papo-identity "
	identityVersion = 1
	identityMax     = 4096 // no version will be longer
)

// Why an identity file is not used. It is left as it is: a new identity is
// never made in its place.
var (
	ErrIdentityDamaged = errors.New("the identity file is damaged")
	ErrIdentityNewer   = errors.New("the identity file was written by a newer papo")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// LoadIdentity reads the identity kept in the data directory. Exposed tells
// that other users of the machine can read the file, or write it, so that its
// owner should be warned (never on Windows, where permissions do not say). The
// error wraps ErrIdentityDamaged, ErrIdentityNewer or the system's;
// fs.ErrNotExist if there is none.
func LoadIdentity(dir string) (id *Identity, exposed bool, err error) {
	path := filepath.Join(dir, IdentityFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("cannot read the identity key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, fmt.Errorf("cannot read the identity key: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, identityMax+1))
	if err != nil {
		return nil, false, fmt.Errorf("cannot read the identity key: %w", err)
	}
	id, err = parseIdentity(b)
	switch {
	case errors.Is(err, ErrIdentityNewer):
		return nil, false, fmt.Errorf("%s: %w: update papo, or use another data directory", path, err)
	case err != nil:
		return nil, false, fmt.Errorf("%s: %w: put it back from a copy; or move it away to go on under a new key, "+
			"of which the others will be warned", path, err)
	}
	return id, runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0, nil
}

// LoadOrCreateIdentity reads the identity kept in the data directory, as
// LoadIdentity does. Only if there is no such file does it make an identity
// from rand and keep it: when it returns, a crash cannot lose it. The caller
// holds the lock of the directory, which exists.
func LoadOrCreateIdentity(dir string, rand io.Reader) (id *Identity, exposed bool, err error) {
	id, exposed, err = LoadIdentity(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return id, exposed, err
	}
	id, err = newIdentity(rand)
	if err != nil {
		return nil, false, err
	}
	if err := id.save(dir); err != nil {
		return nil, false, fmt.Errorf("cannot keep the new identity key: %w", err)
	}
	return id, false, nil
}

// save writes the file so that a crash leaves all of it or none.
func (id *Identity) save(dir string) (err error) {
	path := filepath.Join(dir, IdentityFile)
	temp := path + ".new"
	// One that a crash left behind may have other permissions.
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp)
		}
	}()
	_, err = f.Write(formatIdentity(id.private.Seed()))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename in dir last. Windows cannot, and need not.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func formatIdentity(seed []byte) []byte {
	b := fmt.Appendf(nil, "%s%d|%x", identityMagic, identityVersion, seed)
	return fmt.Appendf(b, "|%08x\n", crc32.Checksum(b, castagnoli))
}

func parseIdentity(b []byte) (*Identity, error) {
	rest, ok := bytes.CutPrefix(b, []byte(identityMagic))
	if !ok {
		return nil, ErrIdentityDamaged
	}
	version, rest, ok := bytes.Cut(rest, []byte("|"))
	if !ok {
		return nil, ErrIdentityDamaged
	}
	if n, err := strconv.ParseUint(string(version), 10, 16); err == nil && n > identityVersion {
		return nil, ErrIdentityNewer
	}
	digits, _, _ := bytes.Cut(rest, []byte("|"))
	seed, err := hex.DecodeString(string(digits))
	if err != nil || len(seed) != ed25519.SeedSize || !bytes.Equal(b, formatIdentity(seed)) {
		return nil, ErrIdentityDamaged
	}
	return identityOf(seed), nil
}
