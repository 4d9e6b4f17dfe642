package adapter

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"agentkeeper/vendors/command"
)

var (
	errNoFrames = errors.New("is an action, and this platform is spoken over HTTP: write a method and the beginning of a path, or do:VERB")
	errFrames   = errors.New("is a request over HTTP, and this platform is spoken in frames: write an action, for example call/accept")
)

// CheckAllow says what is wrong with an entry of a list of what programs may send to
// this vendor; nil where nothing is. What may never be sent may not be allowed.
func (v Vendor) CheckAllow(entry string) error {
	e, err := command.ParseEntry(entry)
	overHTTP := v.Rules.Admit != nil
	switch {
	case err != nil:
		return err
	case e.Verb != "" && !v.Commands.DocumentsVerb(e.Verb):
		return fmt.Errorf("names the verb %s: %w", e.Verb, command.ErrUndocumented)
	case e.Verb != "":
		return nil
	case e.Action != "" && overHTTP:
		return errNoFrames
	case e.Action != "":
		_, why := v.Rules.AdmitAction(e.Action, nil)
		return never(why)
	case !overHTTP:
		return errFrames
	}
	return v.checkPrefix(e)
}

func never(why string) error {
	if why == "" {
		return nil
	}
	return fmt.Errorf("is never sent: %s", why)
}

// checkPrefix judges a path by itself and by what may follow it: it is wrong where
// nothing that begins with it may ever be sent.
func (v Vendor) checkPrefix(e command.Entry) error {
	why := ""
	for _, more := range [][]string{nil, {"x", "x", "x"}} {
		r, err := v.Commands.Parse(e.Method, strings.Join(append(e.Segments[:len(e.Segments):len(e.Segments)], more...), "/"), nil)
		if err != nil {
			return err
		}
		if r.Readable = true; e.Method != http.MethodGet && e.Method != http.MethodHead && e.Method != http.MethodOptions {
			r.Body, r.Media = []byte(`{"action":"x"}`), "application/json"
		}
		if _, why = v.Rules.Admit(r); why == "" {
			return nil
		}
	}
	return never(why)
}
