// Package command says what other programs may ask of a vendor through an agent's
// session, as values: it sends nothing.
package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"agentkeeper/vendors/option"
	"agentkeeper/vendors/rules"
)

// The verbs: what can be asked of an agent without knowing the vendor's own names.
const (
	Ready   = "ready"   // take calls again, whatever kept them away
	Busy    = "busy"    // take no calls
	Rest    = "rest"    // take no calls, for a pause
	WrapUp  = "wrap_up" // the work after a call
	Answer  = "answer"  // the call that is offered
	Reject  = "reject"  // the call that is offered
	Release = "release" // the call that is talked
)

// Verbs returns every verb, in the order of the manual.
func Verbs() []string { return []string{Ready, Busy, Rest, WrapUp, Answer, Reject, Release} }

// Entry is one entry of a list of what programs may send. Exactly one of Action,
// Verb and Method is set.
type Entry struct {
	Action string // of a vendor that is spoken in frames: this one
	Verb   string // this verb
	// Method and Segments are requests of a vendor that is spoken over HTTP: those
	// with this method whose path begins with these segments, each of them whole. The
	// path is relative to the platform's base; no segments are every path.
	Method   string
	Segments []string
}

const verbPrefix = "do:"

var errEntry = errors.New("is no entry; write an action such as call/accept, a verb such as do:busy, or a method and the beginning of a path such as POST voicecall/291")

// ParseEntry reads an entry: an action, "do:VERB", or "METHOD path". The error says
// what is wrong and what to write.
func ParseEntry(text string) (Entry, error) {
	if verb, ok := strings.CutPrefix(text, verbPrefix); ok {
		if !slices.Contains(Verbs(), verb) {
			return Entry{}, fmt.Errorf("names no verb; write do: and one of %s%s", strings.Join(Verbs(), ", "), option.DidYouMean(verb, Verbs()))
		}
		return Entry{Verb: verb}, nil
	}
	method, path, isRequest := strings.Cut(text, " ")
	if !isRequest {
		if !rules.PlainName(text) || rules.IsMethod(text) {
			return Entry{}, errEntry
		}
		return Entry{Action: text}, nil
	}
	if !rules.IsMethod(method) {
		return Entry{}, errEntry
	}
	path = strings.Trim(path, "/")
	if path == "" {
		return Entry{Method: method}, nil
	}
	r, err := rules.Parse(rules.Raw{Method: method, Path: path})
	if err != nil {
		return Entry{}, fmt.Errorf("has a path that is never sent: %w", err)
	}
	return Entry{Method: method, Segments: r.Segments}, nil
}

// HasAction reports whether the entry admits an action.
func (e Entry) HasAction(action string) bool { return e.Action != "" && e.Action == action }

// HasVerb reports whether the entry admits a verb.
func (e Entry) HasVerb(verb string) bool { return e.Verb != "" && e.Verb == verb }

// HasRequest reports whether the entry admits a request, whose segments are
// relative to the platform's base.
func (e Entry) HasRequest(method string, segments []string) bool {
	return e.Method != "" && e.Method == method && len(segments) >= len(e.Segments) &&
		slices.Equal(segments[:len(e.Segments)], e.Segments)
}
