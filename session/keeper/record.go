package keeper

import (
	"context"
	"slices"
	"time"

	"agentkeeper/session"
)

// record is what is on record about the agent, or is to be. What the machine knows
// as well is asked of it: when the session began, and its last contact.
type record struct {
	key        session.Key
	intent     *session.Intent // nil: none
	memo       *session.Memo   // never changed, but replaced; nil: the zero one
	with       prints
	written    int64 // when the store was handed it last, in nanoseconds since 1970; 0: not known
	sequence   uint64
	generation uint64
	signIns    uint64
	dirty      bool // it differs from what is stored
}

// prints are the hashes on record, each nil where it is the present setup's, as it
// is of almost every agent.
type prints struct{ secret, settings, proof *string }

// of returns the hashes, given the present setup's.
func (p prints) of(now Hashes) Hashes {
	if p.secret != nil {
		now.Secret = *p.secret
	}
	if p.settings != nil {
		now.Settings = *p.settings
	}
	if p.proof != nil {
		now.Proof = *p.proof
	}
	return now
}

// against returns prints of the hashes on record, given the present setup's.
func against(stored, now Hashes) (p prints) {
	other := func(stored, now string) *string {
		if stored == now {
			return nil
		}
		return &stored
	}
	p.secret, p.settings = other(stored.Secret, now.Secret), other(stored.Settings, now.Settings)
	p.proof = other(stored.Proof, now.Proof)
	return p
}

func recordOf(r session.Record, now Setup) record {
	rec := record{key: r.Key, sequence: r.Sequence, generation: r.Generation, signIns: r.SignIns}
	rec.with = against(Hashes{r.SecretHash, r.SettingsHash, r.ProvenHash}, now.Hashes())
	if r.Intent != (session.Intent{}) {
		rec.intent = &r.Intent
	}
	if memo := r.Memo.Cut(); !sameMemo(&memo, &noMemo) || !sameReason(&memo, &noMemo) {
		rec.memo = &memo
	}
	if !r.Written.IsZero() {
		rec.written = r.Written.UnixNano()
	}
	return rec
}

// noMemo is the memo of most agents.
var noMemo session.Memo

func (r *record) told() *session.Memo {
	if r.memo == nil {
		return &noMemo
	}
	return r.memo
}

// whole returns the record as it is stored.
func (k *Keeper) whole(r record) session.Record {
	hashes := r.with.of(k.now.Hashes())
	out := session.Record{Key: r.key, Started: k.machine.Started(), LastContact: k.machine.Contact(), Memo: *r.told(),
		SecretHash: hashes.Secret, SettingsHash: hashes.Settings, ProvenHash: hashes.Proof,
		Sequence: r.sequence, Generation: r.generation, SignIns: r.signIns}
	if r.intent != nil {
		out.Intent = *r.intent
	}
	if r.written != 0 {
		out.Written = time.Unix(0, r.written)
	}
	return out
}

// Record returns the record once Run has returned, or the last Step. It is not
// their result: what stands on the stack of an agent's goroutine may stand there
// for its life, and a few hundred bytes decide on the size of that stack.
func (k *Keeper) Record() session.Record { return k.whole(k.rec) }

// remember brings the record up to date. The caller holds mu.
func (k *Keeper) remember(o session.Outcome) {
	r := &k.rec
	if o.Kind != session.Woken && r.intent != nil {
		r.intent, r.dirty = nil, true
	}
	k.rememberKey()
	if o.Kind == session.Refused && o.Cause == session.CauseCredential {
		k.distrust()
	}
	k.rememberMemo()
}

func (k *Keeper) rememberKey() {
	r, key := &k.rec, session.Key{}
	switch {
	case !k.machine.Held():
	case k.session != nil:
		key = k.session.Key()
	default:
		return
	}
	if key == r.key {
		return
	}
	if k.session != nil {
		k.informed = 0
		if k.renewedCredential() {
			r.generation++
		}
	}
	r.key, r.dirty = key, true
}

// distrust forgets that the platform has accepted a secret, for it refused one.
func (k *Keeper) distrust() {
	now := k.now.Hashes()
	stored := k.rec.with.of(now)
	if stored.Proof != "" {
		stored.Proof = ""
		k.rec.with, k.rec.dirty = against(stored, now), true
	}
}

// rememberMemo takes the machine's memo over. Why an agent waits that holds a
// session is not worth a write per agent when a platform is away: it means nothing
// to the next process.
func (k *Keeper) rememberMemo() {
	r, calm := &k.rec, k.machine.Calm()
	if calm && r.memo == nil {
		return
	}
	memo, before := k.explained(), r.told()
	others, reasons := sameMemo(&memo, before), sameReason(&memo, before)
	if others && reasons {
		return
	}
	r.dirty = r.dirty || !others || r.key.IsZero()
	if r.memo = nil; !calm {
		kept := memo
		r.memo = &kept
	}
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

// explained is the machine's memo, and to a reason what the vendor said, now or
// before a restart.
func (k *Keeper) explained() session.Memo {
	memo := k.machine.Memo()
	if memo.Reason == session.ReasonNone && memo.Parked == session.ReasonNone {
		return memo
	}
	before := k.rec.told()
	memo.Code = before.Code
	memo.Text, memo.Action = before.Text, before.Action
	if k.fault != nil {
		memo.Code = k.fault.Code
		memo.Text, memo.Action = k.fault.Text, k.fault.Action
	}
	force := k.now.Policy().Terms.Force
	if k.fault != nil && k.fault.Kind == session.Taken && k.machine.Own() {
		memo.Text, memo.Action = ownSession+" ("+k.fault.Text+")", waitForOwn
	}
	if memo.Parked == session.ReasonReplaced && force {
		memo.Action = spentForce
	}
	if memo.Reason == session.ReasonTaken && force && k.fault != nil && k.fault.Cause != session.CauseUnforceable {
		memo.Action = futileForce
	}
	return memo
}

// save writes the record if it changed. A failure is not the agent's: the
// store reports itself, and the next step tries again.
func (k *Keeper) save(ctx context.Context) {
	if !k.rec.dirty {
		return
	}
	k.owner.Blocks()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	k.rec.sequence, k.rec.written = k.reserved(), time.Now().UnixNano()
	if err := k.site.Store.Save(ctx, k.id, k.whole(k.rec)); err != nil {
		k.site.Log.Debug("record not saved", "agent", k.id.String(), "error", err)
		return
	}
	k.rec.dirty = false
}

func sameMemo(a, b *session.Memo) bool {
	return a.Parked == b.Parked && a.Doubt == b.Doubt && a.Until.Equal(b.Until) && a.OrphanUntil.Equal(b.OrphanUntil) && a.OwnUntil.Equal(b.OwnUntil) &&
		a.Fails == b.Fails && a.ShortSessions == b.ShortSessions && a.NextAt.Equal(b.NextAt) &&
		slices.EqualFunc(a.Forced, b.Forced, time.Time.Equal)
}

func sameReason(a, b *session.Memo) bool {
	return a.Reason == b.Reason && a.Code == b.Code && a.Text == b.Text && a.Action == b.Action
}
