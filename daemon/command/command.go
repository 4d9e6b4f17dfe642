package command

import (
	"encoding/json"
	"time"
)

// Request is one command. Exactly one of Action, Method and Do is set.
type Request struct {
	// Action is an action of a vendor that is spoken in frames (ECSS), with Payload,
	// a JSON object; an empty Payload means no object.
	Action  string
	Payload json.RawMessage
	// Method and Path are a request of a vendor that is spoken over HTTP. Path is
	// relative to the platform's base and may carry a query; Body may be empty.
	Method string
	Path   string
	Body   json.RawMessage
	// Do is a verb: ready, busy, rest, wrap_up, answer, reject or release. Code is
	// the vendor's reason, cause or mode, For how long a rest is wished; both may be
	// left out.
	Do   string
	Code string
	For  time.Duration
	// Reason stands in the audit log and is required.
	Reason string
	// ID is the caller's key against sending twice; "" for none.
	ID string
	// Timeout counts from arrival; 0 is what is configured.
	Timeout time.Duration
}

// Outcome is what became of a command.
type Outcome string

// The outcomes.
const (
	Done     Outcome = "done"     // the platform accepted it
	Rejected Outcome = "rejected" // the platform refused it
	NotSent  Outcome = "not_sent" // it never left and may be repeated
	Doubt    Outcome = "doubt"    // it left and no answer came; it is never sent again
	Refused  Outcome = "refused"  // by this service's own rules; nothing was sent
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome { return []Outcome{Done, Rejected, NotSent, Doubt, Refused} }

// Effect is what the platform's events say of a command that was a verb.
type Effect string

// The effects.
const (
	Confirmed   Effect = "confirmed"   // the event came
	Pending     Effect = "pending"     // it comes after the call
	Unconfirmed Effect = "unconfirmed" // none came
)

// Result is the answer to a Request.
type Result struct {
	Outcome Outcome `json:"outcome"`
	Status  int     `json:"status,omitempty"` // the platform's: of ECSS' reply, or of HTTP
	Code    string  `json:"code,omitempty"`   // the vendor's own
	// Answer is the payload of ECSS' reply, or the whole body of an answer over HTTP
	// (a JSON text where it is no JSON), without secrets.
	Answer     json.RawMessage `json:"answer,omitempty"`
	Effect     Effect          `json:"effect,omitempty"`
	ID         string          `json:"id,omitempty"`
	SentAt     *time.Time      `json:"sent_at,omitempty"`
	AnsweredAt *time.Time      `json:"answered_at,omitempty"`
	// Repeated tells that this is the recorded outcome of an earlier request with the
	// same ID.
	Repeated bool `json:"repeated,omitempty"`
	// Error says, where there is no answer of the platform, what happened and what to
	// do, in one sentence.
	Error string `json:"error,omitempty"`

	// HTTP is the status by which the control API answers.
	HTTP int `json:"-"`
	// Retry is when to ask again where HTTP is 429 or 503; 0 otherwise.
	Retry time.Duration `json:"-"`
}

// since is the time from a command's arrival to its answer, or to now where there is
// none: what a verb's effect is waited for does not count.
func (r *Result) since(arrived time.Time) time.Duration {
	if r.AnsweredAt == nil || r.Repeated {
		return time.Since(arrived)
	}
	return max(r.AnsweredAt.Sub(arrived), 0)
}
