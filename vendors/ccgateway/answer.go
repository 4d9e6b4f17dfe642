package ccgateway

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// Read judges the answer to r: its envelope if the platform said yes, otherwise
// a fault. clean makes the vendor's text fit to show. For a sign-out, "already
// out" is yes.
func Read(r Request, a wire.Answer, clean func(string) string) (Envelope, *session.Fault) {
	if !a.OK() {
		return Envelope{}, statusFault(r, a)
	}
	e, err := Parse(a.Body)
	if err != nil {
		return Envelope{}, unreadable(r)
	}
	if e.OK() {
		return e, nil
	}
	return e, codeFault(r, string(e.Retcode), clean(e.text()))
}

// statusFault is what an HTTP status other than 2xx means. 502 and 504 come
// from a load balancer that had passed the request on, so an operation may have
// been carried out.
func statusFault(r Request, a wire.Answer) *session.Fault {
	f := &session.Fault{Kind: session.Outage, Code: "http " + strconv.Itoa(a.Status)}
	f.Text, f.Action = statusMeaning(a.Status)
	// A live session must not fall silent because the platform asks for rest:
	// polls keep to their own pace.
	if r != Poll {
		f.After = retryAfter(a.Header)
	}
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

// retryAfter reads the header as seconds or as a date, 0 for anything else.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return min(max(0, time.Duration(min(seconds, 3600))*time.Second), restLimit)
	}
	if t, err := http.ParseTime(text); err == nil {
		return min(max(0, time.Until(t)), restLimit)
	}
	return 0
}

// Answers reports, as a fault or nil, whether a shows that the gateway works:
// any envelope does, whatever its retcode.
func Answers(a wire.Answer) *session.Fault {
	if !a.OK() {
		return statusFault(Poll, a)
	}
	if _, err := Parse(a.Body); err != nil {
		return unreadable(Poll)
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
