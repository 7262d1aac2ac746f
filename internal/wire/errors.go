package wire

import "errors"

// Why bytes are no message, or a message has no bytes. Append and Decode wrap
// them with the kind of the message.
var (
	// ErrTruncated: the bytes end inside a field.
	ErrTruncated = errors.New("the message ends too early")
	// ErrTrailing: bytes are left over after the last field.
	ErrTrailing = errors.New("the message has bytes after its end")
	// ErrBounds: a count, a length or a value is out of its bounds.
	ErrBounds = errors.New("a count, length or value of the message is out of bounds")
	// ErrUnsorted: a list that must be strictly ascending is not.
	ErrUnsorted = errors.New("a list of the message is not sorted, or repeats an entry")
	// ErrFlags: a bit is set that means nothing.
	ErrFlags = errors.New("the message has an unknown flag set")
	// ErrUnknownKind: the first byte names no kind of message.
	ErrUnknownKind = errors.New("the message is of an unknown kind, perhaps of a newer version")
	// ErrTooLarge: the message is larger than MaxMessage.
	ErrTooLarge = errors.New("the message is larger than fragments can carry")
)
