package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

// Info is what the files of a directory say about themselves.
type Info struct {
	Group turn.GroupID
}

// Read reads the record of a data directory without its lock: for looking at it
// while a chat may go on. One replica is enough. Which group's record it is,
// the headers say: the group that most of them name, of those that any turn
// belongs to. Logs of other groups, as other members may have in replicaDirs,
// are in Restored.Replicas with ErrOtherGroup. A torn last line is not damage
// here: it may be in writing. Unsent lines are not read.
//
// The error matches ErrNoRecord if there is no log, or none that says what it
// is.
func Read(fsys FS, dir string, replicaDirs []string) (*Restored, Info, error) {
	dirs := []string{filepath.Join(dir, "replicas")}
	for _, d := range replicaDirs {
		dirs = append(dirs, filepath.Clean(d))
	}
	paths := findLogs(fsys, dirs)
	if len(paths) == 0 {
		return nil, Info{}, fmt.Errorf("%s: %w", dir, ErrNoRecord)
	}
	groups, err := findGroups(fsys, dir, paths)
	if len(groups) == 0 {
		return nil, Info{}, errors.Join(fmt.Errorf("%s: %w: no file says of which group it is", dir, ErrNoRecord), err)
	}
	var first *Restored
	for _, g := range groups {
		res := readAll(fsys, paths, g)
		if len(res.Turns) > 0 {
			return res, Info{Group: g}, nil
		}
		if first == nil {
			first = res
		}
	}
	return first, Info{Group: groups[0]}, nil
}

// readAll reads logs as those of a group.
func readAll(fsys FS, paths []string, g turn.GroupID) *Restored {
	u := newUnion(g, turn.Parse)
	u.keep = true
	reports := compare(fsys, paths, nil, u)
	res := &Restored{Turns: u.signed(u.all())}
	for _, r := range reports {
		res.Replicas = append(res.Replicas, ReplicaState{ReplicaReport: r})
	}
	return res
}

// findGroups gives the groups that logs and unsent.log name, those first that
// most logs name. The error says why a log could not be read.
func findGroups(fsys FS, dir string, paths []string) ([]turn.GroupID, error) {
	votes := map[turn.GroupID]int{}
	var errs []error
	for _, path := range paths {
		h, err := readHeader(fsys, path)
		if err != nil {
			errs = append(errs, err)
		}
		if h.version == formatVersion {
			votes[h.group]++
		}
	}
	if l, err := readUnsent(fsys, dir); err == nil && l.group != nil {
		votes[*l.group] += 0 // known, if no log knows
	}
	groups := make([]turn.GroupID, 0, len(votes))
	for g := range votes {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b turn.GroupID) int {
		return cmp.Or(cmp.Compare(votes[b], votes[a]), slices.Compare(a[:], b[:]))
	})
	return groups, errors.Join(errs...)
}

// readHeader reads the first line only. A header that is missing or damaged is
// the zero value.
func readHeader(fsys FS, path string) (header, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return header{}, err
	}
	defer f.Close() // it was only read: nothing can be lost
	return headerOf(f), nil
}

// headerOf reads the header of an open log. The zero value: it is empty or
// damaged, or told when it is read whole.
func headerOf(f io.ReaderAt) header {
	buf := make([]byte, 256) // more than a header has
	n, err := f.ReadAt(buf, 0)
	line, _, ended := bytes.Cut(buf[:n], []byte("\n"))
	if !ended && !errors.Is(err, io.EOF) {
		return header{}
	}
	h, _ := parseHeader(line)
	return h
}
