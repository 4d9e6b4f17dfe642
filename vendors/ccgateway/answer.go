package ccgateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// Read judges the answer to r by the rule of [wire.Read]: its envelope if the
// platform said yes, otherwise a fault. clean makes the vendor's text fit to show.
// For a sign-out, "already out" is yes.
func Read(r Request, a wire.Answer, clean func(string) string) (Envelope, *session.Fault) {
	e, by := wire.Read(a, Parse)
	switch by {
	case wire.ByStatus:
		return Envelope{}, statusFault(r, a)
	case wire.ByNothing:
		return Envelope{}, unreadable(r)
	case wire.ByCode:
	}
	if e.OK() {
		return e, nil
	}
	f := codeFault(r, string(e.Retcode), clean(e.text()))
	if f != nil && f.Kind == session.Outage {
		f.After = max(f.After, rest(r, a.Header))
	}
	return e, f
}

// rest is how long the platform asks to be left alone. A live session must not
// fall silent because of it: polls keep to their own pace.
func rest(r Request, h http.Header) time.Duration {
	if r == Poll {
		return 0
	}
	return wire.RetryAfter(h, time.Now(), restLimit)
}

// statusFault is what an HTTP status other than 2xx means without an envelope. 502 and 504 come
// from a load balancer that had passed the request on, so an operation may have
// been carried out.
func statusFault(r Request, a wire.Answer) *session.Fault {
	f := &session.Fault{Kind: session.Outage, Code: "http " + strconv.Itoa(a.Status)}
	f.Text, f.Action = statusMeaning(a.Status)
	if to := a.Redirect(); to != "" {
		f.Text = to
	}
	f.After = rest(r, a.Header)
	switch a.Status {
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		if r != Poll {
			f.Kind = session.Doubt
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f.Cause = session.CauseThrottled
	case http.StatusInternalServerError:
	default:
		f.Cause = session.CauseAnswered
	}
	return f
}

// unreadable is a 2xx answer without an envelope: an operation may have been
// carried out; a poll brought nothing, which says nothing about the session.
func unreadable(r Request) *session.Fault {
	f := &session.Fault{Kind: session.Doubt, Code: Unreadable, Text: own[Unreadable].text, Action: own[Unreadable].action}
	if r == Poll {
		f.Kind, f.Cause = session.Outage, session.CauseAnswered
	}
	return f
}

// restLimit bounds what a Retry-After can ask for.
const restLimit = 10 * time.Minute

// Answers reports, as a fault or nil, whether a shows that the gateway works:
// any envelope does, whatever its retcode and the HTTP status.
func Answers(a wire.Answer) *session.Fault {
	switch _, by := wire.Read(a, Parse); by {
	case wire.ByStatus:
		return statusFault(Poll, a)
	case wire.ByNothing:
		return unreadable(Poll)
	case wire.ByCode:
	}
	return nil
}

// TransportFault classifies what [wire.Client.Do] returned. operation tells that
// the request was a sign-in or a sign-out.
func TransportFault(err error, operation bool) *session.Fault {
	var e *wire.Error
	if errors.As(err, &e) {
		return e.Fault(operation)
	}
	return session.AsFault(err)
}
