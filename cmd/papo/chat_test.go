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

// A checkpoint that was made anew where there was none any more is not told to be kept.
func TestSentenceOfACheckpointMadeAnew(t *testing.T) {
	for _, language := range []string{words.English, words.Portuguese} {
		p := &program{words: words.For(language)}
		with := p.checkpointSentence("here", store.ErrCheckpoint, true, "there")
		without := p.checkpointSentence("here", store.ErrCheckpoint, true, "")
		if !strings.HasSuffix(with, " there.") || strings.Contains(without, ";") || !strings.HasSuffix(without, ".") {
			t.Errorf("%q, %q", with, without)
		}
	}
}
