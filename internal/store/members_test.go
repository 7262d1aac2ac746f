package store_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/papo-chat/papo/internal/store"
)

func TestMembers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/replica_ana_0.log", "b/replica_ana_1.log", "a/replica_ana_2.log", "a/replica_a_b-12ab_0.log", "a/replica_bia_0.log.torn", "a/other.log", "replicas/replica_caio_1.log"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dirs []string
		want []store.Member
	}{
		{nil, []store.Member{{FileName: "caio", Replicas: 2}}},
		{[]string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}, []store.Member{{FileName: "a_b-12ab", Replicas: 1}, {FileName: "ana", Replicas: 3}}},
		{[]string{filepath.Join(dir, "none")}, nil},
	} {
		if got := store.Members(store.OS{}, dir, c.dirs); !slices.Equal(got, c.want) {
			t.Errorf("%q: got %v, want %v", c.dirs, got, c.want)
		}
	}
}
