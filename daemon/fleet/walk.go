package fleet

import (
	"time"

	"agentkeeper/session"
)

// What is done with every agent takes long where there are many. Nobody may wait
// for mu meanwhile, so it is given up for a moment after so long, or so many.
const (
	holdFor  = 2 * time.Millisecond
	holdMost = 256
)

// breath counts how long mu has been held.
type breath struct {
	f     *Fleet
	since time.Time
	n     int
}

// hold begins to count. The caller holds mu.
func (f *Fleet) hold() *breath { return &breath{f: f, since: time.Now()} }

// take gives mu up for a moment if it was held for long, and reports whether it
// did: then others may have changed anything. The caller holds mu, and calls take
// for every agent.
func (b *breath) take() bool {
	if b.n++; b.n < holdMost && (b.n%8 != 0 || time.Since(b.since) < holdFor) {
		return false
	}
	b.f.mu.Unlock()
	b.f.mu.Lock()
	b.since, b.n = time.Now(), 0
	return true
}

// walk calls fn for every agent, sorted, with mu held, which it gives up for a
// moment now and then. An agent that comes or goes meanwhile may be left out, none
// is called twice. The caller does not hold mu.
func (f *Fleet) walk(fn func(a *agent)) {
	f.walkFrom(session.ID{}, func(a *agent) bool { fn(a); return true })
}

// walkFrom is walk for the agents behind one, until fn returns false.
func (f *Fleet) walkFrom(after session.ID, fn func(a *agent) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.hold()
	for i := f.behind(after); i < len(f.sorted); i++ {
		a := f.sorted[i]
		if !fn(a) {
			return
		}
		if b.take() {
			i = f.behind(a.id) - 1
		}
	}
}

// behind returns where the first agent behind that name is. The caller holds mu.
func (f *Fleet) behind(id session.ID) int {
	i, found := f.index(id)
	if found {
		i++
	}
	return i
}
