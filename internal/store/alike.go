package store

import (
	"bytes"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	// alikeChunk is how many bytes of each log are compared at a time. A line
	// fits in.
	alikeChunk = 256<<10 + maxLogLine

	// alikeWorkers bounds those that decode lines, and with it the memory: two
	// more chunks than workers.
	alikeWorkers = 4
)

// alike reads several logs, up to ends, which must be the same for all. It tells
// whether they are the same behind their headers, and have good lines only; if so,
// found has the number and the sum of the turns, each line counted. It needs the
// memory of some chunks however long the logs are, and finds out nothing: any
// doubt is a false.
func alike(fsys FS, paths []string, ends []int64, g turn.GroupID, verify func(turn.GroupID, []byte) (*turn.Signed, error)) (found state, ok bool) {
	var files []File
	defer func() {
		for _, f := range files {
			_ = f.Close() // it was only read
		}
	}()
	var begin int64
	for i, path := range paths {
		f, err := fsys.Open(path)
		if err != nil {
			return found, false
		}
		files = append(files, f)
		h := headerOf(f)
		begin = int64(len(h.append(nil)))
		if h.version != formatVersion || h.group != g || ends[i] != ends[0] || ends[i] < begin {
			return found, false
		}
	}

	chunk := min(alikeChunk, ends[0]-begin)
	workers := min(runtime.GOMAXPROCS(0), alikeWorkers)
	if ends[0]-begin == chunk {
		workers = 1
	}
	work, free := make(chan []byte), make(chan []byte, workers+1)
	for range cap(free) {
		free <- make([]byte, chunk)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards found
	var bad atomic.Bool
	for range workers {
		wg.Go(func() {
			u, d := &union{group: g, verify: verify, trust: true, ours: true}, &decoder{}
			var ids []turn.ID
			for b := range work {
				good := false
				if ids, good = d.idsOf(u, b, ids[:0]); !good {
					bad.Store(true)
				}
				mu.Lock()
				for _, id := range ids {
					found.count(id)
				}
				mu.Unlock()
				free <- b[:cap(b)]
			}
		})
	}
	for other := make([]byte, chunk); begin < ends[0] && !bad.Load(); {
		b := <-free
		b = b[:min(chunk, ends[0]-begin)]
		if !sameAt(files, begin, b, other) {
			bad.Store(true)
			break
		}
		n := bytes.LastIndexByte(b, '\n') + 1
		if n == 0 {
			bad.Store(true)
			break
		}
		begin += int64(n)
		work <- b[:n]
	}
	close(work)
	wg.Wait()
	return found, !bad.Load()
}

// sameAt fills b from an offset of the first file and tells whether the others
// have the same there. It reads those into other, which is as long as b at least.
func sameAt(files []File, offset int64, b, other []byte) bool {
	for i, f := range files {
		to := b
		if i > 0 {
			to = other[:len(b)]
		}
		if n, _ := f.ReadAt(to, offset); n < len(to) || !bytes.Equal(to, b) {
			return false
		}
	}
	return true
}

// idsOf appends the ids of the turns of lines, all of which end with a newline. It
// stops at the first that is not good. An empty line means nothing.
func (d *decoder) idsOf(u *union, lines []byte, ids []turn.ID) ([]turn.ID, bool) {
	for len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte{'\n'})
		lines = rest
		if len(line) == 0 {
			continue
		}
		if len(line) > maxLogLine {
			return ids, false
		}
		s, why := d.decode(u, line)
		if why != "" {
			return ids, false
		}
		ids = append(ids, s.ID())
	}
	return ids, true
}
