package fleet

import (
	"slices"
	"sync"
	"time"

	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Count is how many agents of a platform are alike in what is counted.
type Count struct {
	State session.State
	// Reason is what an agent is shown to wait for: for one in the queue of a
	// platform that lets nobody sign in, why that is.
	Reason   session.Reason
	Wish     session.Wish
	Queued   bool // its sign-in waits for its turn
	SignedIn bool // it has a session, whatever its state
	Warned   bool // its session lives and yet needs a person
	Agents   int
}

// standing is what is counted of an agent. Agents are counted as they change, so
// that nobody who asks how many there are has to walk them all.
type standing struct {
	keeper.Standing
	wish session.Wish
}

// census counts the agents by platform and standing. Its mu is taken while others
// are held, and takes none.
type census struct {
	mu        sync.Mutex
	platforms map[string]*headcount
}

// headcount is the census of one platform.
type headcount struct {
	agents int
	counts map[standing]*count
	seen   sums
}

// count is how many agents of a platform stand alike. None has a PasswordExpires,
// which would make every agent its own kind.
type count struct {
	standing
	agents int
}

// sums are what time alone changes, or what only a look at all agents tells; they
// are as of the last one.
type sums struct {
	stuck   int       // agents past the deadline of what they do
	expires time.Time // the earliest end of a password; zero: none is known
}

func newCensus() census { return census{platforms: map[string]*headcount{}} }

// join counts an agent that has come.
func (c *census) join(a *agent, s keeper.Standing, w session.Wish) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.platforms[a.id.Platform]
	if h == nil {
		h = &headcount{counts: map[standing]*count{}}
		c.platforms[a.id.Platform] = h
	}
	h.agents++
	a.counted = h.add(standing{s, w})
}

// leave counts an agent no longer.
func (c *census) leave(a *agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.platforms[a.id.Platform]
	h.drop(a.counted)
	a.counted = nil
	if h.agents--; h.agents == 0 {
		delete(c.platforms, a.id.Platform)
	}
}

// turn counts an agent where it is now. It is called on the agent's goroutine,
// too. An agent that has not joined yet is none of its.
func (c *census) turn(a *agent, s keeper.Standing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.platforms[a.id.Platform]; h != nil && a.counted != nil {
		h.move(a, standing{s, a.counted.wish})
	}
}

// wish counts what is wished of an agent now.
func (c *census) wish(a *agent, w session.Wish) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.platforms[a.id.Platform]; h != nil && a.counted != nil && a.counted.wish != w {
		h.move(a, standing{a.counted.Standing, w})
	}
}

func (h *headcount) move(a *agent, to standing) {
	h.drop(a.counted)
	a.counted = h.add(to)
}

func (h *headcount) drop(c *count) {
	if c.agents--; c.agents == 0 {
		delete(h.counts, c.standing)
	}
}

func (h *headcount) add(s standing) *count {
	if at := s.PasswordExpires; !at.IsZero() && (h.seen.expires.IsZero() || at.Before(h.seen.expires)) {
		h.seen.expires = at
	}
	s.PasswordExpires = time.Time{}
	c := h.counts[s]
	if c == nil {
		c = &count{standing: s}
		h.counts[s] = c
	}
	c.agents++
	return c
}

// agents returns how many agents a platform has.
func (c *census) agents(platform string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.platforms[platform]; h != nil {
		return h.agents
	}
	return 0
}

// see takes what a look at all agents found.
func (c *census) see(found map[string]sums) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, h := range c.platforms {
		h.seen = found[name]
	}
}

// of returns a platform's counts and sums, given how its gate is.
func (c *census) of(platform string, held gate.Status) ([]Count, sums) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.platforms[platform]
	if h == nil {
		return nil, sums{}
	}
	list := make([]Count, 0, len(h.counts))
	for s, c := range h.counts {
		if s.Queued && held.Held != "" {
			s.Reason = heldFor(s.Reason, held)
		}
		list = append(list, Count{s.State, s.Reason, s.wish, s.Queued, s.SignedIn, s.Warned, c.agents})
	}
	return list, h.seen
}

// heldFor is what an agent in the queue of a gate that lets nobody through waits
// for, given what stopped it before.
func heldFor(r session.Reason, held gate.Status) session.Reason {
	switch {
	case held.Quarantined:
		return session.ReasonQuarantine
	case held.Out:
		return session.ReasonOutage
	}
	return r
}

// add adds an agent as a look found it.
func (s sums) add(v *keeper.View, timeout time.Duration, now time.Time) sums {
	if stuck(v, timeout, now) {
		s.stuck++
	}
	if at := v.PasswordExpires; !at.IsZero() && (s.expires.IsZero() || at.Before(s.expires)) {
		s.expires = at
	}
	return s
}

// late is how long after its deadline a step still is no sign of trouble.
const late = time.Minute

// stuck reports whether an agent's step has outlasted what bounds it: an
// operation its time limit (several requests may each take one; 0: none), a pause
// the time of the next attempt. Who waits in the gate's queue is not: the gate
// says why.
func stuck(v *keeper.View, timeout time.Duration, now time.Time) bool {
	switch {
	case v.Queued:
		return false
	case !v.NextAttempt.IsZero():
		return now.Sub(v.NextAttempt) > late
	case v.State == session.SigningIn, v.State == session.SigningOut && v.Reason == session.ReasonNone:
		return timeout > 0 && now.Sub(v.Since) > 4*timeout+late
	}
	return false
}

// Tally is the fleet in numbers.
type Tally struct {
	Agents, Wished int // all of them, and those that are to be online
	Online, Waiting, Parked,
	SignedIn int // those with a session, whatever their state
	// Unproven are the sessions that were stored when the process started and
	// that the platform has said nothing about yet, for a minute.
	Unproven int
}

// Tally counts the agents. It looks at none of them.
func (f *Fleet) Tally() (t Tally) {
	t.Unproven = f.observer.left()
	f.census.mu.Lock()
	defer f.census.mu.Unlock()
	for _, h := range f.census.platforms {
		t.Agents += h.agents
		for s, c := range h.counts {
			t.add(s, c.agents)
		}
	}
	return t
}

func (t *Tally) add(s standing, n int) {
	if s.wish == session.Stay {
		t.Wished += n
	}
	if s.SignedIn {
		t.SignedIn += n
	}
	switch s.State {
	case session.Online:
		t.Online += n
	case session.Waiting:
		t.Waiting += n
	case session.Parked:
		t.Parked += n
	case session.Offline, session.SigningIn, session.SigningOut:
	}
}

// Sum returns how many of the platform's agents are of those that which picks;
// nil picks all.
func (p Platform) Sum(which func(Count) bool) (n int) {
	for _, c := range p.Counts {
		if which == nil || which(c) {
			n += c.Agents
		}
	}
	return n
}

// index returns where an agent is in sorted, or belongs.
func (f *Fleet) index(id session.ID) (int, bool) {
	return slices.BinarySearchFunc(f.sorted, id, func(a *agent, id session.ID) int { return compareIDs(a.id, id) })
}

// enlist makes an agent one of the fleet. The caller holds mu.
func (f *Fleet) enlist(a *agent) {
	f.agents[a.id] = a
	if n := len(f.sorted); n == 0 || compareIDs(f.sorted[n-1].id, a.id) < 0 {
		f.sorted = append(f.sorted, a)
	} else {
		i, _ := f.index(a.id)
		f.sorted = slices.Insert(f.sorted, i, a)
	}
	f.census.join(a, a.keeper.Standing(), session.Leave)
	f.agentsDone.Add(1)
}

// delist lets an agent go. The caller holds mu.
func (f *Fleet) delist(a *agent) {
	delete(f.agents, a.id)
	if i, found := f.index(a.id); found {
		f.sorted = slices.Delete(f.sorted, i, i+1)
	}
	f.census.leave(a)
}
