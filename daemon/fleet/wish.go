package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"agentkeeper/daemon/shift"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Verb is what a person can tell an agent.
type Verb string

// The verbs.
const (
	SignIn  Verb = "sign-in"  // be online until the schedule's next change
	SignOut Verb = "sign-out" // be offline until the schedule's next change
	Pause   Verb = "pause"    // be offline until Resume, whatever the schedule says
	Resume  Verb = "resume"   // end a pause, an override and a parking
)

// Override is a person's word over the schedule. It is durable.
type Override struct {
	Verb   Verb      `json:"verb"` // SignIn, SignOut or Pause
	Until  time.Time `json:"until,omitzero"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// For is how long it was to hold; 0: Until is an instant of the schedule, or
	// zero.
	For time.Duration `json:"for,omitempty"`
	// stored is Until as the process before wrote it, where it holds for a time:
	// what is over by the wall clock is over, and so is what has held for For.
	stored time.Time
}

func (o Override) over(now time.Time) bool {
	return (!o.Until.IsZero() && !now.Before(o.Until)) || (!o.stored.IsZero() && !now.Before(o.stored))
}

func (o Override) wish() session.Wish {
	if o.Verb == SignIn {
		return session.Stay
	}
	return session.Leave
}

// decodeOverrides reads what is stored. The clock may have been set since, or may
// be wrong now: what was to hold for a time holds no longer than that from now.
func decodeOverrides(raw map[string][]byte, now time.Time, log *slog.Logger) map[session.ID]Override {
	all := make(map[session.ID]Override, len(raw))
	for name, text := range raw {
		id, err := session.ParseID(name)
		if err != nil {
			log.Error("left out a stored override whose agent's name cannot be read", "error", err)
			continue
		}
		var o Override
		if err := json.Unmarshal(text, &o); err != nil {
			log.Error("a stored override cannot be read: the agent stays paused until a person says otherwise", "agent", id.String(), "error", err)
			o = unknownOverride()
		}
		if o.For > 0 {
			o.stored = o.Until
			o.Until = now.Add(min(o.For, o.Until.Sub(now)))
		}
		o.Reason = session.Cut(o.Reason, session.TextLimit) // an older program took longer ones
		all[id] = o
	}
	return all
}

// Errors of Command.
var (
	// ErrUnknownAgent means that no agent has that name.
	ErrUnknownAgent = errors.New("no such agent")
	// ErrEnding means that the service is stopping.
	ErrEnding = errors.New("the service is stopping")
	// ErrVerb means that there is no such verb.
	ErrVerb = errors.New("no such verb")
)

// Command stores a person's wish and acts on it. It returns when the wish is
// durable; what became of it shows in the agent's view. hold is how long it
// holds; 0: until the schedule's next change.
func (f *Fleet) Command(ctx context.Context, id session.ID, verb Verb, by, reason string, hold time.Duration) error {
	o, err := f.override(id, verb, by, reason, hold)
	if err != nil {
		return err
	}
	var state []byte
	if verb != Resume {
		if state, err = json.Marshal(o); err != nil {
			return fmt.Errorf("encode the override: %w", err)
		}
	}
	if err := f.store.Put(ctx, store.Wishes, id.String(), state); err != nil {
		return fmt.Errorf("store the wish: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil || f.ending {
		return ErrEnding
	}
	delete(f.wishes, id)
	if verb != Resume {
		f.wishes[id] = o
	}
	resume := verb == Resume || verb == SignIn
	if a.next != nil {
		a.resume = a.resume || resume
	}
	if a.next == nil && !a.removed {
		order := f.orderFor(a, resume)
		order.By, order.Why = by, reason
		a.order(order)
	}
	f.noteWish(a, f.moment())
	f.wake()
	return nil
}

func (f *Fleet) override(id session.ID, verb Verb, by, reason string, hold time.Duration) (Override, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	o := Override{Verb: verb, By: by, Reason: reason, At: time.Now()}
	switch {
	case a == nil:
		return o, fmt.Errorf("%w: %s", ErrUnknownAgent, id)
	case f.ending:
		return o, ErrEnding
	case verb != SignIn && verb != SignOut && verb != Pause && verb != Resume:
		return o, fmt.Errorf("%w: %q", ErrVerb, verb)
	case hold > 0:
		o.Until, o.For = o.At.Add(hold), hold
	case verb != Pause && a.schedule != nil:
		_, until := a.schedule.At(o.At)
		o.Until = until.Round(0) // an instant of the wall clock, whatever becomes of that
	}
	return o, nil
}

// wishOf returns what is wished of an agent now, who wishes it, and when that
// changes next. The caller holds mu.
func (f *Fleet) wishOf(a *agent, at *moment) (w session.Wish, by, why string, next time.Time) {
	if o, ok := f.wishes[a.id]; ok && !o.over(at.now) {
		return o.wish(), o.By, o.Reason, o.Until
	}
	if a.schedule == nil {
		return session.Stay, "configuration", "always online", time.Time{}
	}
	w, next = at.ask(a.schedule)
	return w, "schedule", "shift", next
}

// orderFor returns the order that follows from the present wish. The caller
// holds mu.
func (f *Fleet) orderFor(a *agent, resume bool) keeper.Order {
	w, by, why, _ := f.wishOf(a, f.moment())
	return keeper.Order{Wish: w, Resume: resume, By: by, Why: why}
}

// compareEvery bounds how late a jump of the clock is noticed.
const compareEvery = 20 * time.Second

// compareLoop turns wishes into orders: at once when woken, at the next change
// of a wish, and every compareEvery in case the clock jumped.
func (f *Fleet) compareLoop() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-f.nudge:
		case <-f.ctx.Done():
			return
		}
		f.lookAtClock()
		f.observer.tell(time.Now())
		timer.Reset(f.compareAll())
	}
}

// compareAll gives every agent the order that its wish asks for, sees who is stuck,
// and returns the time to the next look.
func (f *Fleet) compareAll() time.Duration {
	at := f.moment()
	f.mu.Lock()
	f.beat = at.now
	ending := f.ending
	f.mu.Unlock()
	if ending {
		return compareEvery
	}
	due := at.now.Add(compareEvery)
	found, givenUp := map[string]sums{}, map[string][]string{}
	f.walk(func(a *agent) {
		if f.ending {
			return
		}
		view := a.keeper.Brief()
		timeout := a.platform.cfg.SignIn.Timeout
		if a.platform.leaving {
			timeout = 0
		}
		found[a.id.Platform] = found[a.id.Platform].add(&view, timeout, at.now)
		if next := f.compareOne(a, &view, at, givenUp); !next.IsZero() && next.Before(due) {
			due = next
		}
	})
	f.census.see(found)
	f.tellGivenUp(givenUp)
	return max(due.Sub(at.now), 10*time.Millisecond)
}

// compareOne gives an agent the order that its wish asks for, and returns when
// that changes by itself; zero: never. The caller holds mu.
func (f *Fleet) compareOne(a *agent, view *keeper.View, at *moment, givenUp map[string][]string) (next time.Time) {
	f.noteWish(a, at)
	if a.removed && f.giveUp(a, view, at.now) {
		givenUp[a.id.Platform] = append(givenUp[a.id.Platform], a.id.Login)
	}
	if a.next != nil || a.removed {
		return time.Time{}
	}
	w, by, why, next := f.wishOf(a, at)
	if w != a.keeper.Order().Wish {
		a.order(keeper.Order{Wish: w, By: by, Why: why})
	}
	return next
}

// moment is an instant for which many agents are looked at: each schedule is asked
// once.
type moment struct {
	now     time.Time
	answers map[*shift.Schedule]answer
}

type answer struct {
	wish session.Wish
	next time.Time
}

func (f *Fleet) moment() *moment { return &moment{now: time.Now()} }

func (m *moment) ask(sched *shift.Schedule) (session.Wish, time.Time) {
	a, ok := m.answers[sched]
	if !ok {
		a.wish, a.next = sched.At(m.now)
		if m.answers == nil {
			m.answers = map[*shift.Schedule]answer{}
		}
		m.answers[sched] = a
	}
	return a.wish, a.next
}
