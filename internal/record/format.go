package record

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/papo-chat/papo/internal/turn"
)

// Version is the version of the format that this package writes and reads.
const Version = 1

const (
	timeFormat = "2006-01-02T15:04:05.000Z"

	// maxLine is more than any line has: escaping makes at most two bytes of one
	// of a text, base64 four of three, and all else is small.
	maxLine = 2*turn.MaxSigned + turn.MaxSigned*4/3 + 4096
)

var base64url = base64.RawURLEncoding.Strict()

// Header is the first line of a file: what the rest should turn out to be.
type Header struct {
	Group       turn.GroupID
	Turns       int
	Missing     int // turns that are named as parents and not there
	Fingerprint [32]byte
	Created     time.Time // by the exporter's clock; to the millisecond
}

// append appends the header's line.
func (h *Header) append(dst []byte) []byte {
	dst = append(dst, `{"papo-record":`...)
	dst = strconv.AppendInt(dst, Version, 10)
	dst = appendHex(dst, `,"group":"`, h.Group[:])
	dst = append(dst, `,"turns":`...)
	dst = strconv.AppendInt(dst, int64(h.Turns), 10)
	dst = append(dst, `,"missing":`...)
	dst = strconv.AppendInt(dst, int64(h.Missing), 10)
	dst = appendHex(dst, `,"fingerprint":"`, h.Fingerprint[:])
	dst = append(dst, `,"created":"`...)
	dst = h.Created.UTC().AppendFormat(dst, timeFormat)
	return append(dst, "\"}\n"...)
}

// headerLine is the header as JSON reads it, however it is written.
type headerLine struct {
	Version     *int   `json:"papo-record"`
	Group       string `json:"group"`
	Turns       int    `json:"turns"`
	Missing     int    `json:"missing"`
	Fingerprint string `json:"fingerprint"`
	Created     string `json:"created"`
}

// parseHeader reads a header with its newline. Without a group nothing else can
// be checked; all other mistakes leave a header.
func parseHeader(line []byte) (*Header, FaultCode) {
	var l headerLine
	err := json.Unmarshal(line, &l)
	if l.Version != nil && *l.Version > Version {
		return nil, FaultNewerFormat
	}
	h := &Header{Turns: l.Turns, Missing: l.Missing}
	if err != nil || l.Version == nil || !decodeHex(h.Group[:], l.Group) {
		return nil, FaultHeader
	}
	good := decodeHex(h.Fingerprint[:], l.Fingerprint)
	h.Created, err = time.Parse(timeFormat, l.Created)
	if !good || err != nil || string(h.append(nil)) != string(line) {
		return h, FaultHeaderForm
	}
	return h, ""
}

// appendTurn appends the line of a turn. Only texts of version 1 and kind 0 are
// written out, in this version of the format: so every program writes the same.
func appendTurn(dst []byte, s *turn.Signed) []byte {
	t, id := s.Turn(), s.ID()
	dst = append(dst, `{"time":"`...)
	dst = time.UnixMilli(t.Time).UTC().AppendFormat(dst, timeFormat)
	dst = append(dst, `","name":`...)
	dst = appendString(dst, t.Name)
	dst = append(dst, `,"lines":[`...)
	for i, text := range textsOf(&t) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, text)
	}
	dst = append(dst, `],"stamp":`...)
	dst = strconv.AppendUint(dst, t.Stamp, 10)
	dst = append(dst, `,"parents":[`...)
	for i := range t.Parents {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendHex(dst, `"`, t.Parents[i][:])
	}
	dst = appendHex(dst, `],"author":"`, t.Author[:])
	dst = appendHex(dst, `,"id":"`, id[:])
	dst = append(dst, signedField...)
	dst = base64url.AppendEncode(dst, s.Bytes())
	return append(dst, turnEnd...)
}

const (
	signedField = `,"signed":"`
	turnEnd     = "\"}\n"
)

// textsOf gives the texts that are written out.
func textsOf(t *turn.Turn) []string {
	if t.Version == 1 && t.Kind == turn.KindChat {
		return t.Texts
	}
	return nil
}

// turnLine is the line of a turn as JSON reads it, however it is written.
type turnLine struct {
	Time    string   `json:"time"`
	Name    string   `json:"name"`
	Lines   []string `json:"lines"`
	Stamp   uint64   `json:"stamp"`
	Parents []string `json:"parents"`
	Author  string   `json:"author"`
	ID      string   `json:"id"`
	Signed  string   `json:"signed"`
}

// end is the last line of a file.
type end struct {
	turns int
	sum   [32]byte // SHA-256 of all bytes before it
}

const endPrefix = `{"papo-record-end":`

func (e *end) append(dst []byte) []byte {
	dst = append(dst, endPrefix...)
	dst = strconv.AppendInt(dst, Version, 10)
	dst = append(dst, `,"turns":`...)
	dst = strconv.AppendInt(dst, int64(e.turns), 10)
	dst = appendHex(dst, `,"sha256":"`, e.sum[:])
	return append(dst, "}\n"...)
}

// endLine is the end as JSON reads it, however it is written.
type endLine struct {
	Version int    `json:"papo-record-end"`
	Turns   int    `json:"turns"`
	Sum     string `json:"sha256"`
}

// parseEnd reads the end, with its newline, if it is well written.
func parseEnd(line []byte) (end, bool) {
	var l endLine
	if json.Unmarshal(line, &l) != nil || l.Version != Version {
		return end{}, false
	}
	e := end{turns: l.Turns}
	if !decodeHex(e.sum[:], l.Sum) {
		return end{}, false
	}
	return e, string(e.append(nil)) == string(line)
}

// appendString appends s as a JSON string (RFC 8259, section 7). Valid texts and
// names are UTF-8 without control characters but tab and newline, so nothing else
// must be escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// appendHex appends b in hex digits between before, which ends in a quotation
// mark, and another.
func appendHex(dst []byte, before string, b []byte) []byte {
	dst = append(dst, before...)
	dst = hex.AppendEncode(dst, b)
	return append(dst, '"')
}

// decodeHex fills dst from exactly as many hex digits as it takes.
func decodeHex(dst []byte, digits string) bool {
	if len(digits) != hex.EncodedLen(len(dst)) {
		return false
	}
	_, err := hex.Decode(dst, []byte(digits))
	return err == nil
}
