package work

import (
	"context"
	"encoding/json"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// idle is how long the loop sleeps where nothing is due.
const idle = time.Hour

// loop asks the machines whose time has come.
func (t *Tracker) loop() {
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		timer.Reset(t.actDue())
		select {
		case <-timer.C:
		case <-t.rouse:
		case <-t.ctx.Done():
			return
		}
	}
}

// actDue carries out what is due, and returns the time to the next.
func (t *Tracker) actDue() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		a := t.due.first()
		now := time.Now()
		switch {
		case a == nil || t.closed:
			return idle
		case now.Before(a.due):
			return a.due.Sub(now)
		}
		t.due.remove(a)
		t.act(a, now)
	}
}

// settle follows everything that an agent's machine was told: it counts, tells and
// stores what changed, and has the machine asked in time. The caller holds mu.
func (t *Tracker) settle(a *agent, now time.Time, n work.News) {
	a.machine.Expire(now)
	if n.Forced {
		t.forced(a)
	}
	t.conclude(a, now, n)
	if a.waits && a.machine.Next(now).Do != work.DoSet {
		a.platform.unwait(a)
	}
	if n.Changed {
		t.tell(a, "work.changed", t.shown(a, now))
		a.slot = time.Time{}
	}
	t.tellHeld(a, now)
	t.store(a)
	if a.waits {
		return
	}
	t.plan(a, t.nextOf(a, now))
}

// nextOf returns when the machine is to be asked: now where something is due. The
// caller holds mu.
func (t *Tracker) nextOf(a *agent, now time.Time) time.Time {
	next := a.machine.Next(now)
	at := next.At
	if next.Do != work.DoNothing {
		at = now
		if a.slot.After(now) {
			at = a.slot
		}
	}
	if !a.changes.IsZero() && (at.IsZero() || a.changes.Before(at)) {
		at = a.changes
	}
	return at
}

// plan has the machine asked at a time, zero for never. The caller holds mu.
func (t *Tracker) plan(a *agent, at time.Time) {
	a.due = at
	t.due.put(a)
	if !at.IsZero() && t.due.first() == a {
		select {
		case t.rouse <- struct{}{}:
		default:
		}
	}
}

// act does what the machine of an agent wants now. The caller holds mu.
func (t *Tracker) act(a *agent, now time.Time) {
	if !a.changes.IsZero() && !now.Before(a.changes) {
		if !t.configure(a, now) {
			t.forget(a.id, a)
			return
		}
	}
	switch next := a.machine.Next(now); next.Do {
	case work.DoLook:
		t.actLook(a, now)
	case work.DoSet:
		t.actSet(a, now, next)
	default:
		a.slot = time.Time{}
		t.settle(a, now, work.News{})
	}
}

// actLook reads the state back when it is the agent's turn. The caller holds mu.
func (t *Tracker) actLook(a *agent, now time.Time) {
	if t.awaits(a, &a.platform.looks, now) {
		return
	}
	a.machine.Looking()
	t.done.Go(func() { t.look(a) })
}

// awaits reports whether the agent has to wait for its turn. The caller holds mu.
func (t *Tracker) awaits(a *agent, p *pace, now time.Time) bool {
	if a.slot.IsZero() {
		a.slot = p.reserve(now)
	}
	if now.Before(a.slot) {
		t.plan(a, a.slot)
		return true
	}
	a.slot = time.Time{}
	return false
}

// actSet sends a command when it is the agent's turn. The caller holds mu.
func (t *Tracker) actSet(a *agent, now time.Time, next work.Action) {
	if next.Restores {
		if at, ok := a.platform.admit(a, now); !ok {
			a.slot = time.Time{}
			t.tellHeld(a, now)
			t.plan(a, at)
			return
		}
	}
	t.tellHeld(a, now)
	if t.awaits(a, &a.platform.sends, now) {
		return
	}
	ctx, cancel := context.WithCancel(t.ctx)
	a.drop, a.restoring = cancel, next.Restores
	a.machine.Leaving(now)
	t.tellHeld(a, now)
	t.done.Go(func() {
		defer cancel()
		t.send(ctx, a, next)
	})
}

// sendMost bounds how long a command waits for those before it, and for its answer.
const sendMost = 10 * time.Second

// send makes a try durable, sends its command, and tells the machine what came of it.
func (t *Tracker) send(ctx context.Context, a *agent, next work.Action) {
	result := command.Result{Outcome: command.NotSent, Error: "the try could not be stored"}
	err := t.save(ctx, a)
	if err == nil && ctx.Err() == nil {
		result = t.o.Send(ctx, a.id, command.Request{
			Do: string(next.Wish), Code: next.Code, For: next.For, Timeout: sendMost, Reason: reasonOf(next),
		})
	}
	answer, retry := work.Taken, result.Retry
	switch result.Outcome {
	case command.Done, command.Doubt:
	case command.Rejected:
		answer = work.Refused
	case command.Refused: // it will be so again
		answer, retry = work.NotSent, work.MostAfter
		t.o.Log.Warn("work: a command of the keeper's own was refused", "platform", a.platform.name, "agent", a.id.String(), "error", result.Error)
	default:
		answer = work.NotSent
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	a.drop = nil
	a.machine.Answered(now, answer, retry)
	if a.restoring && answer != work.Taken {
		t.ended(a, now, map[work.Answer]string{work.Refused: resultRejected, work.NotSent: resultNotSent}[answer])
	}
	if t.agents[a.id] == a {
		t.settle(a, now, work.News{})
	}
}

func reasonOf(next work.Action) string {
	if next.Restores {
		return "wished " + string(next.Wish) + "; undoes what the platform did"
	}
	return "wished " + string(next.Wish)
}

// look reads an agent's state back.
func (t *Tracker) look(a *agent) {
	ask := a.platform.at.Vendor.Work.Ask
	result := t.o.Send(t.ctx, a.id, command.Request{
		Method: ask.Method, Path: ask.Path(a.id.Login), Timeout: sendMost, Reason: "the working state is read back",
	})
	var c work.Change
	ok := result.Outcome == command.Done
	if ok {
		c, ok = ask.Read(result.Answer)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.agents[a.id] != a {
		return
	}
	now := time.Now()
	t.settle(a, now, a.machine.Looked(now, c, ok))
}

// conclude follows the outcome of a restore, where there is one. The caller holds mu.
func (t *Tracker) conclude(a *agent, now time.Time, n work.News) {
	switch {
	case !a.restoring:
	case n.Reached:
		t.ended(a, now, resultRestored)
		t.tell(a, "work.restored", t.shown(a, now))
	case n.Failed, !a.machine.Asking():
		t.ended(a, now, resultNoEffect)
	}
}

// ended counts a restore that is over, and lets go who waits for it. The caller holds
// mu.
func (t *Tracker) ended(a *agent, now time.Time, result string) {
	a.restoring = false
	if t.o.Observer != nil {
		t.o.Observer.WorkRestored(a.platform.name, result)
	}
	var waited []*agent
	switch {
	case result == resultRestored:
		waited = a.platform.succeed()
	case a.platform.canary == a:
		waited = a.platform.fail(now)
	}
	for _, b := range waited {
		t.tellHeld(b, now)
		t.plan(b, t.nextOf(b, now))
	}
}

// forced counts an agent that was made busy, or had to rest. The caller holds mu.
func (t *Tracker) forced(a *agent) {
	by := a.machine.By
	if by == work.ByPlatform {
		a.platform.force(a)
	}
	if t.o.Observer != nil {
		t.o.Observer.WorkForced(a.platform.name, by)
	}
}

// shown returns what is shown of an agent. The caller holds mu.
func (t *Tracker) shown(a *agent, now time.Time) work.Shown {
	s := a.machine.Shown(now)
	if a.waits {
		s.HeldBack, s.HeldUntil = work.HoldCanary, a.platform.next
		s.NextAttempt = a.platform.next
	}
	if a.slot.After(s.NextAttempt) && !s.NextAttempt.IsZero() {
		s.NextAttempt = a.slot
	}
	return s
}

// tellHeld counts the agent as it is now, and tells when its wish begins to be held
// back. The caller holds mu.
func (t *Tracker) tellHeld(a *agent, now time.Time) {
	s := t.shown(a, now)
	a.platform.count(a, counted{live: a.machine.Live(), state: s.State, hold: s.HeldBack, wished: s.Wish == work.WishReady})
	before := a.held
	a.held = s.HeldBack
	switch s.HeldBack {
	case before, work.HoldNone, work.HoldInCall, work.HoldWrapUp, work.HoldOffline, work.HoldUnknown:
		return // nothing, or what passes by itself
	case work.HoldLimit:
		t.o.Log.Warn("work: restores did not last; the wish is held back", "platform", a.platform.name, "agent", a.id.String(),
			"state", string(s.State), "code", s.Code, "until", s.HeldUntil)
	default: // the event is enough
	}
	t.tell(a, "work.held_back", s)
}

// told is the data of an event.
type told struct {
	Wish     work.Wish  `json:"wish"`
	State    work.State `json:"state"`
	By       work.By    `json:"by"`
	Code     string     `json:"code"`
	Reason   string     `json:"reason"`
	Since    *time.Time `json:"since"`
	HeldBack work.Hold  `json:"held_back"`
	Until    *time.Time `json:"held_until"`
	Left     int        `json:"restores_left"`
}

// untoldMost bounds the events of one agent that wait; the oldest are dropped.
const untoldMost = 16

// tell has an event of ours told. The caller holds mu.
func (t *Tracker) tell(a *agent, typ string, s work.Shown) {
	data, _ := json.Marshal(told{ // plain values always encode
		Wish: s.Wish, State: s.State, By: s.By, Code: s.Code, Reason: s.Reason, Since: instant(s.Since),
		HeldBack: s.HeldBack, Until: instant(s.HeldUntil), Left: s.RestoresLeft,
	})
	if len(a.untold) == untoldMost {
		a.untold = a.untold[1:]
		t.untold.Add(-1)
	}
	a.untold = append(a.untold, session.Event{Type: typ, Data: data})
	t.untold.Add(1)
}

// Pending returns, once, the events of ours about an agent that were not told yet, the
// oldest first. It costs next to nothing where there are none.
func (t *Tracker) Pending(id session.ID) []session.Event {
	if t.untold.Load() == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.agents[id]
	if a == nil {
		return nil
	}
	events := a.untold
	a.untold = nil
	t.untold.Add(-int32(len(events)))
	return events
}

func instant(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC().Truncate(time.Millisecond)
	return &at
}
