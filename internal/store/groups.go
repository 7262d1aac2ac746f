package store

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"

	"github.com/papo-chat/papo/internal/turn"
)

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
