package store

import (
	"errors"
	"io"
)

// FS is the part of a file system that the store needs. It is small so that a
// test can stand in for it and make any operation fail: see storetest.
//
// Errors for a file or folder that is not there match fs.ErrNotExist.
type FS interface {
	// Open opens a file for reading.
	Open(path string) (File, error)

	// Append opens a file for writing at its end, wherever that is at each
	// write, and makes the file if it is not there.
	Append(path string) (File, error)

	// Create is Append on a file that is made, or emptied.
	Create(path string) (File, error)

	// Truncate cuts a file to a size that it has at least.
	Truncate(path string, size int64) error

	// Size gives the bytes of a file.
	Size(path string) (int64, error)

	// Rename moves a file, in one step, over one that may be there.
	Rename(from, to string) error

	// Remove removes a file.
	Remove(path string) error

	// MkdirAll makes a folder and those above it, for its owner alone.
	MkdirAll(dir string) error

	// ReadDir gives the names of what is in a folder, sorted.
	ReadDir(dir string) ([]string, error)

	// SyncDir makes durable which files a folder has.
	SyncDir(dir string) error

	// Lock takes an exclusive lock of the system, which ends with the process
	// at the latest. It does not wait: a lock that another holder has is
	// ErrLocked. A file system without locks says errors.ErrUnsupported.
	Lock(path string) (io.Closer, error)
}

// File is an open file. Write and Sync may be called at the same time. ReadAt
// is for files that Open gave.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer

	// Sync makes durable what was written. After an error nobody knows what
	// of it is on the disk, and a second Sync may wrongly succeed: the file
	// must be closed and written anew.
	Sync() error
}

// ErrLocked is what FS.Lock says when somebody else holds the lock.
var ErrLocked = errors.New("locked by another program")
