package gate

import (
	"fmt"
	"time"
)

// ChangeKind names a transition of a whole platform.
type ChangeKind uint8

// The transitions.
const (
	Quarantined ChangeKind = iota // log-ins stopped until Change.Until; also when a quarantine begins anew
	Released                      // a canary's log-in succeeded: the quarantine is over
	Out                           // the platform cannot be reached, or does not work
	Back                          // it works again
	Unwell                        // requests of live sessions fail while the platform is not out; told once a minute at most
	Forgot                        // the saved state could not be read: refusals and quarantine before the restart are unknown
)

// String returns the kind's name for logs.
func (k ChangeKind) String() string {
	return [...]string{"quarantined", "released", "out", "back", "unwell", "forgot"}[k]
}

// Change is one transition of a platform, to be logged once.
type Change struct {
	Kind  ChangeKind
	Text  string    // for people
	Until time.Time // of Quarantined: no log-in before
}

// Status is a gate at one instant, for the API, the metrics and the logs.
type Status struct {
	Queue            int // sign-ins waiting
	InFlight         int // sign-ins and sign-outs sent and not answered
	Quarantined      bool
	QuarantinedUntil time.Time // zero: not quarantined; passed: one log-in may try
	RefusalsLeft     int       // before a quarantine; 0 in one
	Out              bool
	Answers          bool      // something answers though the platform is out
	OutSince         time.Time // zero: not out
	NextCanary       time.Time // earliest next try while out or quarantined; zero: at once, or neither
	// Held tells people why no sign-in may go now though the rate and the
	// operations in flight allow it; "" if one may.
	Held string
}

// Trouble says in a few words what a platform that is out suffers from, to be put
// behind its name.
func (s Status) Trouble() string { return Trouble(s.Answers) }

// Trouble is [Status.Trouble] by what Status.Answers tells.
func Trouble(answers bool) string {
	if answers {
		return "is reached but does not work"
	}
	return "cannot be reached"
}

// Snapshot returns the gate's status now.
func (g *Gate) Snapshot() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	s := Status{
		Queue: g.ins.Len(), InFlight: g.inFlight,
		Quarantined: g.guard.quarantined(), QuarantinedUntil: g.guard.until,
		RefusalsLeft: g.guard.left(now), Out: g.breaker.out, Held: g.held(now),
	}
	if s.Out {
		s.OutSince, s.Answers = g.breaker.since, g.breaker.answers
	}
	if s.Out || s.Quarantined {
		s.NextCanary = g.pace.next
	}
	if s.Quarantined && s.QuarantinedUntil.After(s.NextCanary) {
		s.NextCanary = s.QuarantinedUntil
	}
	return s
}

// held says in words what obstacle says.
func (g *Gate) held(now time.Time) string {
	o, until := g.obstacle(now)
	switch o {
	case storeDown:
		return fmt.Sprintf("the store cannot be written: %v", g.store)
	case unsaved:
		return g.heldUnsaved()
	case quarantined:
		return fmt.Sprintf("quarantined until %s: %s; then one log-in tries first", clock(until), g.guard.why)
	case alone:
		return g.trialReason() + "; sign-ins go one at a time, and an answer is awaited"
	case pausing:
		return fmt.Sprintf("%s; one sign-in goes first, after %s", g.trialReason(), clock(until))
	case spent:
		return "as many log-ins are in flight as may be refused before the platform is quarantined"
	case nothing, full, tooSoon: // its turn comes by itself
	}
	return ""
}

func (g *Gate) heldUnsaved() string {
	if g.saveErr == nil {
		return "the lock-out budget is being saved"
	}
	return fmt.Sprintf("the lock-out budget cannot be saved: %v", g.saveErr)
}

func (g *Gate) trialReason() string {
	switch {
	case g.guard.quarantined():
		return "the quarantine is over (" + g.guard.why + ")"
	case g.breaker.out:
		return "the platform is out since " + clock(g.breaker.since)
	case !g.breaker.since.IsZero():
		return "the platform may be out since " + clock(g.breaker.since)
	case g.mass != g.proven:
		return "many secrets have changed, or it is unknown how log-ins before the restart ended (a log-in without an answer, or damage of the store)"
	}
	return "too many log-ins were not answered"
}

func clock(t time.Time) string { return t.Format(time.TimeOnly) }

// tell notes a change under the mutex; broadcast hands it on without.
func (g *Gate) tell(c Change) {
	if g.notify != nil {
		g.news = append(g.news, c)
	}
}

func (g *Gate) tellQuarantine() {
	g.tell(Change{
		Kind: Quarantined, Until: g.guard.until,
		Text: fmt.Sprintf("platform quarantined until %s: %s", clock(g.guard.until), g.guard.why),
	})
}

// broadcast hands the noted changes on in order; whoever comes while another
// goroutine does so leaves it to that one.
func (g *Gate) broadcast() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.telling {
		return
	}
	g.telling = true
	for len(g.news) > 0 {
		c := g.news[0]
		g.news = g.news[1:]
		g.mu.Unlock()
		g.notify(c)
		g.mu.Lock()
	}
	g.telling = false
}
