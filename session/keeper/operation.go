package keeper

import (
	"context"
	"errors"
	"time"

	"agentkeeper/session"
)

// renewQueue is how long a renewal, or a probe, waits to be let through before
// the live session is looked after again.
const renewQueue = 10 * time.Second

// attempt is a sign-in or a probe on its way through the gate.
type attempt struct {
	platform session.Guarded
	action   session.Action
}

// lineUp begins an operation, which a new order cuts while it waits for its turn.
// hurried tells that this is not to take long.
func (k *Keeper) lineUp(ctx context.Context, do session.Do, hurried bool) {
	k.arm(ctx, 0)
	k.doing, k.until = do, nil
	if hurried {
		k.until = in(renewQueue)
	}
}

// finish ends an operation and reports whether it was cut.
func (k *Keeper) finish() bool {
	k.doing, k.attempt = session.DoNothing, nil
	return k.disarmOperation()
}

func (k *Keeper) signIn(ctx context.Context, a session.Action) (o session.Outcome, wait session.Wait, over bool) {
	k.lineUp(ctx, session.DoSignIn, a.Renew)
	k.attempt = &attempt{k.platform(), a}
	return k.trySignIn(ctx)
}

// trySignIn signs in if the agent's turn has come.
func (k *Keeper) trySignIn(ctx context.Context) (o session.Outcome, wait session.Wait, over bool) {
	a := k.attempt.action
	queued, request, cancel := k.request()
	defer cancel()
	s, wait, err := k.attempt.platform.SignIn(queued, k.account(), a.Force)
	if !wait.None() {
		return o, k.within(wait), false
	}
	late := errors.Is(err, context.DeadlineExceeded) && queued.Err() != nil
	if (k.finish() || late) && !request.left() {
		return session.Outcome{Kind: session.Woken}, wait, true
	}
	o = k.outcome(err)
	o.Sent = request.at
	if request.left() {
		k.site.Observer.SignIn(k.id.Platform, o.Kind, time.Since(request.at))
		k.auditCounted(o.Kind)
	}
	if o.Kind == session.OK {
		k.welcome(ctx, s, a)
	}
	return o, wait, true
}

// welcome goes on with the session of a sign-in that succeeded.
func (k *Keeper) welcome(ctx context.Context, s session.GuardedSession, a session.Action) {
	k.adopt(s, false)
	k.mu.Lock()
	k.forgive()
	k.rec.with.proof, k.rec.dirty = nil, true
	k.rec.signIns++
	k.mu.Unlock()
	if a.Replace {
		k.lost(ctx, session.LossOutage)
	}
	if !a.Renew || a.Replace {
		now := time.Now()
		k.answered = &now
		k.own(ctx, "signed_in", nil)
	}
}

// account is what the next sign-in is made from.
func (k *Keeper) account() session.Account {
	a := k.now.Account()
	a.Proven = k.rec.with.proof == nil && k.now.Hashes().Proof != ""
	return a
}

func (k *Keeper) signOut(ctx context.Context) (o session.Outcome, wait session.Wait, over bool) {
	if err := k.open(); err != nil {
		return k.outcome(err), wait, true
	}
	k.lineUp(ctx, session.DoSignOut, false)
	return k.trySignOut(ctx)
}

// trySignOut signs out if the session is not lent and the agent's turn has come.
func (k *Keeper) trySignOut(ctx context.Context) (o session.Outcome, wait session.Wait, over bool) {
	if wait = k.recall(); !wait.None() && k.actions.Err() == nil {
		return o, k.within(wait), false
	}
	queued, request, cancel := k.request()
	defer cancel()
	wait, err := k.session.SignOut(queued)
	if !wait.None() {
		return o, k.within(wait), false
	}
	if k.finish() && !request.left() {
		return session.Outcome{Kind: session.Woken}, wait, true
	}
	o = k.outcome(err)
	o.Sent = request.at
	k.site.Observer.SignOut(k.id.Platform, o.Kind)
	if o.Kind == session.OK || o.Kind == session.Lost {
		k.own(ctx, "signed_out", map[string]string{"by": k.wish.By, "reason": k.wish.Why})
	}
	return o, wait, true
}

// probe asks whether the platform answers. The gate may hold it back; a live
// session is looked after again before long. An agent that is to sign out asks
// past the gate, which holds back no sign-out, either.
func (k *Keeper) probe(ctx context.Context) (o session.Outcome, wait session.Wait, over bool) {
	k.lineUp(ctx, session.DoProbe, k.machine.Held())
	k.attempt = &attempt{platform: k.platform()}
	return k.tryProbe()
}

// tryProbe asks if the gate lets it through.
func (k *Keeper) tryProbe() (o session.Outcome, wait session.Wait, over bool) {
	queued, request, cancel := k.request()
	defer cancel()
	var err error
	if account := k.now.Account(); k.wish.Wish == session.Stay {
		wait, err = k.attempt.platform.Probe(queued, account)
	} else {
		err = (*journal)(k).Probe(queued, account)
	}
	if !wait.None() {
		return o, k.within(wait), false
	}
	held := !request.left() && queued.Err() != nil
	if (k.finish() || held) && err != nil {
		return session.Outcome{Kind: session.Woken}, wait, true
	}
	return k.outcome(err), wait, true
}
