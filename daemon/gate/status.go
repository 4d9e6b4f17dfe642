package gate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
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
	Eased                         // a person ended the quiet time: one log-in may try now
)

// String returns the kind's name for logs.
func (k ChangeKind) String() string {
	return [...]string{"quarantined", "released", "out", "back", "unwell", "forgot", "eased"}[k]
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
	// Why is the quarantine's reason, Refused whose log-ins were refused of late,
	// SharedWith the other platforms at the same Address (host and port).
	Why        string
	Refused    []session.ID
	SharedWith []string
	Address    string
	Out        bool
	Answers    bool      // something answers though the platform is out
	OutSince   time.Time // zero: not out
	NextCanary time.Time // earliest next try while out or quarantined; zero: at once, or neither
	// Held tells people why no sign-in may go now though the rate and the
	// operations in flight allow it, or only the one that ends a quarantine; ""
	// if they may.
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
	g.service.mu.Lock()
	defer g.service.mu.Unlock()
	now := time.Now()
	guard := &g.service.guard
	s := Status{
		Queue: g.ins.Len(), InFlight: g.inFlight,
		Quarantined: guard.quarantined(), QuarantinedUntil: guard.until, RefusalsLeft: guard.left(now),
		Refused: guard.who(), SharedWith: g.service.neighbours(g), Address: g.service.address,
		Out: g.breaker.out, Held: g.held(now),
	}
	if s.Quarantined {
		s.Why = g.reason()
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
	head := g.ins.Front()
	o, until := g.obstacle(now, head != nil && g.known.Front() != nil && g.known.Front().Value == head.Value)
	switch o {
	case storeDown:
		return fmt.Sprintf("the store cannot be written: %v", g.store)
	case unsaved:
		return g.heldUnsaved()
	case quarantined:
		return fmt.Sprintf("quarantined until %s, when one log-in tries first: %s", clock(until), g.reason())
	case alone:
		return g.trialReason() + "; sign-ins go one at a time, and an answer is awaited"
	case pausing:
		return fmt.Sprintf("%s; one sign-in goes first, after %s", g.trialReason(), clock(until))
	case spent:
		return "as many log-ins are in flight, or were refused of late, as may be refused before the platform is quarantined" + g.company()
	case nothing, full, tooSoon: // its turn comes by itself
		if g.service.guard.quarantined() {
			return g.trialReason() + "; the next log-in that is due tries first"
		}
	}
	return ""
}

func (g *Gate) heldUnsaved() string {
	if g.service.saveErr == nil {
		return "the lock-out budget is being saved"
	}
	return fmt.Sprintf("the lock-out budget cannot be saved: %v", g.service.saveErr)
}

func (g *Gate) trialReason() string {
	switch {
	case g.service.guard.quarantined():
		return "the quiet time of the quarantine is over (" + g.reason() + ")"
	case g.breaker.out:
		return "the platform is out since " + clock(g.breaker.since)
	case !g.breaker.since.IsZero():
		return "the platform may be out since " + clock(g.breaker.since)
	case g.mass != g.proven:
		return "many secrets have changed, or it is unknown how log-ins before the restart ended (a log-in without an answer, or damage of the store)"
	}
	return "too many log-ins were not answered"
}

// reason is the quarantine's, with whose log-ins led to it.
func (g *Gate) reason() string { return g.service.guard.why + g.company() }

// namesShown is how many agents a text names.
const namesShown = 5

// company names the agents whose refused log-ins count, and the platforms that
// count them together. "" where there is nothing to tell.
func (g *Gate) company() string {
	by := map[string][]string{}
	for _, id := range g.service.guard.who() {
		by[id.Platform] = append(by[id.Platform], id.String())
	}
	text := ""
	if own := by[g.name]; len(own) > 0 {
		text = " (" + some(own) + ")"
	}
	delete(by, g.name)
	others := slices.AppendSeq(g.service.neighbours(g), maps.Keys(by)) // a platform may be gone whose agents were refused
	slices.Sort(others)
	others = slices.Compact(others)
	for _, name := range others {
		text += "; shared with " + name
		if agents := by[name]; len(agents) > 0 {
			text += ": " + some(agents)
		}
	}
	if len(others) > 0 {
		text += ", " + atOne(g.service.address)
	}
	return text
}

func atOne(address string) string {
	if address == "" {
		return "at the same host and port"
	}
	return "at the same host and port (" + address + ")"
}

func some(names []string) string {
	if len(names) <= namesShown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:namesShown], ", "), len(names)-namesShown)
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
		Kind: Quarantined, Until: g.service.guard.until,
		Text: fmt.Sprintf("platform quarantined until %s: %s", clock(g.service.guard.until), g.reason()),
	})
}

// broadcast hands the noted changes on in order; whoever comes while another
// goroutine does so leaves it to that one.
func (g *Gate) broadcast() {
	g.service.mu.Lock()
	defer g.service.mu.Unlock()
	if g.telling {
		return
	}
	g.telling = true
	for len(g.news) > 0 {
		c := g.news[0]
		g.news = g.news[1:]
		g.service.mu.Unlock()
		g.notify(c)
		g.service.mu.Lock()
	}
	g.telling = false
}
