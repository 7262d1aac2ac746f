package e2e

import (
	"slices"
	"testing"
)

func TestSchedule(t *testing.T) {
	had := map[kind]int{}
	members := map[int]bool{}
	for seed := range uint64(300) {
		s := newSchedule(seed)
		if again := newSchedule(seed); s.String() != again.String() {
			t.Fatalf("the same seed gave\n%s\nand\n%s", s, again)
		}
		members[s.members] = true
		network, ofMember := 0, 0
		for i, u := range s.troubles {
			had[u.kind]++
			if slices.Contains(ofMembers, u.kind) {
				ofMember++
			} else {
				network++
			}
			if u.from < 0 || u.to < u.from || u.to > troubleTime || u.member >= s.members {
				t.Errorf("seed %d: %s", seed, u)
			}
			if slices.Contains(ofTheNetwork, u.kind) != (len(u.links) > 0) || u.kind == filling != (u.disks > 0) {
				t.Errorf("seed %d: this concerns nobody: %s", seed, u)
			}
			if u.kind == stopping && u.to-u.from <= lease {
				t.Errorf("seed %d: stopped for no longer than a lease: %s", seed, u)
			}
			if u.kind == parted && len(u.links) == s.members*(s.members-1) && s.members > 2 {
				t.Errorf("seed %d: a partition has two sides: %s", seed, u)
			}
			for _, v := range s.troubles[:i] {
				if u.disturbs(v) {
					t.Errorf("seed %d: %s\n  while %s", seed, u, v)
				}
			}
		}
		if network < 2 || ofMember < 1 {
			t.Errorf("seed %d has too little trouble\n%s", seed, s)
		}
		open := map[int]bool{}
		for _, step := range s.steps() {
			if open[step.trouble] == step.begins {
				t.Errorf("seed %d: trouble %d begins twice, or ends first", seed, step.trouble)
			}
			open[step.trouble] = step.begins
		}
		for i, still := range open {
			if still {
				t.Errorf("seed %d: trouble %d never ends", seed, i)
			}
		}
	}
	if len(members) != 3 {
		t.Errorf("from 3 to 5 members, but there were %v", members)
	}
	for _, k := range slices.Concat(ofTheNetwork, ofMembers) {
		if had[k] < 100 {
			t.Errorf("in 300 seeds there is %q %d times", k, had[k])
		}
	}
}

// TestScheduleOfUsualRuns keeps the few runs that are made each time from losing a
// kind of trouble when schedules change.
func TestScheduleOfUsualRuns(t *testing.T) {
	had := map[kind]bool{}
	held, allDisks := map[kind]bool{}, false
	for i := range uint64(usualRuns) {
		for _, u := range newSchedule(usualSeed + i).troubles {
			had[u.kind] = true
			held[u.kind] = held[u.kind] || u.held
			allDisks = allDisks || u.disks == disksOfEach
		}
	}
	for _, k := range slices.Concat(ofTheNetwork, ofMembers) {
		if !had[k] {
			t.Errorf("the usual runs have nothing of this kind: %s", k)
		}
	}
	if !held[killing] || !held[stopping] || !allDisks {
		t.Errorf("in the usual runs a member is killed on the floor: %v, stopped there: %v, has no room at all: %v", held[killing], held[stopping], allDisks)
	}
}
