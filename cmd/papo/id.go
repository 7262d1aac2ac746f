package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/papo-chat/papo/internal/seal"
	"github.com/papo-chat/papo/internal/turn"
	"github.com/papo-chat/papo/internal/ui/words"
)

func (p *program) idFlags(v *placeFlags) *flagSet {
	f := p.newFlags("id")
	f.place(v)
	return f
}

// id prints the key by which others know this member.
func (p *program) id(args []string) int {
	var v placeFlags
	dir, code, done := p.idFlags(&v).record(args, &v)
	if done {
		return code
	}
	identity, _, err := seal.LoadIdentity(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.fail(exitFailure, p.words.T("error.no-identity", words.D{"Path": dir}))
	case err != nil:
		return p.fail(exitFailure, p.words.T("error.identity-damaged", words.D{"Path": dir, "Detail": err.Error()}))
	}
	key := turn.Key(identity.Key())
	fmt.Fprintf(p.stdout, "%s  #%s\n", key, key.Short())
	return exitOK
}
