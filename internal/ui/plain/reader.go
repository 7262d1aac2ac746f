package plain

import (
	"bufio"
	"errors"
	"io"

	"github.com/papo-chat/papo/internal/turn"
)

// maxRead is how many bytes of one line are kept. It is more than turn.MaxLine, so
// that a command before the text, and characters that are cleaned away, do not
// make a good line too long.
const maxRead = 2 * turn.MaxLine

// lineReader splits input into lines of at most maxRead bytes. Of a longer one
// it gives the beginning, and says so; the rest is read and dropped.
type lineReader struct {
	r *bufio.Reader
}

func newLineReader(in io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(in, maxRead)}
}

// next gives the next line without its ending, "\n" or "\r\n". What stands
// after the last newline is a line too, if it is not empty. The error is
// io.EOF at the end of input, or what reading failed with; the line is empty then.
func (l *lineReader) next() (line string, long bool, err error) {
	b, err := l.r.ReadSlice('\n')
	line = string(b)
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = l.r.ReadSlice('\n')
	}
	if err != nil && line == "" {
		return "", false, err
	}
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' && !long {
		line = line[:n-1]
	}
	return line, long, nil
}
