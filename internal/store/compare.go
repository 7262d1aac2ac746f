package store

import (
	"errors"
	"io/fs"

	"github.com/papo-chat/papo/internal/reconcile"
	"github.com/papo-chat/papo/internal/turn"
)

// Compare reads logs of one group from disk and compares them. It gives a
// report for each path, in order, and the number of turns of them all. A log
// that is not there lacks every turn, and its report has fs.ErrNotExist. It is
// for logs that nobody writes: see Store.Compare.
func Compare(fsys FS, paths []string, group turn.GroupID) ([]ReplicaReport, int) {
	u := newUnion(group, turn.Parse)
	return compare(fsys, paths, nil, u), len(u.turns)
}

// compare is Compare for the first ends[i] bytes of each log, and for all of it
// if that is negative or ends is nil. A log that is shorter was cut.
func compare(fsys FS, paths []string, ends []int64, u *union) []ReplicaReport {
	logs := make([]*logFile, len(paths))
	for i, path := range paths {
		end := int64(-1)
		if ends != nil {
			end = ends[i]
		}
		l, err := readLog(fsys, path, end, u)
		l.Err = errors.Join(l.Err, err)
		if !l.exists {
			l.Err = &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		if size := l.good + int64(len(l.torn)); l.Err == nil && size < end {
			l.damage(size, l.lines+1, "the file was cut here")
		}
		logs[i] = l
	}

	all := make([]turn.Item, 0, len(u.turns))
	for _, m := range u.turns {
		all = append(all, m.Item())
	}
	set := reconcile.NewSlice(all)
	reports := make([]ReplicaReport, len(logs))
	for i, l := range logs {
		missing, _ := reconcile.Diff(set, reconcile.NewSlice(l.items))
		l.Missing = len(missing)
		reports[i] = l.ReplicaReport
	}
	return reports
}

// compareTries bounds how often a comparison begins anew because a log was
// replaced meanwhile.
const compareTries = 3

// Compare reads the replicas from disk again and compares them, up to where
// they were written when it began: Append goes on meanwhile and makes no
// difference. It finds a log that was cut between two lines, with one replica
// too. Damage is found by the checksums; signatures were verified at the start
// and before Append.
func (s *Store) Compare() ([]ReplicaReport, int) {
	for try := 1; ; try++ {
		paths, ends, epochs := s.ends()
		u := newUnion(s.o.Group, s.o.Parse)
		u.trust = true
		reports := compare(s.o.FS, paths, ends, u)
		_, _, now := s.ends()
		same := true
		for i := range now {
			same = same && now[i] == epochs[i]
		}
		if same || try == compareTries {
			s.addErrors(reports)
			return reports, len(u.turns)
		}
	}
}

// ends gives the replicas' paths, how far each is written, and which file it
// is. All are of one moment between two Appends.
func (s *Store) ends() (paths []string, ends []int64, epochs []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.replicas {
		end := r.log.end
		if r.broken {
			end = -1
		}
		paths, ends, epochs = append(paths, r.path), append(ends, end), append(epochs, r.epoch)
	}
	return paths, ends, epochs
}

// addErrors tells of replicas that take no turns.
func (s *Store) addErrors(reports []ReplicaReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.replicas {
		if r.broken {
			reports[i].Err = errors.Join(r.retry.err, reports[i].Err)
		}
	}
}
