package work

import (
	"reflect"
	"time"

	"agentkeeper/session/work"
)

// looksPerSecond bounds the read-backs of a platform; one's own flow control allows
// far more.
const looksPerSecond = 200

// platform is what the agents of one platform share. The tracker's mu guards it.
type platform struct {
	name     string
	at       Platform
	policies []*work.Policy // those that its agents have

	looks pace
	sends pace

	// A mass of agents that were forced, since the last restore that succeeded, shows
	// that what answers the calls may be down: one agent is restored first.
	epoch    uint64 // rises with each restore that succeeded
	forced   int    // agents forced in this epoch
	canary   *agent // whose restore is under way while the others wait; nil: none
	next     time.Time
	failures int // canaries that failed, in a row
	waiting  map[*agent]bool

	states map[work.State]int
	holds  map[work.Hold]int
	wished int
	able   int
}

func newPlatform(name string) *platform {
	return &platform{name: name, epoch: 1, waiting: map[*agent]bool{}, states: map[work.State]int{}, holds: map[work.Hold]int{}}
}

// configure takes over what is configured; ok is false where that is nothing.
func (p *platform) configure(all Policies) (_ *platform, ok bool) {
	at, ok := all.Platform(p.name)
	p.at = at
	p.looks.every = time.Second / looksPerSecond
	p.sends.every = 0
	if at.Rate > 0 {
		p.sends.every = time.Duration(float64(time.Second) / at.Rate)
	}
	p.policies = nil
	return p, ok
}

// share returns a policy like q, the same one for all agents that have it.
func (p *platform) share(q work.Policy) *work.Policy {
	for _, known := range p.policies {
		if reflect.DeepEqual(*known, q) {
			return known
		}
	}
	kept := &q
	if p.policies = append(p.policies, kept); len(p.policies) > policiesKept {
		p.policies = p.policies[1:]
	}
	return kept
}

// policiesKept bounds the policies that are compared.
const policiesKept = 16

// spread returns when the state of an agent is read back after an adoption or a gap.
func (p *platform) spread(now time.Time) time.Time { return now.Add(jitter(p.at.Window / 4)) }

// pace spaces requests evenly.
type pace struct {
	every time.Duration
	free  time.Time // the next one
}

// reserve returns when the next request may leave.
func (p *pace) reserve(now time.Time) time.Time {
	at := p.free
	if at.Before(now) {
		at = now
	}
	p.free = at.Add(p.every)
	return at
}

// massAgents and massPart are how many forced agents are a mass: more than so many,
// or one of so many of the platform.
const (
	massAgents = 10
	massPart   = 20
)

func (p *platform) mass() bool {
	return p.forced > massAgents || p.forced*massPart > max(p.at.Agents, 1)
}

// force counts an agent that the platform made busy.
func (p *platform) force(a *agent) {
	if a.epoch != p.epoch {
		a.epoch = p.epoch
		p.forced++
	}
}

// succeed notes that a restore succeeded, and returns who waited for that.
func (p *platform) succeed() (waited []*agent) {
	p.epoch++
	p.forced, p.failures = 0, 0
	p.canary, p.next = nil, time.Time{}
	return p.release()
}

// fail notes that the canary's restore failed, and returns who waited for its outcome.
func (p *platform) fail(now time.Time) (waited []*agent) {
	p.failures++
	pause := *p.canary.policy
	p.canary, p.next = nil, now.Add(pause.Pause(p.failures))
	return p.release()
}

func (p *platform) release() (waited []*agent) {
	for a := range p.waiting {
		a.waits = false
		waited = append(waited, a)
	}
	clear(p.waiting)
	return waited
}

// unwait lets an agent wait no longer for the outcome of a canary.
func (p *platform) unwait(a *agent) {
	delete(p.waiting, a)
	a.waits = false
}

// leave takes an agent out of what is under way.
func (p *platform) leave(a *agent) {
	p.unwait(a)
	if p.canary == a {
		p.canary = nil
	}
}

// admit reports whether the restore of an agent may leave now. Where not, it waits:
// until at, or where that is zero for the canary.
func (p *platform) admit(a *agent, now time.Time) (at time.Time, ok bool) {
	p.unwait(a)
	switch {
	case !p.mass(), p.canary == a:
		return at, true
	case p.canary == nil && !now.Before(p.next):
		p.canary = a
		return at, true
	}
	a.waits = true
	p.waiting[a] = true
	if p.canary == nil {
		return p.next, false
	}
	return time.Time{}, false
}

// counted is what an agent adds to its platform's tally.
type counted struct {
	live   bool
	state  work.State
	hold   work.Hold
	wished bool // Ready is
}

// count brings the tally up to date.
func (p *platform) count(a *agent, now counted) {
	p.add(a.counted, -1)
	a.counted = now
	p.add(now, 1)
}

func (p *platform) uncount(a *agent) { p.count(a, counted{}) }

func (p *platform) add(c counted, n int) {
	if c.hold != work.HoldNone {
		p.holds[c.hold] += n
	}
	if !c.live {
		return
	}
	p.states[c.state] += n
	if !c.wished {
		return
	}
	p.wished += n
	if c.state.Able() {
		p.able += n
	}
}
