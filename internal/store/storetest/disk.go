// Package storetest is a file system in memory that fails as disks do, for the
// tests and simulations of what writes the record.
//
// Any operation can be made to fail, or to be the last one of the process. A
// crash is a clone: Crash is what the next process finds after a kill, PowerCut
// what it may find after the power was cut.
package storetest

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"github.com/papo-chat/papo/internal/store"
)

// Kind names an operation.
type Kind string

// The operations that can fail.
const (
	OpOpen     Kind = "open"
	OpRead     Kind = "read"
	OpAppend   Kind = "append" // opening for it
	OpCreate   Kind = "create"
	OpWrite    Kind = "write"
	OpSync     Kind = "sync"
	OpClose    Kind = "close"
	OpTruncate Kind = "truncate"
	OpSize     Kind = "size"
	OpRename   Kind = "rename"
	OpRemove   Kind = "remove"
	OpMkdir    Kind = "mkdir"
	OpReadDir  Kind = "readdir"
	OpSyncDir  Kind = "syncdir"
	OpLock     Kind = "lock"
)

// Op is one operation that is about to be done.
type Op struct {
	N    int // counts from 1
	Kind Kind
	Path string
	Size int // of a write
}

// Fault is what an operation shall suffer. The zero value: nothing.
type Fault struct {
	Err  error // the operation fails with it
	Torn int   // write: so many bytes get there before it fails
	Kill bool  // the process ends in this operation, and Err need not be set
	Lies bool  // sync: it says that it worked, and nothing is durable that was not
}

// ErrKilled is what all operations of a process say that was ended.
var ErrKilled = errors.New("the process was killed")

// Disk is a file system in memory. It has no folders of its own: a folder is
// there once MkdirAll made it, and that is durable. Its methods may be called
// from any goroutine; Fault is called with a lock held.
type Disk struct {
	// Fault, if not nil, decides about each operation. It must be set while no
	// operation is under way.
	Fault func(Op) Fault

	// Forgets makes what a failed Sync gave up read as NULs at once; else it
	// stays readable until the power is cut. Systems differ in that.
	Forgets bool

	mu     sync.Mutex
	ops    int
	killed bool
	lies   bool // of the operation that was begun last
	dirs   map[string]bool
	names  map[string]*inode // what running programs see
	synced map[string]*inode // what a power cut leaves at least
	log    []change          // what made names of synced, in order
	locks  map[string]bool
}

// change is one change of names, which a power cut leaves whole or not at all.
type change struct {
	dir    string
	remove string // a path, or empty
	add    string // a path, or empty
	inode  *inode // what add is
}

func (c change) apply(names map[string]*inode) {
	delete(names, c.remove)
	if c.add != "" {
		names[c.add] = c.inode
	}
}

// change changes names. Its caller holds the lock.
func (d *Disk) change(c change) {
	c.dir = filepath.Dir(cmp.Or(c.add, c.remove))
	c.apply(d.names)
	d.log = append(d.log, c)
}

// New makes an empty disk.
func New() *Disk {
	return &Disk{
		dirs:   map[string]bool{},
		names:  map[string]*inode{},
		synced: map[string]*inode{},
		locks:  map[string]bool{},
	}
}

// Ops is how many operations were done or begun.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// Killed tells that a Fault ended the process.
func (d *Disk) Killed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.killed
}

// Get gives the content of a file as programs see it, and whether it is there.
func (d *Disk) Get(path string) ([]byte, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.names[path]
	if n == nil {
		return nil, false
	}
	return slices.Clone(n.data), true
}

// Put sets a file's content, durably.
func (d *Disk) Put(path string, data []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirs[filepath.Dir(path)] = true
	n := &inode{data: slices.Clone(data), durable: slices.Clone(data)}
	d.changeDurably(change{add: path, inode: n})
}

// Rot flips a bit of a file where it lies, as a disk does: who has the file open reads
// it too. It does nothing if the file is not so long.
func (d *Disk) Rot(path string, offset int, bit uint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.names[path]; n != nil {
		if offset < len(n.data) {
			n.data[offset] ^= 1 << (bit % 8)
		}
		if offset < len(n.durable) && (offset >= len(n.data) || &n.durable[offset] != &n.data[offset]) { // else they share it
			n.durable[offset] ^= 1 << (bit % 8)
		}
	}
}

// Delete takes a file away, durably.
func (d *Disk) Delete(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changeDurably(change{remove: path})
}

func (d *Disk) changeDurably(c change) {
	d.syncNames(filepath.Dir(cmp.Or(c.add, c.remove)))
	c.apply(d.names)
	c.apply(d.synced)
}

// Files gives the paths of all files, sorted.
func (d *Disk) Files() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.names))
}

// Crash is the disk that the next process finds after this one was killed: all
// that was written, no lock, no fault.
func (d *Disk) Crash() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := New()
	maps.Copy(c.dirs, d.dirs)
	copies := map[*inode]*inode{}
	clone := func(n *inode) *inode {
		if copies[n] == nil {
			copies[n] = &inode{slices.Clone(n.data), slices.Clone(n.durable), slices.Clone(n.lost)}
		}
		return copies[n]
	}
	for path, n := range d.names {
		c.names[path] = clone(n)
	}
	for path, n := range d.synced {
		c.synced[path] = clone(n)
	}
	for _, ch := range d.log {
		if ch.inode != nil {
			ch.inode = clone(ch.inode)
		}
		c.log = append(c.log, ch)
	}
	return c
}

// PowerCut is a disk that may be found after the power was cut: all that was
// synced, and of the rest what rnd chooses. Of the changes of names in a folder
// the first ones are there, as file systems with a journal have it; the content
// of a file may be the durable one or the new one up to any byte, and what was
// added may be NULs, at its end or in its middle.
func (d *Disk) PowerCut(rnd *rand.Rand) *Disk {
	c := d.Crash()
	names := c.synced
	left := map[string]int{} // how many changes a folder keeps
	for _, ch := range c.log {
		if _, ok := left[ch.dir]; !ok {
			left[ch.dir] = rnd.IntN(len(c.log) + 1)
		}
		if left[ch.dir]--; left[ch.dir] >= 0 {
			ch.apply(names)
		}
	}
	done := map[*inode]bool{}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		if n := names[path]; !done[n] {
			n.cutPower(rnd)
			done[n] = true
		}
	}
	c.names, c.synced, c.log = names, maps.Clone(names), nil
	return c
}

// begin counts an operation and asks what shall become of it. Its caller holds
// the lock.
func (d *Disk) begin(kind Kind, path string, size int) (torn int, err error) {
	if d.killed {
		return 0, pathError(kind, path, ErrKilled)
	}
	d.ops++
	if d.Fault == nil {
		return 0, nil
	}
	fault := d.Fault(Op{N: d.ops, Kind: kind, Path: path, Size: size})
	d.lies = fault.Lies
	if fault.Kill {
		d.killed, fault.Err = true, ErrKilled
	}
	if fault.Err == nil {
		return 0, nil
	}
	return min(fault.Torn, size), pathError(kind, path, fault.Err)
}

func pathError(kind Kind, path string, err error) error {
	return &fs.PathError{Op: string(kind), Path: path, Err: err}
}

// find gives a file that must be there. Its caller holds the lock.
func (d *Disk) find(kind Kind, path string) (*inode, error) {
	if _, err := d.begin(kind, path, 0); err != nil {
		return nil, err
	}
	n := d.names[path]
	if n == nil {
		return nil, pathError(kind, path, fs.ErrNotExist)
	}
	return n, nil
}

// Open implements store.FS.
func (d *Disk) Open(path string) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(OpOpen, path)
	if err != nil {
		return nil, err
	}
	return &file{disk: d, path: path, inode: n}, nil
}

// Append implements store.FS.
func (d *Disk) Append(path string) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.write(OpAppend, path)
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Create implements store.FS.
func (d *Disk) Create(path string) (store.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.write(OpCreate, path)
	if err != nil {
		return nil, err
	}
	f.inode.cut(0)
	return f, nil
}

func (d *Disk) write(kind Kind, path string) (*file, error) {
	if _, err := d.begin(kind, path, 0); err != nil {
		return nil, err
	}
	if !d.dirs[filepath.Dir(path)] {
		return nil, pathError(kind, path, fs.ErrNotExist)
	}
	if d.names[path] == nil {
		d.change(change{add: path, inode: &inode{}})
	}
	return &file{disk: d, path: path, inode: d.names[path]}, nil
}

// Truncate implements store.FS.
func (d *Disk) Truncate(path string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(OpTruncate, path)
	if err != nil {
		return err
	}
	if size > int64(len(n.data)) {
		return pathError(OpTruncate, path, fs.ErrInvalid)
	}
	n.cut(int(size))
	return nil
}

// Size implements store.FS.
func (d *Disk) Size(path string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(OpSize, path)
	if err != nil {
		return 0, err
	}
	return int64(len(n.data)), nil
}

// Rename implements store.FS.
func (d *Disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(OpRename, from)
	if err != nil {
		return err
	}
	d.change(change{remove: from, add: to, inode: n})
	return nil
}

// Remove implements store.FS.
func (d *Disk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.find(OpRemove, path); err != nil {
		return err
	}
	d.change(change{remove: path})
	return nil
}

// MkdirAll implements store.FS.
func (d *Disk) MkdirAll(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(OpMkdir, dir, 0); err != nil {
		return err
	}
	for ; !d.dirs[dir]; dir = filepath.Dir(dir) {
		d.dirs[dir] = true
	}
	return nil
}

// ReadDir implements store.FS.
func (d *Disk) ReadDir(dir string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(OpReadDir, dir, 0); err != nil {
		return nil, err
	}
	if !d.dirs[dir] {
		return nil, pathError(OpReadDir, dir, fs.ErrNotExist)
	}
	var names []string
	for path := range d.names {
		if filepath.Dir(path) == dir {
			names = append(names, filepath.Base(path))
		}
	}
	slices.Sort(names)
	return names, nil
}

// SyncDir implements store.FS.
func (d *Disk) SyncDir(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(OpSyncDir, dir, 0); err != nil {
		return err
	}
	d.syncNames(dir)
	return nil
}

func (d *Disk) syncNames(dir string) {
	d.log = slices.DeleteFunc(d.log, func(c change) bool {
		if c.dir == dir {
			c.apply(d.synced)
		}
		return c.dir == dir
	})
}

// Lock implements store.FS.
func (d *Disk) Lock(path string) (io.Closer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.begin(OpLock, path, 0); err != nil {
		return nil, err
	}
	if d.locks[path] {
		return nil, pathError(OpLock, path, store.ErrLocked)
	}
	d.locks[path] = true
	return &lock{d, path}, nil
}

type lock struct {
	disk *Disk
	path string
}

func (l *lock) Close() error {
	l.disk.mu.Lock()
	defer l.disk.mu.Unlock()
	delete(l.disk.locks, l.path)
	return nil
}
