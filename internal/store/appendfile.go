package store

import "io"

// appendFile writes whole batches of lines at the end of a file. After a batch
// that failed, the file is as before it, or the next batch makes it so, or
// begins with a newline, so that what is torn spoils nothing else.
type appendFile struct {
	fs   FS
	path string
	f    File

	end  int64 // where the last good line ends
	open bool  // no newline stands before end, though bytes do
	junk bool  // behind end stands what a failed batch left
}

// UncertainError says that an append failed, and that whole lines of it may be in the
// file all the same: it could not be cut back.
type UncertainError struct{ Err error }

func (e *UncertainError) Error() string { return e.Err.Error() }

func (e *UncertainError) Unwrap() error { return e.Err }

// Uncertain tells that turns of the append may come back at a start.
func (e *UncertainError) Uncertain() bool { return true }

// append writes b, which ends with a newline, with one call. After an error b
// is not to be relied on: what of it is in the file is cut off now or later,
// but whole lines of it survive if the file cannot be cut either: then the error is
// an UncertainError.
func (a *appendFile) append(b []byte) error {
	a.cut()
	if a.open || a.junk {
		b = append([]byte{'\n'}, b...)
	}
	n, err := a.f.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	end := a.end + int64(n)
	if err == nil && a.junk {
		end, err = a.fs.Size(a.path)
	}
	if err != nil {
		a.junk = true
		if a.cut(); a.junk {
			return &UncertainError{err}
		}
		return err
	}
	a.end, a.open, a.junk = end, false, false
	return nil
}

// cut takes away what a failed batch left, if it can.
func (a *appendFile) cut() {
	if a.junk && a.fs.Truncate(a.path, a.end) == nil {
		a.junk = false
	}
}

// close closes the file, if it is open.
func (a *appendFile) close() error {
	if a.f == nil {
		return nil
	}
	f := a.f
	a.f = nil
	return f.Close()
}
