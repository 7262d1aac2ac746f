package store_test

import (
	"testing"

	"github.com/papo-chat/papo/internal/store"
)

// A page that the disk does not give is no proof of damage; one that cannot be right is.
func TestUnreadIsNotDamaged(t *testing.T) {
	for word, want := range map[string]bool{
		"ok": false,
		"*** in database main ***\nTree 10 page 10: unable to get the page. error code=8458": true,
		"*** in database main ***\nTree 10 page 10: unable to get the page. error code=266":  true,
		"*** in database main ***\nTree 2 page 7: unable to get the page. error code=11":     false,
		"*** in database main ***\nTree 2 page 7: btreeInitPage() returns error code 11":     false,
		"row 3 missing from index turns_order":                                               false,
	} {
		if got := store.Unread(word); got != want {
			t.Errorf("%q: %v", word, got)
		}
	}
}
