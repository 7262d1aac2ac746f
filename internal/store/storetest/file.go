package storetest

import (
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
)

// inode is one file.
type inode struct {
	data    []byte   // is only appended to, but where a sync gave something up: see lost
	durable []byte   // the first part of data's own memory, as long as nothing was given up
	lost    [][2]int // ranges of data that a failed sync gave up
}

func (n *inode) cutPower(rnd *rand.Rand) {
	n.giveUpLost()
	common := 0
	for common < min(len(n.data), len(n.durable)) && n.data[common] == n.durable[common] {
		common++
	}
	data := n.durable
	if rnd.IntN(3) > 0 {
		end := common + rnd.IntN(len(n.data)-common+1)
		data = n.data[:end]
		if rnd.IntN(3) == 0 {
			clear(data[common+rnd.IntN(end-common+1):])
		} else if rnd.IntN(3) == 0 {
			from := common + rnd.IntN(end-common+1)
			clear(data[from : from+rnd.IntN(end-from+1)])
		}
	}
	n.data, n.durable, n.lost = data, slices.Clone(data), nil
}

// cut shortens the file. What is written there anew a sync gave up nothing of.
func (n *inode) cut(size int) {
	n.data = slices.Clone(n.data[:size])
	for i := range n.lost {
		n.lost[i] = [2]int{min(n.lost[i][0], size), min(n.lost[i][1], size)}
	}
}

func (n *inode) giveUpLost() {
	for _, r := range n.lost {
		clear(n.data[min(r[0], len(n.data)):min(r[1], len(n.data))])
	}
}

// file is an open file.
type file struct {
	disk   *Disk
	path   string
	inode  *inode
	place  int // of reading
	closed bool
}

func (f *file) begin(kind Kind, size int) (torn int, err error) {
	if f.closed {
		return 0, pathError(kind, f.path, fs.ErrClosed)
	}
	return f.disk.begin(kind, f.path, size)
}

// Read implements io.Reader.
func (f *file) Read(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if _, err := f.begin(OpRead, 0); err != nil {
		return 0, err
	}
	if f.place >= len(f.inode.data) {
		return 0, io.EOF
	}
	n := copy(b, f.inode.data[f.place:])
	f.place += n
	return n, nil
}

// ReadAt implements io.ReaderAt. It counts as a read.
func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if _, err := f.begin(OpRead, 0); err != nil {
		return 0, err
	}
	n := 0
	if offset < int64(len(f.inode.data)) {
		n = copy(b, f.inode.data[offset:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// Write implements io.Writer.
func (f *file) Write(b []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	torn, err := f.begin(OpWrite, len(b))
	if err != nil {
		f.inode.data = append(f.inode.data, b[:torn]...)
		return torn, err
	}
	f.inode.data = append(f.inode.data, b...)
	return len(b), nil
}

// Sync implements store.File. As on Linux, the one after a failed one succeeds
// without what that gave up. The end of the process makes it give up nothing.
func (f *file) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := f.inode
	if _, err := f.begin(OpSync, 0); err != nil {
		if f.disk.killed {
			return err
		}
		n.lost = append(n.lost, [2]int{min(len(n.durable), len(n.data)), len(n.data)})
		if f.disk.Forgets {
			n.giveUpLost()
		}
		return err
	}
	if f.disk.lies {
		return nil
	}
	if len(n.lost) == 0 {
		n.durable = slices.Clip(n.data)
		return nil
	}
	c := inode{data: slices.Clone(n.data), lost: n.lost}
	c.giveUpLost()
	n.durable = c.data
	return nil
}

// Close implements io.Closer.
func (f *file) Close() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	_, err := f.begin(OpClose, 0)
	f.closed = true
	return err
}
