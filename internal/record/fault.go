package record

// FaultCode says what is wrong with a line of a file.
type FaultCode string

// The faults. The first four end the check; the others are told and checking goes on.
const (
	FaultHeader      FaultCode = "header"       // the first line is no header
	FaultNewerFormat FaultCode = "newer-format" // the header is of a format that this program does not know
	FaultCut         FaultCode = "cut"          // the file ends before its end
	FaultAfterEnd    FaultCode = "after-end"    // something follows the end

	FaultHeaderForm  FaultCode = "header-form" // the header is not written as the format says
	FaultCount       FaultCode = "count"       // Want turns are said, Got lines of turns are there
	FaultMissing     FaultCode = "missing"     // Want missing turns are said, Got are
	FaultFingerprint FaultCode = "fingerprint" // that of the turns is another than the header says
	FaultEndForm     FaultCode = "end-form"    // the end is not written as the format says
	FaultChecksum    FaultCode = "checksum"    // bytes before the end were changed

	FaultTooLong   FaultCode = "too-long"  // longer than any turn's line
	FaultNoTurn    FaultCode = "no-turn"   // no line of a turn
	FaultEncoding  FaultCode = "encoding"  // the signed bytes are no base64url
	FaultRule      FaultCode = "rule"      // the signed bytes are no valid turn: Field is not as it must be
	FaultSignature FaultCode = "signature" // the signature is not the author's
	FaultField     FaultCode = "field"     // Field is not what was signed
	FaultForm      FaultCode = "form"      // the content is right, and not written as the format says
	FaultTwice     FaultCode = "twice"     // the turn is there already
	FaultOrder     FaultCode = "order"     // it comes in the order before the turn above it
)

// Fault is something wrong in a file.
type Fault struct {
	Line      int // from 1
	Code      FaultCode
	Field     string // rule: size, form, version, name, stamp, parents, time or lines; field: the name of the JSON field
	Want, Got int    // count, missing: what is said, and what there is
}

// MaxFaults bounds the faults, gaps and broken rules that are told one by one,
// each. The others are counted.
const MaxFaults = 100
