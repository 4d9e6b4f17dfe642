package listener

import "log/slog"

// Reason says why a listener refused a connection or a request, or closed one.
// It is the label of a metric, and a closed set.
type Reason string

// The reasons.
const (
	Full   Reason = "full"   // all places are taken, and every client is being served
	Share  Reason = "share"  // the peer has its share of the places, likewise
	Idle   Reason = "idle"   // closed to make room: it had waited longest for its client
	Host   Reason = "host"   // the Host header names somebody else
	Length Reason = "length" // the path and query are too long
	Body   Reason = "body"   // a body where none is taken, or one that is too long
	Slow   Reason = "slow"   // a body that did not arrive in time
	Busy   Reason = "busy"   // as many requests of this kind are served as may be at once
)

// Reasons returns every reason.
func Reasons() []string {
	all := []Reason{Full, Share, Idle, Host, Length, Body, Slow, Busy}
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = string(r)
	}
	return names
}

// Counter counts what was refused.
type Counter interface {
	Refused(listener, reason string)
}

// Refusals counts and logs what one listener refuses. A nil *Refusals does
// neither. Its methods may be called from any goroutine.
type Refusals struct {
	listener string
	counter  Counter
	log      *Log
}

// NewRefusals returns the Refusals of the listener of that name, which is the
// key that it has in the configuration.
func NewRefusals(listener string, counter Counter, log *slog.Logger) *Refusals {
	return &Refusals{listener: listener, counter: counter, log: NewLog(log)}
}

// Note counts one refusal and logs it: once a minute for each reason, with the
// number of those in between. attrs tell of this one; what a stranger chose in
// them must be cut before.
func (r *Refusals) Note(reason Reason, attrs ...slog.Attr) {
	if r == nil {
		return
	}
	r.counter.Refused(r.listener, string(reason))
	r.log.Warn("refused", string(reason), append([]slog.Attr{
		slog.String("listener", r.listener), slog.String("reason", string(reason)),
	}, attrs...)...)
}
