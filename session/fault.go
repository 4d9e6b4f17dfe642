package session

import (
	"errors"
	"time"
)

// Kind classifies how an attempt ended. It is the machine's input and the
// metrics' label, and a closed set: what an adapter cannot classify is Outage,
// never Refused.
type Kind uint8

// The kinds.
const (
	OK      Kind = iota // the platform said yes
	Outage              // the platform could not be reached, or did not work; nothing is known to have changed
	Lost                // the platform says that there is no such session (any more)
	Taken               // somebody else holds the session or the number
	Doubt               // an operation's request left and its answer never came: it may have been carried out
	Refused             // credentials or settings rejected: trying again unchanged is useless or harmful
	Busy                // sign-out refused for now, because the agent is in a call
	Woken               // the driver cut a wait, a queue or a Next short; nothing happened
)

var kindNames = [...]string{"ok", "outage", "lost", "taken", "doubt", "refused", "busy", "woken"}

// String returns the kind's name as metrics and logs use it.
func (k Kind) String() string { return kindNames[k] }

// Kinds returns every kind that an operation can end with, in order (Woken is
// none: it never reaches a platform).
func Kinds() []Kind { return []Kind{OK, Outage, Lost, Taken, Doubt, Refused, Busy} }

// Cause refines a Kind where somebody decides on the difference.
type Cause uint8

// The causes.
const (
	CauseNone        Cause = iota
	CauseCredential        // Refused: user or password wrong, account locked; counts towards the lock-out guard
	CauseSetting           // Refused: a number, domain or parameter is wrong; parks the agent, counts for nobody else
	CauseClosed            // Lost: the connection that was the session was closed
	CauseRestart           // Lost: the session ended with the process of ours that held it; no other client has to do with it
	CauseExpired           // Lost: the credential's life is over
	CauseBan               // Outage: looks like a ban of our address
	CauseThrottled         // Outage: the platform asks to slow down (After says for how long)
	CauseStore             // Outage: our own store could not take the intent; no request was sent
	CauseUnforceable       // Taken: a forced sign-in would not displace whoever holds the session or the number
	CauseAnswered          // Outage: the platform itself answered, but with something that is no verdict (an unknown code, HTTP 404)
	CauseForbidden         // Outage: the answer is what both a refused account and a banned address get (HTTP 403); after a log-in the gate decides which of the two it is, and none is sent before
)

var causeNames = [...]string{"", "credential", "setting", "closed", "restart", "expired", "ban", "throttled", "store", "unforceable", "answered", "forbidden"}

// String returns the cause's name, "" for CauseNone.
func (c Cause) String() string { return causeNames[c] }

// Answered reports whether the platform itself gave an answer, though one that
// is no verdict about the session.
func (c Cause) Answered() bool { return c == CauseAnswered || c == CauseForbidden }

// Fault is the one error type of adapters. Code, Text and Action are for
// people and must hold no secret.
type Fault struct {
	Kind   Kind
	Cause  Cause
	Code   string        // the vendor's own code or status, for example "100-004", "401", "http 502"
	Text   string        // what it means, in words; the vendor's own message where it says more
	Action string        // what a person can do; "" where nothing is needed
	After  time.Duration // not before this much time (Retry-After, an occupied number); 0 = up to the back-off
	Err    error         // the underlying error, if any; its text must hold no secret
}

// Error returns code, text and the underlying error in one line, of TextLimit
// bytes at most.
func (f *Fault) Error() string {
	msg := f.Kind.String()
	for _, part := range []string{f.Code, f.Text} {
		if part != "" {
			msg += ": " + part
		}
	}
	if f.Err != nil {
		msg += ": " + f.Err.Error()
	}
	return Cut(msg, TextLimit)
}

// Unwrap returns the underlying error.
func (f *Fault) Unwrap() error { return f.Err }

// AsFault returns err as a Fault: nil for nil, the Fault in its chain, or a
// new Outage around anything unclassified. Its texts are within TextLimit and
// CodeLimit, whatever the vendor sent: a longer one is cut, in a copy.
func AsFault(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f.cut()
	}
	return &Fault{Kind: Outage, Text: "unclassified error", Err: err}
}

// KindOf returns the kind of err, OK for nil.
func KindOf(err error) Kind {
	if f := AsFault(err); f != nil {
		return f.Kind
	}
	return OK
}
