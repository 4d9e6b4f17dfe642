package keeper

import (
	"context"
	"time"

	"agentkeeper/session"
)

// saveTimeout bounds how long a live session's next request waits for the
// store: the session outranks its record.
const saveTimeout = 2 * time.Second

// saveAgain is how soon an agent that waits tries once more to write a record
// that could not be written.
const saveAgain = 30 * time.Second

// Run drives the agent until an order to Quit or to End was carried out; then
// Record tells what is stored. After Quit a session stays signed in. ctx is
// the last resort: when it ends, Run returns as soon as the operation in
// flight was answered. Run is Step and Block in turn.
func (k *Keeper) Run(ctx context.Context) {
	for {
		wait, goesOn := k.Step(ctx)
		if !goesOn {
			return
		}
		k.Block(wait)
	}
}

// Step drives the agent until there is something to wait for, and returns that;
// the zero Wait is for an interrupt only. It is called again when the wait is over
// or Config.Wake was called, and may be called sooner. goesOn is false at the end,
// as Run describes it. Operations, the store and the sink are blocked for.
func (k *Keeper) Step(ctx context.Context) (wait session.Wait, goesOn bool) {
	o, over := session.Outcome{Kind: session.Woken}, true
	if k.doing != session.DoNothing {
		o, wait, over = k.goOn(ctx)
	}
	for over {
		a := k.act(ctx, &o)
		if a.Do == session.DoDone || (a.Do == session.DoPark && k.wish.Wish == session.Leave && k.wish.End) {
			k.drop()
			k.release()
			return session.Wait{}, false
		}
		o, wait, over = k.do(ctx, a)
	}
	return wait, true
}

// Block blocks until what the last Step waits for is over, or an order ends it
// sooner.
func (k *Keeper) Block(w session.Wait) { w.Block(k.actions) }

// act makes of the last action's outcome the next action, all that must be
// durable before it included.
func (k *Keeper) act(ctx context.Context, o *session.Outcome) session.Action {
	a := k.decide(ctx, o)
	k.settle(ctx, o, a)
	return a
}

// decide takes what others set, asks the machine, and brings the record up to
// date. A refusal of what was replaced while it was tried does not use up the
// order to resume that came with the replacement.
func (k *Keeper) decide(ctx context.Context, o *session.Outcome) session.Action {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.take(ctx, o.Kind == session.Woken)
	o.Now, o.Wish = time.Now(), k.wish.Wish
	o.Resume, o.Renew = k.resumed, o.Renew || k.renew
	a := k.machine.Next(*o)
	replaced := k.rec.with.secret != nil || k.rec.with.settings != nil
	if a.Do == session.DoPark && o.Resume && o.Kind == session.Refused && replaced {
		a = k.machine.Next(session.Outcome{Now: o.Now, Wish: o.Wish, Resume: true, Kind: session.Woken})
	}
	k.remember(*o)
	return a
}

// do begins an action; over is false where it is to go on when wait is over.
func (k *Keeper) do(ctx context.Context, a session.Action) (o session.Outcome, wait session.Wait, over bool) {
	switch a.Do {
	case session.DoSignIn:
		return k.signIn(ctx, a)
	case session.DoNext:
		return k.next(ctx, a.For)
	case session.DoSignOut:
		return k.signOut(ctx)
	case session.DoProbe:
		return k.probe(ctx)
	case session.DoWait:
		return k.wait(ctx, a.For)
	default:
		return k.wait(ctx, 0)
	}
}

// goOn goes on with an action that waited.
func (k *Keeper) goOn(ctx context.Context) (o session.Outcome, wait session.Wait, over bool) {
	switch k.doing {
	case session.DoSignIn:
		return k.trySignIn(ctx)
	case session.DoSignOut:
		return k.trySignOut(ctx)
	case session.DoProbe:
		return k.tryProbe()
	case session.DoNext:
		return k.ask()
	default:
		return k.rest()
	}
}

// settle makes everything durable that the outcome changed and tells the
// world, before the next action.
func (k *Keeper) settle(ctx context.Context, o *session.Outcome, a session.Action) {
	if a.Loss != session.LossNone {
		k.lost(ctx, a.Loss)
	}
	if !k.machine.Held() {
		k.drop()
	}
	k.save(ctx)
	k.look(a)
	k.tell(ctx, o.Kind, a)
}

// adopt makes s the agent's session: one that was stored, or a new one.
func (k *Keeper) adopt(s session.GuardedSession, stored bool) {
	k.drop()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.session, k.informed = s, 0
	k.adopted, k.unproven = stored, stored
	if stored {
		k.renewedCredential() // what its generation is of
	}
}

// drop closes the session's local side.
func (k *Keeper) drop() {
	if k.session != nil {
		_ = k.session.Close()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.session = nil
	k.adopted, k.unproven = false, false
}

// open adopts the stored key where no session is open yet.
func (k *Keeper) open() error {
	if k.session != nil {
		return nil
	}
	s, err := k.platform().Adopt(k.now.Account(), k.rec.key)
	if err == nil {
		k.adopt(s, true)
		k.publish()
	}
	return err
}

// next begins one Next of the session, which is cut after within, 0: never.
func (k *Keeper) next(ctx context.Context, within time.Duration) (o session.Outcome, wait session.Wait, over bool) {
	if err := k.open(); err != nil {
		o := k.outcome(err)
		k.site.Observer.Adopted(k.id.Platform, o.Kind)
		return o, wait, true
	}
	if k.answered != nil {
		k.site.Observer.FirstContact(k.id.Platform, time.Since(*k.answered))
		k.answered = nil
	}
	k.arm(ctx, max(k.now.Policy().Terms.Grace, time.Millisecond))
	k.doing, k.until = session.DoNext, in(within)
	return k.ask()
}

// ask goes on with a Next until it waits or is over.
func (k *Keeper) ask() (o session.Outcome, wait session.Wait, over bool) {
	batch, wait, cut, err := k.stepSession()
	if !wait.None() {
		return o, wait, false
	}
	k.doing = session.DoNothing
	k.disarm()
	k.deliver(k.actions, batch)
	if cut || (err == nil && batch.Unasked) {
		return session.Outcome{Kind: session.Woken}, wait, true
	}
	o = k.outcome(err)
	o.Renew = batch.Renew
	k.contact(k.actions, o)
	return o, wait, true
}

// stepSession steps the session, and tells whether it was cut before the platform
// answered. A time limit of the adapter's own is no cut.
func (k *Keeper) stepSession() (batch session.Batch, wait session.Wait, cut bool, err error) {
	ctx, cancel := k.limited()
	defer cancel()
	batch, wait, err = k.session.Step(ctx)
	if !wait.None() {
		return batch, k.within(wait), false, nil
	}
	if err == nil || ctx.Err() == nil {
		return batch, wait, false, err
	}
	kind := session.KindOf(err)
	return batch, wait, kind != session.Lost && kind != session.Taken, err
}

// limited returns the context of the action under way. It ends when that is cut.
func (k *Keeper) limited() (context.Context, context.CancelFunc) {
	if k.until == nil {
		return k.actions, func() {}
	}
	return context.WithDeadline(k.actions, *k.until)
}

// within has a wait of the action under way end when that is cut.
func (k *Keeper) within(wait session.Wait) session.Wait {
	if k.until != nil && (wait.Until.IsZero() || k.until.Before(wait.Until)) {
		wait.Until = *k.until
	}
	return wait
}

// contact counts an answer, or its absence. How long an adopted session was
// silent before is not known: the record is older than its last contact.
func (k *Keeper) contact(ctx context.Context, o session.Outcome) {
	if k.unproven {
		k.site.Observer.Contact(k.id.Platform, o.Kind, 0)
		k.site.Observer.Adopted(k.id.Platform, o.Kind)
	} else {
		k.site.Observer.Contact(k.id.Platform, o.Kind, time.Since(k.machine.Contact()))
	}
	if k.unproven && o.Kind == session.OK {
		k.unproven = false
		k.own(ctx, "adopted", nil)
	}
}

// wait lets d pass; 0 waits for an interrupt only. A record that is still to
// be written ends it early.
func (k *Keeper) wait(ctx context.Context, d time.Duration) (o session.Outcome, wait session.Wait, over bool) {
	k.armWait(ctx)
	k.doing, k.passed = session.DoWait, session.OK
	if k.rec.dirty && (d == 0 || d > saveAgain) {
		d, k.passed = saveAgain, session.Woken
	}
	k.until = in(d)
	return k.rest()
}

// rest goes on with a wait until it is over.
func (k *Keeper) rest() (o session.Outcome, wait session.Wait, over bool) {
	switch {
	case k.actions.Err() != nil:
		o.Kind = session.Woken
	case k.until == nil:
		return o, wait, false
	case !time.Now().Before(*k.until):
		o.Kind = k.passed
	default:
		return o, session.Wait{Until: *k.until}, false
	}
	k.doing = session.DoNothing
	k.disarm()
	return o, wait, true
}

// in returns when d is over; nil, never, for 0.
func in(d time.Duration) *time.Time {
	if d <= 0 {
		return nil
	}
	at := time.Now().Add(d)
	return &at
}

// outcome turns an adapter's error into the machine's input and remembers it
// for people.
func (k *Keeper) outcome(err error) session.Outcome {
	f := session.AsFault(err)
	if f == nil {
		k.fault = nil
		return session.Outcome{Kind: session.OK}
	}
	k.fault = f
	return session.Outcome{Kind: f.Kind, Cause: f.Cause, After: f.After}
}
