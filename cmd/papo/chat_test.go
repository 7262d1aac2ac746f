package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/papo-chat/papo/internal/store"
	"github.com/papo-chat/papo/internal/ui/words"
)

// What a newer papo wrote is not told as a directory that cannot be written.
func TestNewerFilesAreToldAsWhatTheyAre(t *testing.T) {
	for _, newer := range []error{store.ErrNewerLog, store.ErrNewerCheckpoint} {
		for _, language := range []string{words.English, words.Portuguese} {
			var stderr bytes.Buffer
			p := &program{words: words.For(language), stderr: &stderr}
			code := p.failStore("the-directory", fmt.Errorf("the-directory/a-file: %w", newer))
			if out := stderr.String(); code != exitFailure || !strings.Contains(out, newer.Error()) || strings.Contains(out, "--data") {
				t.Errorf("exit %d, %q", code, out)
			}
		}
	}
}
