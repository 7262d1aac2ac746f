package store

import "github.com/papo-chat/papo/internal/turn"

// DecodeLine reads one line of a log of a group.
func DecodeLine(g turn.GroupID, line []byte) (*turn.Signed, string) {
	return newUnion(g, turn.Parse).decode(line)
}

// AppendLine writes one.
var AppendLine = appendLine

// MaxLogLine bounds a line.
const MaxLogLine = maxLogLine

// Checksum ends a line.
func Checksum(body string) string {
	b := appendChecksum([]byte(body), 0)
	return string(b[:len(b)-1])
}
