package keeper

import (
	"context"
	"log/slog"
	"time"

	"agentkeeper/session"
)

// journal is the innermost wrapper of a platform: it makes the intent of an
// operation durable before its request leaves, lets nothing but the
// operation's own deadline end it, and writes the audit line.
type journal struct{ k *Keeper }

// SignIn implements session.Platform.
func (j *journal) SignIn(ctx context.Context, a session.Account, force bool) (session.Session, error) {
	ctx, done, err := j.begin(ctx, session.OpSignIn, force)
	if err != nil {
		return nil, err
	}
	defer done()
	s, err := j.k.raw.SignIn(ctx, a, force)
	if err != nil {
		return nil, err
	}
	return &journalled{s, j}, nil
}

// Adopt implements session.Platform.
func (j *journal) Adopt(a session.Account, key session.Key) (session.Session, error) {
	s, err := j.k.raw.Adopt(a, key)
	if err != nil {
		return nil, err
	}
	return &journalled{s, j}, nil
}

// Probe implements session.Platform. The time to ask begins here, behind the
// gate; only a new order cuts it short, and not the limit of a wait in the gate.
func (j *journal) Probe(_ context.Context, a session.Account) error {
	k := j.k
	k.sent = time.Now()
	k.leaveQueue()
	ctx, cancel := context.WithTimeout(k.actions, k.now.Policy.OpTimeout)
	defer cancel()
	return k.raw.Probe(ctx, a)
}

type journalled struct {
	session.Session
	j *journal
}

// SignOut implements session.Session.
func (s *journalled) SignOut(ctx context.Context) error {
	ctx, done, err := s.j.begin(ctx, session.OpSignOut, false)
	if err != nil {
		return err
	}
	defer done()
	return s.Session.SignOut(ctx)
}

// begin returns the context of an operation that is now on record. The
// operation was not sent if it fails.
func (j *journal) begin(ctx context.Context, op session.Op, force bool) (context.Context, func(), error) {
	k := j.k
	limit := k.now.Policy.OpTimeout
	rec := k.rec
	if op == session.OpSignIn {
		rec.SecretHash, rec.SettingsHash = k.now.SecretHash, k.now.SettingsHash
	}
	rec.Intent = session.Intent{Op: op, Deadline: time.Now().Add(limit + saveTimeout)}
	rec.Memo, rec.Written = k.explained(k.machine.Memo()), time.Now().Round(0)
	rec.Sequence = k.reserved()
	saving, cancel := context.WithTimeout(ctx, saveTimeout)
	err := k.store.Save(saving, k.id, rec)
	cancel()
	if ctx.Err() != nil {
		k.dirty = true // the intent may be on record though nothing was sent
		return nil, nil, ctx.Err()
	}
	// A sign-in without its intent on record could be repeated by the next
	// process; a sign-out is safe to repeat and must not wait for a disk.
	if err != nil && op == session.OpSignIn {
		k.dirty = true
		return nil, nil, &session.Fault{Kind: session.Outage, Cause: session.CauseStore, Code: "store",
			Text: "the store cannot be written, so no sign-in was sent", Action: "see the store's own trouble in the log", Err: err}
	}
	if err == nil {
		k.rec = rec
	}
	k.sent = time.Now()
	k.seeOperation(op)
	k.audit(op, force)
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), limit)
	return ctx, stop, nil
}

// auditAgain is how long the sign-ins of an agent that somebody else holds are
// counted before the next line tells how many there were.
const auditAgain = 10 * time.Minute

// audited is the last line of audit, and what was counted since.
type audited struct {
	at      time.Time
	by, why string
	repeats int // sign-ins since, without a line
}

// audit writes the line of an operation that leaves now. While somebody else
// holds the agent, sign-ins for the same wish are counted instead.
func (k *Keeper) audit(op session.Op, force bool) {
	last := &k.audited
	again := op == session.OpSignIn && !force && k.fault != nil && k.fault.Kind == session.Taken && last.by == k.wish.By && last.why == k.wish.Why
	if again && time.Since(last.at) < auditAgain {
		last.repeats++
		return
	}
	k.writeAudit(op, force)
}

// auditCounted writes the line of a sign-in that was only counted and ended in
// another way than those before.
func (k *Keeper) auditCounted(result session.Kind) {
	if k.audited.repeats > 0 && result != session.Taken {
		k.audited.repeats--
		k.writeAudit(session.OpSignIn, false)
	}
}

func (k *Keeper) writeAudit(op session.Op, force bool) {
	attrs := []slog.Attr{slog.String("platform", k.id.Platform), slog.String("agent", k.id.String()),
		slog.String("operation", op.String()), slog.String("by", k.wish.By), slog.String("reason", k.wish.Why)}
	if force {
		attrs = append(attrs, slog.Bool("force", true))
	}
	if k.audited.repeats > 0 {
		attrs = append(attrs, slog.Int("repeats", k.audited.repeats))
	}
	k.audited = audited{time.Now(), k.wish.By, k.wish.Why, 0}
	k.log.LogAttrs(context.Background(), slog.LevelInfo, "audit", attrs...)
}
