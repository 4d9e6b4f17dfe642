package fleet

import (
	"slices"
	"time"

	"agentkeeper/session"
)

// Agents are started in small groups with a pause in between: 2,000 a second.
// Thousands of agents that are all ready to run would keep the rest of the
// process, its health check for one, from running for seconds.
const (
	startGroup = 20
	startPause = 10 * time.Millisecond
)

// newcomer is an agent that is enlisted and not started yet. It takes orders like
// any other: its keeper follows them when it runs.
type newcomer struct {
	agent   *agent
	held    bool      // it has a stored session
	contact time.Time // with the platform, the last one on record
}

func newcomerOf(a *agent, rec session.Record) newcomer {
	return newcomer{a, !rec.Key.IsZero(), rec.LastContact}
}

// sooner orders newcomers as they are started: stored sessions first, the one that
// was silent for the longest time before the others, because its window ends first.
func sooner(a, b newcomer) int {
	switch {
	case a.held && b.held:
		return a.contact.Compare(b.contact)
	case a.held:
		return -1
	case b.held:
		return 1
	}
	return 0
}

// launch has newcomers started, beside those that still wait for it.
func (f *Fleet) launch(fresh []newcomer) {
	slices.SortStableFunc(fresh, sooner)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.newcomers) > 0 {
		fresh = slices.Concat(f.newcomers, fresh)
		slices.SortStableFunc(fresh, sooner)
	}
	f.newcomers = fresh
	if f.ctx.Err() != nil { // the loop may be over
		f.startSome()
	}
	f.wakeStarter()
}

func (f *Fleet) wakeStarter() {
	select {
	case f.starts <- struct{}{}:
	default:
	}
}

// startLoop starts newcomers, at their pace. At the fleet's end all that are left
// start at once: they have sessions to sign out, or to hand over.
func (f *Fleet) startLoop() {
	for {
		f.mu.Lock()
		over := f.ctx.Err() != nil
		left := f.startSome()
		f.mu.Unlock()
		switch {
		case over:
			return
		case left:
			f.pauseStart()
			continue
		}
		select {
		case <-f.starts:
		case <-f.ctx.Done():
		}
	}
}

// startSome starts the next newcomers and reports whether there are more. The
// caller holds mu.
func (f *Fleet) startSome() bool {
	n := min(startGroup, len(f.newcomers))
	if f.ending {
		n = len(f.newcomers)
	}
	for _, one := range f.newcomers[:n] {
		f.drive(one.agent)
	}
	if f.newcomers = f.newcomers[n:]; len(f.newcomers) == 0 {
		f.newcomers = nil
	}
	return len(f.newcomers) > 0
}

// pauseStart lets startPause pass, or less where the fleet ends.
func (f *Fleet) pauseStart() {
	timer := time.NewTimer(startPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
	}
}
