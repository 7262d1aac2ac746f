package wire

import (
	"errors"
	"fmt"
)

// ErrNested: a FRAG cannot be carried in fragments.
var ErrNested = errors.New("a piece of a message cannot be cut into pieces again")

// Fragment cuts an encoded message into pieces and gives the encoded FRAG of
// each, in order, at most MaxPayload bytes long. Number must be the sender's
// next: pieces with one number belong to one message. The message is copied.
// It is an error if it is empty (ErrTruncated), larger than MaxMessage
// (ErrTooLarge) or itself a FRAG (ErrNested).
func Fragment(number uint32, message []byte) ([][]byte, error) {
	switch {
	case len(message) == 0:
		return nil, fmt.Errorf("cannot cut an empty message: %w", ErrTruncated)
	case len(message) > MaxMessage:
		return nil, fmt.Errorf("cannot cut a message of %d bytes: %w", len(message), ErrTooLarge)
	case Kind(message[0]) == KindFrag:
		return nil, ErrNested
	}
	count := (len(message) + MaxFragData - 1) / MaxFragData
	frags := make([][]byte, 0, count)
	for i := range count {
		data := message[i*MaxFragData : min((i+1)*MaxFragData, len(message))]
		b, err := Append(make([]byte, 0, fragHeader+len(data)), Frag{
			Number: number,
			Index:  uint8(i),
			Count:  uint8(count),
			Data:   data,
		})
		if err != nil {
			return nil, err
		}
		frags = append(frags, b)
	}
	return frags, nil
}
