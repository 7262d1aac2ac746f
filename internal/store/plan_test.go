package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// A page begins in the index of the order where the last one ended, and nothing is
// sorted: going through a record costs what it is long, however many pages it takes.
func TestPagesGoAlongTheIndex(t *testing.T) {
	c, err := openCheckpoint(filepath.Join(t.TempDir(), "checkpoint.db"), turn.GroupID{}, turn.Parse, true)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	at, now := &turn.Item{Stamp: 5}, time.Now()
	for _, tt := range []struct {
		f     Filter
		bound string
	}{
		{Filter{After: at}, "(stamp,id)>(?,?)"}, {Filter{From: at}, "(stamp,id)>(?,?)"}, {Filter{Before: at}, "(stamp,id)<(?,?)"},
		{Filter{After: at, Since: now, Until: now}, "(stamp,id)>(?,?)"}, {Filter{Before: at, Since: now}, "(stamp,id)<(?,?)"},
		{Filter{After: at, Peers: []Peer{{Name: "ana"}}}, "(stamp,id)>(?,?)"},
	} {
		for _, direction := range []string{"", " DESC"} {
			from, where, args, err := tt.f.where(9, nil)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := c.db.Query("EXPLAIN QUERY PLAN SELECT turns.id, turns.signed FROM "+from+" WHERE "+where+
				" ORDER BY turns.stamp"+direction+", turns.id"+direction+" LIMIT 5", args...)
			if err != nil {
				t.Fatal(err)
			}
			plan := ""
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					t.Fatal(err)
				}
				plan += detail + "\n"
			}
			rows.Close()
			if !strings.Contains(plan, "turns_order") || !strings.Contains(plan, tt.bound) || strings.Contains(plan, "TEMP B-TREE FOR ORDER") {
				t.Errorf("%s%s:\n%s", where, direction, plan)
			}
		}
	}
}
