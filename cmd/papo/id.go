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
	f := p.idFlags(&v)
	if code, done := f.parse(args, 1); done {
		return code
	}
	if v.data == "" && f.NArg() == 0 {
		return p.fail(exitUsage, p.words.T("error.no-name"))
	}
	dir := v.dir(f.Arg(0))
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
