package session

// State is what an agent is doing, in the words of the API and the metrics.
type State string

// The states.
const (
	Offline    State = "offline"
	SigningIn  State = "signing_in"
	Online     State = "online"
	SigningOut State = "signing_out"
	Waiting    State = "waiting" // between attempts
	Parked     State = "parked"  // until its secret or configuration changes, or a person's word
)

// States returns all states.
func States() []State {
	return []State{Offline, SigningIn, Online, SigningOut, Waiting, Parked}
}

// Reason says why an agent waits, is parked or cannot sign out.
type Reason string

// The reasons.
const (
	ReasonNone       Reason = ""
	ReasonOutage     Reason = "outage"
	ReasonLost       Reason = "lost"
	ReasonTaken      Reason = "taken"      // somebody else holds the session or the number
	ReasonDoubt      Reason = "doubt"      // the answer to an operation never came
	ReasonRefused    Reason = "refused"    // credentials or settings rejected
	ReasonQuarantine Reason = "quarantine" // log-ins to this platform are stopped to avoid a lock-out
	ReasonBusy       Reason = "busy"       // sign-out refused during a call
	ReasonReplaced   Reason = "replaced"   // evicted again and again
)

// Reasons returns every reason but the empty one.
func Reasons() []Reason {
	return []Reason{ReasonOutage, ReasonLost, ReasonTaken, ReasonDoubt, ReasonRefused,
		ReasonQuarantine, ReasonBusy, ReasonReplaced}
}

// Loss says how a session ended without being signed out by us; the label of
// the metric that counts losses.
type Loss string

// The losses.
const (
	LossNone    Loss = ""
	LossOutage  Loss = "outage"  // silence beyond the window
	LossLost    Loss = "lost"    // the platform says that it is gone
	LossTaken   Loss = "taken"   // another client took it
	LossClosed  Loss = "closed"  // its connection was closed
	LossExpired Loss = "expired" // its credential's life was over
)

// Losses returns every loss but LossNone.
func Losses() []Loss { return []Loss{LossOutage, LossLost, LossTaken, LossClosed, LossExpired} }

// Wish is what an agent is to do.
type Wish uint8

// The wishes.
const (
	Stay  Wish = iota // be signed in
	Leave             // be signed out
	Quit              // hand over: stop here and leave everything as it is
)

// String returns "online", "offline" or "quit".
func (w Wish) String() string { return [...]string{"online", "offline", "quit"}[w] }
