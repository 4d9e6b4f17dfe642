package fleet

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// clock is what the clocks showed at the last look; the zero clock was not looked
// at yet. Between two looks the wall
// clock and the monotonic one advance by the same, unless somebody sets the
// first (NTP after a start without a battery) or the machine sleeps, for which
// the second stands still.
type clock struct {
	at     time.Time
	asleep time.Duration // for how long the machine has slept since it was switched on
}

// leastStep is what a step of the wall clock, or a sleep, must reach to be
// looked after: less does not matter to any wait.
const leastStep = time.Second

// look returns by how much the wall clock was set since the last look, and for
// how long the machine slept. What is less than leastStep is 0.
func (c *clock) look(now time.Time, asleep time.Duration) (step, slept time.Duration) {
	if c.at.IsZero() {
		*c = clock{now, asleep}
		return 0, 0
	}
	slept = asleep - c.asleep
	step = now.Round(0).Sub(c.at.Round(0)) - now.Sub(c.at) - slept
	*c = clock{now, asleep}
	if step.Abs() < leastStep {
		step = 0
	}
	if slept < leastStep {
		slept = 0
	}
	return step, slept
}

// lookAtClock has every wait measured again where the wall clock was set or the
// machine slept.
func (f *Fleet) lookAtClock() {
	sum, ok := f.asleep()
	if !ok {
		return
	}
	step, slept := f.clock.look(time.Now(), sum)
	if step == 0 && slept == 0 {
		return
	}
	f.log.LogAttrs(context.Background(), slog.LevelWarn, "the clock was set, or the machine slept: waits are measured again",
		slog.String("step", step.Round(time.Millisecond).String()), slog.String("slept", slept.Round(time.Millisecond).String()))
	f.clockSet(slept)
}

// clockSet tells everybody who keeps instants on record.
func (f *Fleet) clockSet(slept time.Duration) {
	for _, g := range f.everyGate() {
		g.ClockSet(slept)
	}
	f.walk(func(a *agent) { a.keeper.ClockSet(slept) })
	f.mu.Lock()
	moved := f.moveOverrides(time.Now(), slept)
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(f.ctx, forgetTimeout)
	defer cancel()
	for id, state := range moved {
		if err := f.store.Put(ctx, store.Wishes, id.String(), state); err != nil {
			f.log.Warn("an override cannot be stored by the new time", "agent", id.String(), "error", err)
		}
	}
}

// moveOverrides measures again how long the overrides still hold that this
// process was given for a time, and returns those that are to be stored. The
// caller holds mu.
func (f *Fleet) moveOverrides(now time.Time, slept time.Duration) map[session.ID][]byte {
	moved := map[session.ID][]byte{}
	for id, o := range f.wishes {
		if o.For == 0 || !o.stored.IsZero() {
			continue
		}
		o.Until = now.Add(o.Until.Sub(now) - slept)
		o.At = now.Add(o.At.Sub(now) - slept)
		f.wishes[id] = o
		if state, err := json.Marshal(o); err == nil {
			moved[id] = state
		}
	}
	return moved
}
