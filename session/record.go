package session

import "time"

// Op is an operation: the two requests that must never overlap.
type Op uint8

// The operations.
const (
	OpNone Op = iota
	OpSignIn
	OpSignOut
)

// String returns "", "sign_in" or "sign_out".
func (o Op) String() string { return [...]string{"", "sign_in", "sign_out"}[o] }

// Intent is an operation that is about to be sent. It is durable before the
// request leaves and cleared with the answer; a process that finds one knows
// that its predecessor died in between, and waits until Deadline before an
// operation of its own for that agent.
type Intent struct {
	Op       Op
	Deadline time.Time // the platform is done with the request by then
}

// Record is everything about one agent that survives a restart. It is written
// as a whole and durable when the write returns.
type Record struct {
	Key         Key       // zero: no session held
	Started     time.Time // of the session
	LastContact time.Time // as of the last write; the platform's silence is at least as recent
	Intent      Intent    // Op OpNone: none
	Memo        Memo      // of the machine
	Written     time.Time // when this was handed to the store, by the clock of its instants; zero: not known
	// SecretHash tells whether the secret changed since the last sign-in; a
	// keyed hash, never the secret.
	SecretHash string
	// SettingsHash tells the same of everything else that a sign-in sends.
	SettingsHash string
	// ProvenHash is the keyed hash of the secret that the platform accepted last,
	// and of the platform's address; "" after it was refused.
	ProvenHash string
	// Sequence is the highest event sequence that may have been given out.
	Sequence uint64
	// Generation rises with every change of the credential that Key holds.
	Generation uint64
	// SignIns counts the successful sign-ins.
	SignIns uint64
}
