package keeper

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"agentkeeper/session"
)

// tell logs a transition once and counts its repeats: attempts that ended
// where the one before had. That somebody waits for the first attempt is no
// news.
func (k *Keeper) tell(ctx context.Context, result session.Kind, a session.Action) {
	if k.resumed {
		k.logged = standpoint{} // whoever asked gets an answer
	}
	now := k.shown.state.name()
	if result == session.Woken && (now == session.Waiting || a.Do == session.DoDone) {
		return
	}
	switch {
	case k.shown != k.logged:
		k.logTransition(ctx)
		k.logged, k.repeats = k.shown, 0
	case result != session.OK && result != session.Woken:
		k.repeats++
	}
	k.warn(ctx)
	if now == session.Parked && result != session.Woken {
		k.own(ctx, "parked", map[string]string{"reason": string(k.shown.reason.name()), "code": k.shown.code})
	}
}

// warn logs each warning once, when it appears.
func (k *Keeper) warn(ctx context.Context) {
	if k.alarms == nil {
		return
	}
	before := k.alarms.logged
	k.alarms.logged = nil
	for _, w := range k.alarms.shown {
		if w.Code == RequestFailed {
			continue
		}
		k.alarms.logged = append(k.alarms.logged, w.Code)
		if !slices.Contains(before, w.Code) {
			k.site.Log.LogAttrs(ctx, slog.LevelWarn, "warning", slog.String("platform", k.id.Platform), slog.String("agent", k.id.String()),
				slog.String("code", w.Code), slog.String("detail", w.Text), slog.String("action", w.Action))
		}
	}
}

func (k *Keeper) logTransition(ctx context.Context) {
	k.mu.Lock()
	v := k.brief()
	k.mu.Unlock()
	attrs := []slog.Attr{slog.String("platform", k.id.Platform), slog.String("agent", k.id.String()),
		slog.String("state", string(v.State)), slog.String("reason", string(v.Reason)), slog.String("code", v.Code),
		slog.Int("attempt", k.rec.told().Fails)}
	if !v.NextAttempt.IsZero() {
		attrs = append(attrs, slog.Time("next_attempt", v.NextAttempt))
	}
	if v.Detail != "" {
		attrs = append(attrs, slog.String("detail", v.Detail))
	}
	if v.Action != "" {
		attrs = append(attrs, slog.String("action", v.Action))
	}
	if k.repeats > 0 {
		attrs = append(attrs, slog.Int("repeats", int(k.repeats)))
	}
	level := v.level()
	if v.Adopted && v.State == session.Online {
		attrs = append(attrs, slog.Bool("adopted", true))
		if k.logged == (standpoint{}) && !k.resumed && level == slog.LevelInfo {
			level = slog.LevelDebug // whoever started it sums the adoptions up
		}
	}
	k.site.Log.LogAttrs(ctx, level, "agent", attrs...)
}

func (v *View) level() slog.Level {
	switch {
	case v.State == session.Parked:
		return slog.LevelError
	case v.Reason != session.ReasonNone:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// auditAgain is how long the sign-ins of an agent that somebody else holds are
// counted before the next line tells how many there were.
const auditAgain = 10 * time.Minute

// audited is the last line of audit, and what was counted since.
type audited struct {
	at      moment
	wish    *Order // nil: there was no line
	repeats int    // sign-ins since, without a line
}

// audit writes the line of an operation that leaves now. While somebody else
// holds the agent, sign-ins for the same wish are counted instead.
func (k *Keeper) audit(op session.Op, force bool) {
	last := &k.audited
	same := last.wish != nil && last.wish.By == k.wish.By && last.wish.Why == k.wish.Why
	again := op == session.OpSignIn && !force && k.fault != nil && k.fault.Kind == session.Taken && same
	if again && clock().since(last.at) < auditAgain {
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
	k.audited = audited{clock(), k.wish, 0}
	k.site.Log.LogAttrs(context.Background(), slog.LevelInfo, "audit", attrs...)
}
