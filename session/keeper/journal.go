package keeper

import (
	"context"
	"time"

	"agentkeeper/session"
)

// journal is a keeper as the innermost wrapper of its platform: it makes the intent
// of an operation durable before its request leaves, lets nothing but the
// operation's own deadline end it, and writes the audit line.
type journal Keeper

// request is one request on its way through the gate to the journal, which is told
// of it by the context.
type request struct {
	at time.Time // when it left; zero: it did not
}

func (r *request) left() bool { return !r.at.IsZero() }

type requestKey struct{}

// request returns the context of the action under way for one request, and what
// tells, once the call with it has returned, when that left.
func (k *Keeper) request() (context.Context, *request, context.CancelFunc) {
	ctx, cancel := k.limited()
	r := &request{}
	return context.WithValue(ctx, requestKey{}, r), r, cancel
}

// leave notes that the request of ctx leaves now.
func leave(ctx context.Context) {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		r.at = time.Now()
	}
}

// SignIn implements session.Platform.
func (j *journal) SignIn(ctx context.Context, a session.Account, force bool) (session.Session, error) {
	ctx, done, err := (*Keeper)(j).begin(ctx, session.OpSignIn, force)
	if err != nil {
		return nil, err
	}
	defer done()
	s, err := j.via.Adapter.SignIn(ctx, a, force)
	if err != nil {
		return nil, err
	}
	return &journalled{s, (*Keeper)(j)}, nil
}

// Adopt implements session.Platform.
func (j *journal) Adopt(a session.Account, key session.Key) (session.Session, error) {
	s, err := j.via.Adapter.Adopt(a, key)
	if err != nil {
		return nil, err
	}
	return &journalled{s, (*Keeper)(j)}, nil
}

// Probe implements session.Platform. The time to ask begins here, behind the
// gate; only a new order cuts it short, and not the limit of a wait in the gate.
func (j *journal) Probe(ctx context.Context, a session.Account) error {
	leave(ctx)
	j.owner.Blocks()
	(*Keeper)(j).leaveQueue()
	ctx, cancel := context.WithTimeout(j.actions, j.now.Policy().OpTimeout)
	defer cancel()
	return j.via.Adapter.Probe(ctx, a)
}

type journalled struct {
	session.Session
	k *Keeper
}

// Unwrap returns the session inside, see session.CommanderOf.
func (s *journalled) Unwrap() session.Live { return s.Session }

// SignOut implements session.Session.
func (s *journalled) SignOut(ctx context.Context) error {
	ctx, done, err := s.k.begin(ctx, session.OpSignOut, false)
	if err != nil {
		return err
	}
	defer done()
	return s.Session.SignOut(ctx)
}

// begin returns the context of an operation that is now on record. The
// operation was not sent if it fails.
func (k *Keeper) begin(ctx context.Context, op session.Op, force bool) (context.Context, func(), error) {
	k.owner.Blocks()
	limit := k.now.Policy().OpTimeout
	rec := k.intend(op, limit)
	saving, cancel := context.WithTimeout(ctx, saveTimeout)
	err := k.site.Store.Save(saving, k.id, k.whole(rec))
	cancel()
	if ctx.Err() != nil {
		k.rec.dirty = true // the intent may be on record though nothing was sent
		return nil, nil, ctx.Err()
	}
	// A sign-in without its intent on record could be repeated by the next
	// process; a sign-out is safe to repeat and must not wait for a disk.
	if err != nil && op == session.OpSignIn {
		k.rec.dirty = true
		return nil, nil, &session.Fault{Kind: session.Outage, Cause: session.CauseStore, Code: "store",
			Text: "the store cannot be written, so no sign-in was sent", Action: "see the store's own trouble in the log", Err: err}
	}
	if err == nil {
		k.mu.Lock()
		k.rec = rec
		k.mu.Unlock()
	}
	leave(ctx)
	k.seeOperation(op)
	k.audit(op, force)
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), limit)
	return ctx, stop, nil
}

// intend returns the record with the intent of an operation.
func (k *Keeper) intend(op session.Op, limit time.Duration) record {
	rec, now := k.rec, time.Now()
	if op == session.OpSignIn {
		rec.with.secret, rec.with.settings = nil, nil
	}
	rec.intent = &session.Intent{Op: op, Deadline: now.Add(limit + saveTimeout)}
	if rec.memo = nil; !k.machine.Calm() {
		memo := k.explained()
		rec.memo = &memo
	}
	rec.written, rec.sequence = now.UnixNano(), k.reserved()
	return rec
}
