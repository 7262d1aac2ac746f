package store

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

const (
	formatVersion = 1
	headerPrefix  = "papo-log "

	// maxLogLine is more than any turn's line has: escaping makes at most two
	// bytes of one, base64 four of three, and the rest is small.
	maxLogLine = 2*turn.MaxSigned + turn.MaxSigned*4/3 + 256
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	base64url  = base64.RawURLEncoding.Strict()
)

// header is the first line of a log.
type header struct {
	version    int // what follows is read only for formatVersion
	group      turn.GroupID
	generation [8]byte
}

func (h header) append(dst []byte) []byte {
	dst = append(dst, headerPrefix...)
	dst = strconv.AppendInt(dst, int64(h.version), 10)
	dst = append(dst, '|')
	dst = hex.AppendEncode(dst, h.group[:])
	dst = append(dst, '|')
	dst = hex.AppendEncode(dst, h.generation[:])
	return append(dst, '\n')
}

// parseHeader reads a header without its newline. It accepts only what append
// writes, and any header of a higher version.
func parseHeader(line []byte) (h header, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(headerPrefix))
	if !ok {
		return h, false
	}
	version, rest, _ := bytes.Cut(rest, []byte("|"))
	n, err := strconv.Atoi(string(version))
	if err != nil || n < formatVersion || strconv.Itoa(n) != string(version) {
		return h, false
	}
	h.version = n
	if n > formatVersion {
		return h, true
	}
	group, generation, _ := bytes.Cut(rest, []byte("|"))
	if !decodeHex(h.group[:], group) || !decodeHex(h.generation[:], generation) {
		return header{}, false // not half of one
	}
	return h, true
}

// decodeHex fills dst from exactly as many lower-case hex digits.
func decodeHex(dst, digits []byte) bool {
	if len(digits) != hex.EncodedLen(len(dst)) || !bytes.Equal(bytes.ToLower(digits), digits) {
		return false
	}
	_, err := hex.Decode(dst, digits)
	return err == nil
}

// appendLine appends the line of a turn, with its newline.
func appendLine(dst []byte, s *turn.Signed) []byte {
	return finishLine(appendText(startLine(dst, s), s), len(dst), s)
}

// startLine appends the columns before the text. A valid turn's name has no
// bar, no newline and no control character.
func startLine(dst []byte, s *turn.Signed) []byte {
	t := s.Turn()
	// Milliseconds by hand: package time is three times as fast with a format
	// that it knows.
	dst = time.UnixMilli(t.Time).UTC().AppendFormat(dst, time.RFC3339)
	ms := t.Time % 1000 // a valid time is not negative
	dst = append(dst[:len(dst)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z', '|')
	dst = append(dst, t.Name...)
	return append(dst, '|')
}

// appendText appends the text as people read it. A valid turn's texts are clean:
// a terminal can show the log.
func appendText(dst []byte, s *turn.Signed) []byte {
	if !s.Known() {
		return dst
	}
	for i, text := range s.Turn().Texts {
		if i > 0 {
			dst = append(dst, `\n`...)
		}
		dst = appendEscaped(dst, text)
	}
	return dst
}

// finishLine appends the columns after the text to the line that begins at
// start.
func finishLine(dst []byte, start int, s *turn.Signed) []byte {
	dst = append(dst, '|')
	dst = base64url.AppendEncode(dst, s.Bytes())
	return appendChecksum(dst, start)
}

// appendEscaped appends s so that it stays on one line.
func appendEscaped(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; c {
		case '\\':
			dst = append(dst, `\\`...)
		case '\n':
			dst = append(dst, `\n`...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendChecksum ends the line that begins at start.
func appendChecksum(dst []byte, start int) []byte {
	var sum [4]byte
	binary.BigEndian.PutUint32(sum[:], crc32.Checksum(dst[start:], castagnoli))
	dst = append(dst, '|')
	dst = hex.AppendEncode(dst, sum[:])
	return append(dst, '\n')
}

// cutChecksum takes the checksum off a line. It tells whether there is one,
// and whether it is right.
func cutChecksum(line []byte) (body []byte, found, right bool) {
	body, digits, found := cutLast(line)
	if !found {
		return nil, false, false
	}
	var sum [4]byte
	right = decodeHex(sum[:], digits) && binary.BigEndian.Uint32(sum[:]) == crc32.Checksum(body, castagnoli)
	return body, true, right
}

func cutLast(line []byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(line, '|')
	if i < 0 {
		return nil, nil, false
	}
	return line[:i], line[i+1:], true
}
