package fleet

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/shift"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// agent is one agent of the fleet. Its fields are guarded by the fleet's mu. What
// it is configured with is not its own: it stands in the loaded configuration.
type agent struct {
	driven
	id       session.ID
	cfg      *config.Agent // never changed, but replaced
	platform *platform
	schedule *shift.Schedule // nil: always online
	keeper   *keeper.Keeper
	wished   *keeper.Order // what was wished before the fleet's end; nil until that begins
	next     *config.Agent // what the next keeper is for, where this one is to end
	remade   *time.Time    // when its session was last made anew because its credential was refused; nil: never
	giveUp   *time.Time    // removed: when the platform has signed it out by itself, as it was not heard of for so long
	counted  *count        // by the census, whose mu guards it; nil: it is not
	resume   bool          // the next keeper is to end a parking
	removed  bool          // no longer configured: forgotten once signed out
	gaveUp   bool          // removed: it was given up
	rehashed bool          // its record's hashes were made anew, and are not stored yet
	ended    bool          // it has its last order, of the fleet's end
}

// order gives the keeper an order if it is a new one.
func (a *agent) order(o keeper.Order) {
	if o.Resume || o != a.keeper.Order() {
		a.keeper.Set(o)
	}
}

// Wake implements keeper.Owner.
func (a *agent) Wake() { a.seat.Wake() }

// Blocks implements keeper.Owner.
func (a *agent) Blocks() { a.seat.Blocks() }

// Handed implements keeper.Owner.
func (a *agent) Handed() { a.fleet.handed(a.id) }

// Turned implements keeper.Owner.
func (a *agent) Turned(now keeper.Standing) { a.fleet.census.turn(a, now) }

// start takes a new agent on, which is yet to be launched. The caller holds mu.
func (f *Fleet) start(c *config.Agent, by string) newcomer {
	a := f.newAgent(c)
	rec := f.records[c.ID]
	delete(f.records, c.ID)
	f.equip(a, c)
	rec = f.trustSession(a, f.trustHashes(a, rec))
	first := a.prepare(f, rec)
	a.keeper = f.newKeeper(a, rec)
	f.enlist(a)
	if first.End {
		first.By = by
		a.next = c
		a.order(first)
	} else {
		a.order(f.orderFor(a, first.Resume))
		if !rec.Key.IsZero() && a.keeper.Order().Wish == session.Stay {
			f.observer.expect(c.ID.Platform)
		}
	}
	f.noteWish(a, f.moment())
	return newcomerOf(a, rec)
}

func (f *Fleet) newAgent(c *config.Agent) *agent {
	return &agent{driven: driven{fleet: f}, id: c.ID, cfg: c}
}

// becomes returns the configuration that the agent has, or will have where a
// change is under way. The caller holds mu.
func (a *agent) becomes() *config.Agent {
	if a.next != nil {
		return a.next
	}
	return a.cfg
}

// equip gives the agent its platform and schedule.
func (f *Fleet) equip(a *agent, c *config.Agent) {
	a.cfg, a.platform = c, f.platforms[c.ID.Platform]
	a.schedule = c.Schedule.Shift()
}

// prepare compares a record with what is configured now: a session that was
// made with other settings goes out and in; a parking whose cause may be
// mended ends.
func (a *agent) prepare(f *Fleet, rec session.Record) keeper.Order {
	sameSecret := rec.SecretHash == f.store.Hash(a.cfg.Password)
	sameSettings := rec.SettingsHash == f.fingerprint(a.platform.cfg, a.cfg)
	switch {
	case !rec.Key.IsZero() && rec.SettingsHash != "" && !sameSettings:
		return keeper.Order{Wish: session.Leave, End: true, Why: "settings changed since the last run"}
	case rec.Memo.Parked == session.ReasonRefused && (!sameSecret || !sameSettings):
		return keeper.Order{Resume: true}
	}
	return keeper.Order{}
}

func (f *Fleet) newKeeper(a *agent, rec session.Record) *keeper.Keeper {
	k := keeper.New(keeper.Config{
		Site: f.site, Setup: f.setupOf(a), Record: rec, Platform: a.platform.keepers,
		Seed: f.seedOf(a.id), Owner: a,
	})
	f.census.turn(a, k.Standing())
	return k
}

// seedOf gives every agent a sequence of its own.
func (f *Fleet) seedOf(id session.ID) uint64 {
	if f.seed == 0 {
		return rand.Uint64()
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(id.String()))
	return h.Sum64() ^ f.seed
}

// next follows the end of an agent's keeper and reports whether another one is
// to run.
func (f *Fleet) next(a *agent) bool {
	rec := a.keeper.Record()
	if f.departs(a, rec) {
		f.forget(a.id)
		rec = session.Record{}
	}
	return f.succeed(a, rec)
}

// departs reports whether the agent is configured no longer and signed out.
func (f *Fleet) departs(a *agent, rec session.Record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.ending && a.removed && a.next == nil && (a.gaveUp || !a.unfinished(rec))
}

// unfinished reports whether the agent is to sign out and its keeper ended
// before, by an order to quit that it had taken already. The caller holds mu.
func (a *agent) unfinished(rec session.Record) bool {
	last := a.keeper.Order()
	return last.End && last.Wish == session.Leave &&
		(!rec.Key.IsZero() || rec.Memo.Doubt != session.OpNone || !rec.Memo.OrphanUntil.IsZero())
}

// succeed gives the agent its next keeper, or lets it go.
func (f *Fleet) succeed(a *agent, rec session.Record) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ending {
		f.endOne(a)
	}
	switch {
	case a.unfinished(rec):
		last := a.keeper.Order()
		a.keeper = f.newKeeper(a, rec)
		a.keeper.Set(last)
		return true
	case f.ending:
		return false
	case a.next != nil:
		f.moveCredential(a, a.next)
		f.equip(a, a.next)
		resume := a.resume || a.prepare(f, rec).Resume
		a.next = nil
		a.removed, a.resume = false, false
		a.keeper = f.newKeeper(a, rec)
		a.order(f.orderFor(a, resume))
		f.noteWish(a, f.moment())
		return true
	case a.removed:
		f.delist(a)
		f.dropIdlePlatform(a.id.Platform)
		f.retireCredential(a.cfg.Credential.Path)
	}
	return false
}

// forgetTimeout bounds the removal of what is stored of an agent.
const forgetTimeout = 10 * time.Second

// forget removes what is stored of an agent that is configured no longer.
func (f *Fleet) forget(id session.ID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(f.ctx), forgetTimeout)
	defer cancel()
	if err := f.store.Forget(ctx, id); err != nil {
		f.log.Warn("a removed agent's record could not be removed", "agent", id.String(), "error", err)
	}
	f.mu.Lock()
	_, overridden := f.wishes[id]
	delete(f.wishes, id)
	f.mu.Unlock()
	if overridden {
		_ = f.store.Put(ctx, store.Wishes, id.String(), nil)
	}
}

// dropIdlePlatform removes a platform that is configured no longer with its
// last agent. The caller holds mu.
func (f *Fleet) dropIdlePlatform(name string) {
	if p := f.platforms[name]; p == nil || !p.leaving || f.census.agents(name) > 0 {
		return
	}
	f.platforms[name].gate.Leave()
	delete(f.platforms, name)
}

// change applies a new configuration to a running agent. The caller holds mu.
func (f *Fleet) change(a *agent, c *config.Agent, kind changeKind, by string) {
	switch kind {
	case kindOutIn:
		a.next = c
		a.removed, a.resume = false, true
		a.order(keeper.Order{Wish: session.Leave, End: true, By: by, Why: "settings changed"})
	case kindAdopt:
		a.resume = a.resume || !reflect.DeepEqual(a.becomes().Options, c.Options)
		a.next, a.removed = c, false
		a.order(keeper.Order{Wish: session.Quit, By: by, Why: "settings changed that the session does not feel"})
	default:
		f.touch(a, c)
	}
	f.noteWish(a, f.moment())
}

// touch hands a change to the running keeper, whose session does not feel it. It
// gets its setup anew though nothing changed: the configuration before is given up.
func (f *Fleet) touch(a *agent, c *config.Agent) {
	if a.removed || a.next != nil { // on its way out: come back with the new
		a.resume = a.resume || a.removed
		a.next, a.removed = c, false
		return
	}
	resume := !a.cfg.Password.Equal(c.Password)
	f.moveCredential(a, c)
	f.equip(a, c)
	a.keeper.Update(f.setupOf(a), resume)
}

// remove signs a configured-no-longer agent out and forgets it. The caller
// holds mu.
func (f *Fleet) remove(a *agent, by string) {
	a.next = nil
	a.removed, a.gaveUp = true, false
	giveUp := time.Now().Add(a.platform.cfg.Window + a.platform.cfg.SignIn.Timeout)
	a.giveUp = &giveUp
	a.order(keeper.Order{Wish: session.Leave, End: true, By: by, Why: "no longer configured"})
	f.noteWish(a, f.moment())
}
