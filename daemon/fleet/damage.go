package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// unknownOverride stands for an order by a person of which only is known that
// there was one: it may have been a pause, so the agent is paused.
func unknownOverride() Override {
	return Override{Verb: Pause, By: "agentkeeper", At: time.Now(),
		Reason: "a person had given an order, and what it said was lost to damage of the store; resume ends this pause"}
}

// holdUnknown pauses the agents whose override is lost to damage, for as long as
// nobody says otherwise.
func (f *Fleet) holdUnknown(ctx context.Context) {
	for _, id := range f.damage.Wishes {
		if _, there := f.wishes[id]; there {
			continue
		}
		o := unknownOverride()
		f.wishes[id] = o
		f.log.Error("an override was lost to damage of the store: the agent stays paused until a person says otherwise", "agent", id.String())
		state, err := json.Marshal(o)
		if err == nil {
			err = f.store.Put(ctx, store.Wishes, id.String(), state)
		}
		if err != nil {
			f.log.Warn("the pause of an agent whose override was lost could not be stored", "agent", id.String(), "error", err)
		}
	}
	if f.damage.Unknown {
		f.log.Error("records may have been lost to damage of the store, and nobody knows which: sign-ins go one by one until one has succeeded on each platform; a pause by a person may be forgotten: look through the agents")
	}
}

// careful reports whether damage may have taken what a platform's sign-ins
// depend on: its budget, or that an agent of it was refused.
func (f *Fleet) careful(c config.Platform) bool {
	budget := func(key string) bool { return key == c.Address() || olderKey(key, c) }
	return f.damage.Unknown || f.damage.HashKey || slices.ContainsFunc(f.damage.Gates, budget) ||
		slices.ContainsFunc(f.damage.Records, func(id session.ID) bool { return id.Platform == c.Name })
}

// trustHashes takes a record's hashes for those of the present secret and
// settings where the key of the hashes is lost: whether they changed cannot be
// known, and a refused password must not be sent again.
func (f *Fleet) trustHashes(a *agent, rec session.Record) session.Record {
	if !f.damage.HashKey || (rec.SecretHash == "" && rec.SettingsHash == "") {
		return rec
	}
	now := f.setupOf(a).Hashes()
	rec.SecretHash, rec.SettingsHash = now.Secret, now.Settings
	a.rehashed = true
	return rec
}

// saveHashes makes durable what trustHashes did: the next process compares with
// them.
func (f *Fleet) saveHashes(a *agent) {
	f.mu.Lock()
	rec, rehashed := a.keeper.Record(), a.rehashed
	a.rehashed = false
	f.mu.Unlock()
	if !rehashed {
		return
	}
	if err := f.store.Save(f.ctx, a.id, rec); err != nil {
		f.log.Warn("the new hashes of an agent's secret and settings could not be stored", "agent", a.id.String(), "error", err)
	}
}
