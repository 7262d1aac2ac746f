package store

import (
	"cmp"
	"path/filepath"
	"slices"
)

// Member is one whose logs are in a directory.
type Member struct {
	FileName string // its name as turn.FoldName gives it
	Replicas int    // what Options.Replicas must be for all of its logs to be written
}

// Members tells whose logs a data directory has, or, if there are any, the
// directories of replicas; sorted by name. It looks at the names of files only.
func Members(fsys FS, dir string, replicaDirs []string) []Member {
	o := Options{Dir: dir, ReplicaDirs: replicaDirs}
	var ms []Member
	for _, path := range findLogs(fsys, o.dirs()) {
		name := memberOf(path)[len(logPrefix):]
		number := int(filepath.Base(path)[len(logPrefix)+len(name)+1] - '0')
		i := slices.IndexFunc(ms, func(m Member) bool { return m.FileName == name })
		if i < 0 {
			i, ms = len(ms), append(ms, Member{FileName: name})
		}
		ms[i].Replicas = max(ms[i].Replicas, number+1)
	}
	slices.SortFunc(ms, func(a, b Member) int { return cmp.Compare(a.FileName, b.FileName) })
	return ms
}
