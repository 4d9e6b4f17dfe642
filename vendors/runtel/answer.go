package runtel

import (
	"strconv"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

// read judges the answer to c: its envelope if the platform said yes, otherwise
// a fault. clean makes the platform's text fit to show. For a log-out, a token
// that is dead already is yes.
func read(r request, c call, a wire.Answer, clean func(string) string) (envelope, *session.Fault) {
	e, by := wire.Read(a, parse)
	switch {
	case by == wire.ByNothing:
		return envelope{}, ownFault(codeUnreadable, own[codeUnreadable].on[r])
	case by == wire.ByStatus:
		return envelope{}, rested(answerLine(a).fault(r, "http "+strconv.Itoa(a.Status), ""), r, a)
	case !e.echoes(c, a):
		return envelope{}, ownFault(codeCrossed, outage)
	}
	return e, rested(codeFault(r, e.verdict(a), clean(e.notice())), r, a)
}

// answerLine explains the HTTP status of an answer without an envelope.
func answerLine(a wire.Answer) code {
	line := statusLine(a.Status)
	if to := a.Redirect(); to != "" {
		line.text = to
	}
	return line
}

// verdict is the code to judge by: the envelope's, or the HTTP status where that
// tells of a failure and the envelope of none that is known.
func (e envelope) verdict(a wire.Answer) int {
	if _, known := codes[e.code]; !a.OK() && !known {
		return a.Status
	}
	return e.code
}

// echoes reports whether the answer belongs to c. A failure may come without an
// action_id, from a part of the platform that did not get to read it.
func (e envelope) echoes(c call, a wire.Answer) bool {
	if e.ActionID == "" {
		return !a.OK() || e.code != good
	}
	return string(e.ActionID) == c.ActionID
}

// rested adds how long the platform asks to wait. A live session must not fall
// silent because of it: probes keep to their own pace.
func rested(f *session.Fault, r request, a wire.Answer) *session.Fault {
	if f != nil && f.Kind == session.Outage && r != probe {
		f.After = max(f.After, wire.RetryAfter(a.Header, time.Now(), restLimit))
	}
	return f
}

// restLimit bounds what a Retry-After can ask for.
const restLimit = time.Hour
