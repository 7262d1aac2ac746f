package store

import (
	"errors"
	"io/fs"

	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
)

// compare reads the first ends[i] bytes of each log into a union, and all of it if
// that is negative or ends is nil. It gives a report for each path, in order. A log
// that is shorter was cut; one that is not there lacks every turn, and its report
// has fs.ErrNotExist.
func compare(fsys FS, paths []string, ends []int64, u *union) []ReplicaReport {
	logs := make([]*logFile, len(paths))
	for i, path := range paths {
		end := int64(-1)
		if ends != nil {
			end = ends[i]
		}
		l := readLog(fsys, path, nil, end, u)
		l.Err = errors.Join(l.Err, l.wrong)
		if !l.exists {
			l.Err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		if size := l.good + int64(len(l.torn)); l.Err == nil && size < end {
			l.damage(size, l.lines+1, "the file was cut here")
		}
		logs[i] = l
	}
	reports := make([]ReplicaReport, len(logs))
	for i, missing := range u.missing(logs) {
		logs[i].Missing = len(missing)
		reports[i] = logs[i].ReplicaReport
	}
	return reports
}

// missing gives, for each log, the turns of the union that it lacks, in the
// order. Logs that have all cost nothing; for the others the sets are
// reconciled.
func (u *union) missing(logs []*logFile) [][]int32 {
	var all *reconcile.Slice
	out := make([][]int32, len(logs))
	for k, l := range logs {
		if len(l.order) == len(u.items) {
			continue // each turn of a log is in the union
		}
		if all == nil {
			all = reconcile.NewSlice(u.items)
		}
		items := make([]turn.Item, len(l.order))
		for j, i := range l.order {
			items[j] = u.items[i]
		}
		ids, _ := reconcile.Diff(all, reconcile.NewSlice(items))
		for _, id := range ids {
			out[k] = append(out[k], u.index[id])
		}
		u.ordered(out[k])
	}
	return out
}
