package session

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Account is what an adapter needs to sign one agent in.
type Account struct {
	ID       ID
	Number   string // the telephone number to seat the agent at; "" where the vendor has none
	Password Secret
	Token    Secret // what the platform is to prove itself with when it calls us; zero where it does not
	// Proven tells that the platform has accepted this very password from this
	// agent before, so that it is hardly refused now. Adapters ignore it.
	Proven  bool
	Options any // the vendor's own decoded options for this agent (agent over group over platform)
}

// Platform is one vendor system at one address. Each call is one attempt: no
// retry, no other request that signs in or out, nothing left behind on error.
// Errors are *Fault. Calls for different agents may run at the same time;
// those of one agent never overlap.
type Platform interface {
	// SignIn sends one sign-in and blocks until the platform answered or ctx
	// ended. ctx carries the operation's deadline and no other cancellation.
	// force displaces another client's session; adapters without such an
	// operation ignore it. Doubt means that the request may have been carried
	// out; every fault before the request left is an Outage.
	SignIn(ctx context.Context, a Account, force bool) (Session, error)

	// Adopt goes on with a stored session without a login. It does no I/O; the
	// first Step that answers proves it (see Live.Step). A key that cannot be adopted (another program's,
	// or a vendor whose sessions die with their connection) is a Lost fault.
	Adopt(a Account, k Key) (Session, error)

	// Probe asks, without changing anything, whether the platform answers for
	// this account. The driver calls it between an unanswered sign-in and the next
	// one, and while it holds a session that may be dead though no answer says so.
	// nil and Lost both mean: it answers.
	Probe(ctx context.Context, a Account) error
}

// Receiver is a Platform whose system also sends events by itself, by requests
// to an address of ours. Optional; the adapter does not listen, it is handed
// what came. Receive may be called at any time, by several goroutines.
type Receiver interface {
	// Receive takes one such request and blocks until what it carries is where
	// it cannot be lost, was refused, or ctx ended. What its sender is to be
	// told is in the Receipt; success is told in the first case only, so that
	// the platform may send anything else again.
	Receive(ctx context.Context, header http.Header, body []byte) Receipt
}

// LargeReceiver is a Receiver that can tell whom a request is about which is
// larger than [MessageLimit]. Optional.
type LargeReceiver interface {
	// ReceiveLarge is Receive for such a request, of which head is the beginning.
	// Its events are lost; the place where they would have been is marked among
	// the agent's events ([Batch].Missing).
	ReceiveLarge(ctx context.Context, header http.Header, head []byte) Receipt
}

// Receipt is what became of a request that the platform sent us, and the
// answer to it.
type Receipt struct {
	Status  int    // of HTTP
	Body    []byte // in the vendor's own form
	Refusal Refusal
	Login   string // whom the request named; "" where it did not
	Events  int    // how many it carried
}

// Refusal says why a request that the platform sent us was not taken.
type Refusal uint8

// The refusals.
const (
	Accepted   Refusal = iota
	Malformed          // not one that the vendor's pages describe
	Forbidden          // it did not prove who sent it
	NoSession          // the agent is not signed in by us
	TooMany            // more than the agent's session can take in
	NotFetched         // the agent's driver was busy otherwise for too long
	NotStored          // the events could not be made durable
)

// String returns the refusal's short stable name, "" for Accepted.
func (r Refusal) String() string {
	return [...]string{"", "malformed", "forbidden", "no_session", "too_many", "not_fetched", "not_stored"}[r]
}

// Session is one signed-in agent.
type Session interface {
	Live

	// SignOut sends one sign-out and blocks until the platform answered or ctx
	// (the operation's deadline) ended. nil and Lost mean signed out, Busy
	// means not now. After Busy, Outage or Doubt the session is still usable.
	SignOut(ctx context.Context) error
}

// Live is a signed-in agent, but for its way out. It belongs to one driver; calls
// never overlap.
type Live interface {
	// Step goes on until the platform has answered once more: a poll, a frame, a
	// renewal, a keep-alive. Where it would wait for that, or let a pause pass that
	// the vendor asks for, it returns a Wait, and nothing else: it is called again
	// when that is over, and may be called sooner. All calls up to the one that
	// returns without a Wait are one Next. The first one after SignIn sends its
	// request at once. Events that came with an error are returned beside it.
	//
	// ctx may be another one each time. When it has ended, Step returns what it has
	// and the context's error, and the session stays usable. What Step blocks for
	// all the same (a connection that is being made, a short request, an answer that
	// has begun) takes seconds, not the platform's hold. Behind a Wait no method but
	// Step and Close is called until Step returned without one.
	Step(ctx context.Context) (Batch, Wait, error)

	// Key returns what proves the session now. The driver saves it after
	// SignIn and after every Next that changed it, before its next call.
	Key() Key

	// Info returns what people and consumers may want to know, as of the last
	// answer. Cheap; no I/O.
	Info() Info

	// Close frees local resources (connections, goroutines) and waits for
	// them. It never talks to the platform: the agent stays signed in where
	// the platform lets it.
	Close() error
}

// MessageLimit is the largest message of a platform that is read, in bytes: the
// answer to a poll, a pushed request, a frame. An event in it that the store
// cannot take, and a message above it, is counted and marked as lost.
const MessageLimit = 8 << 20

// Event is one thing that the platform reported about an agent.
type Event struct {
	Type string          // the vendor's own name, for example "AgentState_Ready"; no vendor prefix
	Time time.Time       // when it happened, by the platform; zero where it does not tell
	Data json.RawMessage // the whole vendor object, untouched; in UTF-8 as far as the adapter knows the charset
}

// Batch is what one Next brought: events oldest first, possibly none.
type Batch struct {
	Events []Event
	// Renew asks for a new sign-in while the session lives: its credential
	// will not last. The old one stays in use until the new one is there or it
	// is proven dead.
	Renew bool
	// Unasked tells that no request was answered: the events came by
	// themselves, or there is only a key to be saved. The batch then proves
	// nothing about the session, whose window runs on; an error beside it
	// counts as ever.
	Unasked bool
	// Missing says that events may be lost that the platform sent: the driver
	// marks the place in the agent's events, after those of the batch. It may stand
	// beside an error.
	Missing Missing
	// Settled, where not nil, is called by the driver once, before its next
	// call: with nil when every event is where it cannot be lost, with an error
	// when they could not be stored. The adapter tells whoever sent the events,
	// so that they may be sent again. It does not block.
	Settled func(error)
}

// Missing says why events that the platform sent may be missing from a Batch.
type Missing uint8

// The reasons.
const (
	MissingNone     Missing = iota
	MissingCut              // an answer broke off after it had begun; whether it carried events is not known
	MissingTooLarge         // an answer was larger than is read
)

// String returns the reason's short stable name, "" for MissingNone.
func (m Missing) String() string { return [...]string{"", "cut", "too_large"}[m] }

// Info is what a session knows beside its events.
type Info struct {
	Warnings        []Warning
	PasswordExpires time.Time // zero: never, or the platform does not tell
	Credential      Credential
}

// Warning is a state that needs a person though the session lives.
type Warning struct {
	Code   string // short and stable, for example "password_change_required"
	Text   string
	Action string
}

// Credential is what another program at the site needs to act within this
// session. The zero value means that the vendor has none to hand on. Header
// values are secret.
type Credential struct {
	Header    Headers
	Token     Secret
	IssuedAt  time.Time
	ExpiresAt time.Time // zero: the platform does not tell
}

// Header is one header of HTTP; its name is in canonical form.
type Header struct{ Name, Value string }

// Headers are headers of HTTP, each name once. Every agent has some, which a map
// would be too large for. They are not changed.
type Headers []Header

// Get returns the value of the header, "" where there is none.
func (h Headers) Get(name string) string {
	for _, one := range h {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

// Format prints "***" for every verb: header values are secret as the token is.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }
