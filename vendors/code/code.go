package code

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// Request is what an answer answers.
type Request uint8

// The requests.
const (
	SignIn    Request = iota
	KeepAlive         // a poll, a probe, a handshake: what proves a session
	SignOut
	requests // how many
)

// Verdict is what an answer makes of a request. The zero Verdict is success.
type Verdict struct {
	Kind  session.Kind
	Cause session.Cause
}

// The verdicts that several vendors give.
var (
	Done         = Verdict{}
	Outage       = Verdict{Kind: session.Outage}
	Unclassified = Verdict{session.Outage, session.CauseAnswered} // an answer that tells nothing about the session
	Throttled    = Verdict{session.Outage, session.CauseThrottled}
	Forbidden    = Verdict{session.Outage, session.CauseForbidden}
	Ban          = Verdict{session.Outage, session.CauseBan}
	InDoubt      = Verdict{Kind: session.Doubt}
	Lost         = Verdict{Kind: session.Lost}
	Expired      = Verdict{session.Lost, session.CauseExpired}
	Credential   = Verdict{session.Refused, session.CauseCredential}
	Setting      = Verdict{session.Refused, session.CauseSetting}
)

// Judge gives a fault the verdict, whatever its code.
func (v Verdict) Judge(f *session.Fault) *session.Fault {
	f.Kind, f.Cause = v.Kind, v.Cause
	return f
}

// Verdicts holds one verdict for each [Request], in their order.
type Verdicts [requests]Verdict

// Always is the same verdict for every request.
func Always(v Verdict) Verdicts { return Verdicts{v, v, v} }

// Line is one code of a table.
type Line struct {
	On     Verdicts
	Text   string        // what the code means, for people
	Action string        // what they can do; "" where nothing is needed
	After  time.Duration // not sooner than this, where less is useless; 0: up to the back-off
}

// Unreadable is the code of an answer with a status of success whose body holds no
// code. A vendor whose good answers always hold one has a line for it.
const Unreadable = "unreadable"

// TheirSide is the action for a failure that is the platform's own.
const TheirSide = "look at the platform's logs; nothing to do here, it is tried again"

// unknown is the line of a code that is in no table.
var unknown = Line{On: Always(Unclassified), Text: "unknown code", Action: TheirSide}

// Table is one vendor's codes. It is not changed once it is made; its methods may be
// called from any goroutine.
type Table struct {
	// Lines holds what codes mean by their names: the vendor's, the adapter's own,
	// and HTTP statuses as [Status] writes them. A "#" in a name stands for any digit.
	// Of the lines that fit a code the one with the fewest "#" counts, and they stand
	// for its last digits: "http 404", then "http 40#", "http 4##", "http ###". Where
	// none fits, what stands before the code's last blank counts ("500" for "500 17").
	Lines map[string]Line
	// RetryAfterMax is the longest Retry-After that is obeyed; 0: an hour.
	RetryAfterMax time.Duration
}

// With returns a table that holds lines beside t's.
func (t Table) With(lines map[string]Line) Table {
	t.Lines = maps.Clone(t.Lines)
	maps.Copy(t.Lines, lines)
	return t
}

// Status names an HTTP status as a code: "http 502".
func Status(status int) string { return "http " + strconv.Itoa(status) }

// Line returns what a code means. known is false for one that is in no line; it
// counts as an answer that tells nothing.
func (t Table) Line(name string) (line Line, known bool) {
	if line, known = t.Lines[name]; known {
		return line, true
	}
	pattern := []byte(name)
	for i := len(pattern) - 1; i >= 0; i-- {
		if pattern[i] < '0' || pattern[i] > '9' {
			continue
		}
		pattern[i] = '#'
		if line, known = t.Lines[string(pattern)]; known {
			return line, true
		}
	}
	if i := strings.LastIndexByte(name, ' '); i >= 0 {
		return t.Line(name[:i])
	}
	return unknown, false
}

// Explain looks up a code for people: one of the table or of the transport. ok is
// false for unknown ones, and for those that mean success.
func (t Table) Explain(name string) (text, action string, ok bool) {
	if line, known := t.Line(name); known && line.Text != "" {
		return line.Text, line.Action, true
	}
	return wire.Explain(name)
}

// Fault is what a code means as the answer to r, nil where it means success. message
// is the platform's own words, fit to show; "" for none.
func (t Table) Fault(r Request, name, message string) *session.Fault {
	line, _ := t.Line(name)
	return line.fault(r, name, message)
}

func (l Line) fault(r Request, name, message string) *session.Fault {
	v := l.On[r]
	if v == Done {
		return nil
	}
	text := l.Text
	if message != "" && !strings.EqualFold(message, text) {
		text = fmt.Sprintf("%s (%q)", text, message)
	}
	return &session.Fault{Kind: v.Kind, Cause: v.Cause, Code: name, Text: text, Action: l.Action, After: l.After}
}

// Body is what an answer's body says in the vendor's own form.
type Body struct {
	Code    string // "": the body holds none
	Message string // the platform's own words, fit to show; "": none
}

// Read judges the answer to r; nil is success. A platform that asks to be left alone
// (Retry-After) is, but for what proves a session: a live one must not fall silent,
// and keeps to its own pace.
func (t Table) Read(r Request, a wire.Answer, b Body) *session.Fault {
	name := b.Code
	switch {
	case name != "":
	case a.OK():
		name = Unreadable
	default:
		name = Status(a.Status)
	}
	line, _ := t.Line(name)
	if to := a.Redirect(); b.Code == "" && to != "" {
		line.Text = to
	}
	f := line.fault(r, name, b.Message)
	if f != nil && r != KeepAlive && (f.Kind == session.Outage || f.Kind == session.Doubt) {
		f.After = max(f.After, t.retryAfter(a.Header))
	}
	return f
}

func (t Table) retryAfter(h http.Header) time.Duration {
	longest := t.RetryAfterMax
	if longest == 0 {
		longest = time.Hour
	}
	return wire.RetryAfter(h, time.Now(), longest)
}

// Intercepted is the fault of an answer that a server before the platform gave in its
// place ([wire.Intercepted]): it says nothing about a session.
func Intercepted(status int) *session.Fault {
	return Unclassified.Judge(&session.Fault{
		Code: Status(status), Text: "a server before the platform answers in its place",
		Action: "check the access rules of the proxy or load balancer before the platform",
	})
}

// Works reports whether the status of an answer to a request that names no account
// comes from a platform that works: any does but that of a server before it, and those
// that say "slow down" or "I do not work". 500 and 501 are what some say to a method
// that they do not know.
func Works(status int) bool {
	return !wire.Intercepted(status) && status <= http.StatusNotImplemented && status != http.StatusTooManyRequests
}
