package command

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/rules"
)

// Set is what one vendor's commands are. All functions are pure and may be called
// from any goroutine. The zero Set has none.
type Set struct {
	// Base stands before the paths of requests; "" where they follow the platform's
	// address itself.
	Base string
	// ContentType is what every request carries, also one without a body; "": those
	// with a body carry application/json.
	ContentType string
	// Documented lists what the vendor's pages describe of calls and states, which
	// is allowed where a site names nothing else: actions of a vendor of frames, or
	// `METHOD path`, in whose path {login} is the agent's own login and * any segment.
	Documented []string
	// Verb returns how a verb is asked for. Its errors wrap ErrUndocumented or
	// ErrCode. nil: no verb is documented.
	Verb func(Verb) (Form, error)
	// Says reads which verb a request about the agent of that login is, whoever
	// wrote it, and its code; "" for every other one. nil: none is known.
	Says func(login string, r rules.Request) (verb, code string)
	// Reads reports whether a request changes nothing though its method may; nil: none
	// does.
	Reads func(r rules.Request) bool
	// Read says what an answer over HTTP means. nil for a vendor of frames.
	Read func(status int, body []byte) (code string, v Verdict)
	// Stale reports whether an answer says that the request was not carried out
	// because the credential that it came with had been replaced, if it had been. nil:
	// no answer does.
	Stale func(status int, body []byte) bool
}

// Verb is a verb with what belongs to it.
type Verb struct {
	Name     string
	Code     string        // the vendor's reason, cause or mode; "": none
	For      time.Duration // of a rest; 0: as long as the vendor allows
	Login    string
	Standing work.Standing // the agent's, as far as it is known
}

// Form is a verb as a request.
type Form struct {
	Method string
	Path   string // relative to Set.Base, with its query
	Body   []byte
	// Confirms reports whether an event of the agent shows that what was asked for
	// has come about.
	Confirms func(session.Event) bool
	// AfterCall tells that in a call it comes about after that call only.
	AfterCall bool
}

// Errors of Set.Verb.
var (
	// ErrUndocumented means that the vendor has no documented way. The text says
	// what is missing.
	ErrUndocumented = errors.New("the platform has no documented way for this")
	// ErrCode means that the vendor has no such code, or time of a rest.
	ErrCode = errors.New("not a code of this platform")
)

// Verdict is what an answer means for its command.
type Verdict uint8

// The verdicts.
const (
	Unclear  Verdict = iota // the platform itself may not have answered: a balancer, a broken answer
	Accepted                // the platform accepted it
	Refused                 // the platform refused it
)

// DocumentsAction reports whether the vendor's pages describe an action.
func (s Set) DocumentsAction(action string) bool { return slices.Contains(s.Documented, action) }

// DocumentsVerb reports whether a verb has a documented way.
func (s Set) DocumentsVerb(verb string) bool {
	if s.Verb == nil {
		return false
	}
	_, err := s.Verb(Verb{Name: verb, Login: "1"})
	return err == nil
}

// DocumentsRequest reports whether the vendor's pages describe a request about the
// agent of that login, whose segments are relative to Base.
func (s Set) DocumentsRequest(login, method string, segments []string) bool {
	return slices.ContainsFunc(s.Documented, func(form string) bool {
		of, pattern, _ := strings.Cut(form, " ")
		return of == method && fits(strings.Split(pattern, "/"), segments, login)
	})
}

// fits reports whether a path has the form of a pattern.
func fits(pattern, path []string, login string) bool {
	if len(pattern) != len(path) {
		return false
	}
	for i, want := range pattern {
		switch got := path[i]; {
		case want == "*" && got != "", want == "{login}" && got == login, want == got:
		default:
			return false
		}
	}
	return true
}

// Parse returns a request in normal form, its path behind Base. Its errors are those
// of rules.Parse.
func (s Set) Parse(method, path string, body []byte) (rules.Request, error) {
	path, query, _ := strings.Cut(path, "?")
	r, err := rules.Parse(rules.Raw{
		Method: method, Path: s.Base + "/" + strings.TrimPrefix(path, "/"), Query: query, Header: s.Header(len(body) > 0),
	})
	if err != nil {
		return r, err
	}
	return r.WithBody(body, true)
}

// Relative returns the segments of a request's path that stand behind Base.
func (s Set) Relative(r rules.Request) []string {
	base := strings.Count(s.Base, "/")
	return r.Segments[min(base, len(r.Segments)):]
}

// Header returns the headers of a request beside the credential's.
func (s Set) Header(body bool) http.Header {
	h := http.Header{}
	switch {
	case s.ContentType != "":
		h.Set("Content-Type", s.ContentType)
	case body:
		h.Set("Content-Type", "application/json")
	}
	return h
}
