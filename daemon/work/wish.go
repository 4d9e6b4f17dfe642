package work

import (
	"context"
	"fmt"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// Of returns the working state of an agent; ok is false for one that there is not,
// or whose vendor tells no working state.
func (t *Tracker) Of(id session.ID) (s work.Shown, ok bool) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.agents[id]; a != nil {
		return t.shown(a, now), true
	}
	if t.policies == nil {
		return s, false
	}
	p, _, ok := t.policies.Work(id, now)
	pl := t.platform(id.Platform)
	if !ok || pl == nil || pl.at.Vendor.Work == nil {
		return s, false
	}
	if s, settled := t.settled[id]; settled {
		m := s.Machine(&p, false)
		return m.Shown(now), true
	}
	m := work.NewMachine(&p, false, work.Record{}, now)
	return m.Shown(now), true
}

// Standing returns the state of an agent; the zero one where nothing is known.
func (t *Tracker) Standing(id session.ID) work.Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.agents[id]; a != nil {
		return a.machine.Standing
	}
	if s, settled := t.settled[id]; settled {
		m := s.Machine(&work.Policy{}, false)
		return m.Standing
	}
	return work.Standing{}
}

// Tally counts the agents of a platform. Those that are signed in and of which
// nothing was told yet are not among its States.
func (t *Tracker) Tally(platform string) work.Tally {
	tally := work.Tally{States: map[work.State]int{}, HeldBack: map[work.Hold]int{}}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.platforms[platform]
	if p == nil {
		return tally
	}
	for state, n := range p.states {
		if n > 0 {
			tally.States[state] = n
		}
	}
	for hold, n := range p.holds {
		if n > 0 {
			tally.HeldBack[hold] = n
		}
	}
	tally.WishedReady, tally.Ready = p.wished, p.able
	return tally
}

// Wish takes a person's word, which takes the place of the one before and of what is
// configured; one without a wish ends the word before. It returns when the word is
// durable; what became of it shows in Of. It fails with fleet.ErrUnknownAgent,
// fleet.ErrEnding, work.ErrWish, work.ErrNoWay, work.ErrCode, or as the store does.
func (t *Tracker) Wish(ctx context.Context, id session.ID, w work.Word) error {
	now := time.Now()
	w.At = now
	if w.For > 0 {
		w.Until = now.Add(w.For)
	} else if !w.Until.IsZero() {
		w.For = w.Until.Sub(now)
	}
	a, err := t.wished(id, w, now)
	if err != nil {
		return err
	}
	word := &w
	if w.None() {
		word = nil
	}
	a.writing.Lock()
	defer a.writing.Unlock()
	t.mu.Lock()
	r := a.machine.Record()
	t.mu.Unlock()
	r.Word, r.Tries = word, nil
	if err := t.put(ctx, a, r); err != nil {
		return fmt.Errorf("store the wish: %w", err)
	}
	t.o.Log.Info("audit", "platform", id.Platform, "agent", id.String(), "operation", "work", "wish", string(w.Wish), "code", w.Code,
		"for", w.For.String(), "by", w.By, "reason", w.Reason)
	t.mu.Lock()
	defer t.mu.Unlock()
	a.machine.Say(word)
	if a.drop != nil {
		a.drop() // an older wish that waits to be sent
	}
	a.platform.leave(a)
	t.settle(a, now, work.News{})
	return nil
}

// wished returns the agent that a word is for, or says what is wrong with the word.
func (t *Tracker) wished(id session.ID, w work.Word, now time.Time) (*agent, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, fleet.ErrEnding
	case t.policies == nil:
		return nil, fmt.Errorf("%w: %s", fleet.ErrUnknownAgent, id)
	}
	_, _, ok := t.policies.Work(id, now)
	pl := t.platform(id.Platform)
	switch {
	case !ok || pl == nil:
		return nil, fmt.Errorf("%w: %s", fleet.ErrUnknownAgent, id)
	case w.Wish != "" && w.Wish != work.AsIs && w.Wish.State() == "":
		return nil, fmt.Errorf("%w: %q", work.ErrWish, w.Wish)
	case pl.at.Vendor.Work == nil, w.Wish.State() != "" && pl.at.Vendor.WrongWish == nil:
		return nil, fmt.Errorf("%w (%s)", work.ErrNoWay, pl.at.Vendor.Title)
	case w.Wish.State() != "":
		if why := pl.at.Vendor.WrongWish(w.Wish, w.Code); why != "" {
			return nil, fmt.Errorf("%w: %q %s", work.ErrCode, w.Code, why)
		}
	}
	a := t.follow(id, now)
	if a == nil {
		return nil, fmt.Errorf("%w: %s", fleet.ErrUnknownAgent, id)
	}
	return a, nil
}
