package keeper

import (
	"context"
	"errors"
	"slices"
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
		o, wait, over = k.goOn()
	}
	for over {
		a := k.act(ctx, &o)
		if a.Do == session.DoDone || a.Do == session.DoPark && k.wish.Wish == session.Leave && k.wish.End {
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
	k.take(ctx, o.Kind == session.Woken)
	o.Now, o.Wish, o.Resume, o.Renew = time.Now(), k.wish.Wish, k.wish.Resume, o.Renew || k.renew
	a := k.decide(*o)
	k.settle(ctx, *o, a)
	return a
}

// Record returns the record once Run has returned, or the last Step. It is not
// their result: what stands on the stack of an agent's goroutine may stand there
// for its life, and a few hundred bytes decide on the size of that stack.
func (k *Keeper) Record() session.Record { return k.rec }

// decide asks the machine. A refusal of what was replaced while it was tried
// does not use up the order to resume that came with the replacement.
func (k *Keeper) decide(o session.Outcome) session.Action {
	a := k.machine.Next(o)
	replaced := k.rec.SecretHash != k.now.SecretHash || k.rec.SettingsHash != k.now.SettingsHash
	if a.Do == session.DoPark && o.Resume && o.Kind == session.Refused && replaced {
		a = k.machine.Next(session.Outcome{Now: o.Now, Wish: o.Wish, Resume: true, Kind: session.Woken})
	}
	return a
}

// do begins an action; over is false where it is to go on when wait is over.
func (k *Keeper) do(ctx context.Context, a session.Action) (o session.Outcome, wait session.Wait, over bool) {
	switch a.Do {
	case session.DoSignIn:
		return k.signIn(ctx, a), wait, true
	case session.DoNext:
		return k.next(ctx, a.For)
	case session.DoSignOut:
		return k.signOut(ctx), wait, true
	case session.DoProbe:
		return k.probe(ctx), wait, true
	case session.DoWait:
		return k.wait(ctx, a.For)
	default:
		return k.wait(ctx, 0)
	}
}

// goOn goes on with an action that waited.
func (k *Keeper) goOn() (o session.Outcome, wait session.Wait, over bool) {
	if k.doing == session.DoNext {
		return k.ask()
	}
	return k.rest()
}

// settle makes everything durable that the outcome changed and tells the
// world, before the next action.
func (k *Keeper) settle(ctx context.Context, o session.Outcome, a session.Action) {
	k.remember(o)
	if a.Loss != session.LossNone {
		k.lost(ctx, a.Loss)
	}
	if !k.machine.Held() {
		k.drop()
	}
	k.save(ctx)
	k.look(a)
	k.tell(ctx, o, a)
}

// remember brings the record up to date.
func (k *Keeper) remember(o session.Outcome) {
	next := k.rec
	if o.Kind != session.Woken {
		next.Intent = session.Intent{}
	}
	if !k.machine.Held() {
		next.Key = session.Key{}
	} else if k.session != nil {
		next.Key = k.session.Key()
	}
	if o.Kind == session.Refused && o.Cause == session.CauseCredential {
		next.ProvenHash = ""
	}
	if next.Key != k.rec.Key && k.session != nil && k.renewedCredential() {
		next.Generation++
	}
	next.Memo = k.explained(k.machine.Memo())
	next.Started = k.machine.Started()
	k.dirty = k.dirty || !same(&next, &k.rec)
	next.LastContact = k.machine.Contact()
	k.rec = next
}

// What is said of a "taken" that is put down to a session of our own.
const (
	ownSession = "the platform still counts a session of this agent that this service made itself"
	waitForOwn = "nothing to do: the platform lets go of it by itself, and it is tried again until then"
)

// What to do about another client where force is of no use: it was used up, or
// displaced nobody. The vendor's word would advise it.
const (
	spentForce  = "find and stop the other client that signs this agent in, then resume the agent: it was displaced by force as often as it may be"
	futileForce = "find and stop the other client that signs this agent in, or have the platform end its session: force did not displace it"
)

// explained adds to a reason what the vendor said, now or before a restart.
func (k *Keeper) explained(memo session.Memo) session.Memo {
	if memo.Reason == session.ReasonNone && memo.Parked == session.ReasonNone {
		return memo
	}
	memo.Code, memo.Text, memo.Action = k.rec.Memo.Code, k.rec.Memo.Text, k.rec.Memo.Action
	if k.fault != nil {
		memo.Code, memo.Text, memo.Action = k.fault.Code, k.fault.Text, k.fault.Action
	}
	if k.fault != nil && k.fault.Kind == session.Taken && k.machine.Own() {
		memo.Text, memo.Action = ownSession+" ("+k.fault.Text+")", waitForOwn
	}
	if memo.Parked == session.ReasonReplaced && k.now.Policy.Terms.Force {
		memo.Action = spentForce
	}
	if memo.Reason == session.ReasonTaken && k.now.Policy.Terms.Force && k.fault != nil && k.fault.Cause != session.CauseUnforceable {
		memo.Action = futileForce
	}
	return memo
}

// save writes the record if it changed. A failure is not the agent's: the
// store reports itself, and the next step tries again.
func (k *Keeper) save(ctx context.Context) {
	if !k.dirty {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	k.rec.Sequence, k.rec.Written = k.reserved(), time.Now().Round(0)
	if err := k.store.Save(ctx, k.id, k.rec); err != nil {
		k.log.Debug("record not saved", "agent", k.id.String(), "error", err)
		return
	}
	k.dirty = false
}

// same reports whether b need not be written after a. Why an agent waits that
// holds a session is for those who look now, and means nothing to a successor:
// not worth a write per agent when a platform is away.
func same(a, b *session.Record) bool {
	return a.Key == b.Key && a.Started.Equal(b.Started) && a.Intent == b.Intent && a.SecretHash == b.SecretHash &&
		a.SettingsHash == b.SettingsHash && a.ProvenHash == b.ProvenHash && a.SignIns == b.SignIns && sameMemo(&a.Memo, &b.Memo) &&
		(!a.Key.IsZero() || sameReason(&a.Memo, &b.Memo))
}

func sameMemo(a, b *session.Memo) bool {
	return a.Parked == b.Parked && a.Doubt == b.Doubt && a.Until.Equal(b.Until) && a.Ghost.Equal(b.Ghost) && a.Ours.Equal(b.Ours) &&
		a.Fails == b.Fails && a.Shorts == b.Shorts && a.NextAt.Equal(b.NextAt) &&
		slices.EqualFunc(a.Forced, b.Forced, time.Time.Equal)
}

func sameReason(a, b *session.Memo) bool {
	return a.Reason == b.Reason && a.Code == b.Code && a.Text == b.Text && a.Action == b.Action
}

// renewQueue is how long a renewal, or a probe, waits to be let through before
// the live session is looked after again.
const renewQueue = 10 * time.Second

func (k *Keeper) signIn(ctx context.Context, a session.Action) session.Outcome {
	k.sent = time.Time{}
	queued := k.arm(ctx, 0)
	if a.Renew {
		var cancel context.CancelFunc
		queued, cancel = context.WithTimeout(queued, renewQueue)
		defer cancel()
	}
	s, err := k.platform.SignIn(queued, k.account(), a.Force)
	late := errors.Is(err, context.DeadlineExceeded) && queued.Err() != nil
	if (k.disarm() || late) && k.sent.IsZero() {
		return session.Outcome{Kind: session.Woken}
	}
	o := k.outcome(err)
	o.Sent = k.sent
	if !k.sent.IsZero() {
		k.observer.SignIn(k.id.Platform, o.Kind, time.Since(k.sent))
		k.auditCounted(o.Kind)
	}
	if o.Kind == session.OK {
		k.adopt(s, false)
		k.forgive()
		k.rec.ProvenHash = k.now.ProofHash
		k.rec.SignIns++
		if a.Replace {
			k.lost(ctx, session.LossOutage)
		}
		if !a.Renew || a.Replace {
			k.signed = time.Now()
			k.own(ctx, "signed_in", nil)
		}
	}
	return o
}

// account is what the next sign-in is made from.
func (k *Keeper) account() session.Account {
	a := k.now.Account
	a.Proven = k.now.ProofHash != "" && k.now.ProofHash == k.rec.ProvenHash
	return a
}

// adopt makes s the agent's session: one that was stored, or a new one.
func (k *Keeper) adopt(s session.Session, stored bool) {
	k.drop()
	k.session, k.adopted, k.unproven, k.informed = s, stored, stored, time.Time{}
	if stored {
		k.credential = s.Info().Credential // what its generation is of
	}
}

// drop closes the session's local side.
func (k *Keeper) drop() {
	if k.session != nil {
		_ = k.session.Close()
		k.session = nil
	}
	k.adopted, k.unproven = false, false
}

// open adopts the stored key where no session is open yet.
func (k *Keeper) open() error {
	if k.session != nil {
		return nil
	}
	s, err := k.platform.Adopt(k.now.Account, k.rec.Key)
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
		k.observer.Adopted(k.id.Platform, o.Kind)
		return o, wait, true
	}
	if !k.signed.IsZero() {
		k.observer.FirstContact(k.id.Platform, time.Since(k.signed))
		k.signed = time.Time{}
	}
	k.arm(ctx, max(k.now.Policy.Terms.Grace, time.Millisecond))
	if k.doing, k.until = session.DoNext, (time.Time{}); within > 0 {
		k.until = time.Now().Add(within)
	}
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
	if cut || err == nil && batch.Unasked {
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
	var ctx context.Context = k.actions
	if !k.until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, k.until)
		defer cancel()
	}
	batch, wait, err = k.session.Step(ctx)
	if !wait.None() {
		if !k.until.IsZero() && (wait.Until.IsZero() || k.until.Before(wait.Until)) {
			wait.Until = k.until
		}
		return batch, wait, false, nil
	}
	if err == nil || ctx.Err() == nil {
		return batch, wait, false, err
	}
	kind := session.KindOf(err)
	return batch, wait, kind != session.Lost && kind != session.Taken, err
}

// contact counts an answer, or its absence. How long an adopted session was
// silent before is not known: the record is older than its last contact.
func (k *Keeper) contact(ctx context.Context, o session.Outcome) {
	if k.unproven {
		k.observer.Contact(k.id.Platform, o.Kind, 0)
		k.observer.Adopted(k.id.Platform, o.Kind)
	} else {
		k.observer.Contact(k.id.Platform, o.Kind, time.Since(k.machine.Contact()))
	}
	if k.unproven && o.Kind == session.OK {
		k.unproven = false
		k.own(ctx, "adopted", nil)
	}
}

func (k *Keeper) signOut(ctx context.Context) session.Outcome {
	if err := k.open(); err != nil {
		return k.outcome(err)
	}
	k.sent = time.Time{}
	err := k.session.SignOut(k.arm(ctx, 0))
	if k.disarm() && k.sent.IsZero() {
		return session.Outcome{Kind: session.Woken}
	}
	o := k.outcome(err)
	o.Sent = k.sent
	k.observer.SignOut(k.id.Platform, o.Kind)
	if o.Kind == session.OK || o.Kind == session.Lost {
		k.own(ctx, "signed_out", map[string]string{"by": k.wish.By, "reason": k.wish.Why})
	}
	return o
}

// probe asks whether the platform answers. The gate may hold it back; a live
// session is looked after again before long. An agent that is to sign out asks
// past the gate, which holds back no sign-out, either.
func (k *Keeper) probe(ctx context.Context) session.Outcome {
	k.sent = time.Time{}
	queued := k.arm(ctx, 0)
	if k.machine.Held() {
		var cancel context.CancelFunc
		queued, cancel = context.WithTimeout(queued, renewQueue)
		defer cancel()
	}
	platform := k.platform
	if k.wish.Wish != session.Stay {
		platform = &journal{k}
	}
	err := platform.Probe(queued, k.now.Account)
	held := k.sent.IsZero() && queued.Err() != nil
	if (k.disarm() || held) && err != nil {
		return session.Outcome{Kind: session.Woken}
	}
	return k.outcome(err)
}

// wait lets d pass; 0 waits for an interrupt only. A record that is still to
// be written ends it early.
func (k *Keeper) wait(ctx context.Context, d time.Duration) (o session.Outcome, wait session.Wait, over bool) {
	k.armWait(ctx)
	k.doing, k.until, k.passed = session.DoWait, time.Time{}, session.OK
	if k.dirty && (d == 0 || d > saveAgain) {
		d, k.passed = saveAgain, session.Woken
	}
	if d > 0 {
		k.until = time.Now().Add(d)
	}
	return k.rest()
}

// rest goes on with a wait until it is over.
func (k *Keeper) rest() (o session.Outcome, wait session.Wait, over bool) {
	switch {
	case k.actions.Err() != nil:
		o.Kind = session.Woken
	case !k.until.IsZero() && !time.Now().Before(k.until):
		o.Kind = k.passed
	default:
		return o, session.Wait{Until: k.until}, false
	}
	k.doing = session.DoNothing
	k.disarm()
	return o, wait, true
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
