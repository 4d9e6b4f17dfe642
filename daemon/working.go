package daemon

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/work"
	"agentkeeper/metrics"
	"agentkeeper/session"
	working "agentkeeper/session/work"
	"agentkeeper/vendors"
)

// openWork makes what follows the agents' working states.
func (d *Daemon) openWork(ctx context.Context) (err error) {
	d.work, err = work.New(ctx, work.Options{
		Store: d.store, Damaged: d.store.Damage().Works, Observer: d.metrics, Log: d.log,
		Send: d.sendOwn,
		Online: func(id session.ID) bool {
			handed, err := d.fleet.Credential(id)
			return err == nil && handed.Live
		},
	})
	if err != nil {
		return err
	}
	d.tasks.start(closing("working states", d.work.Close))
	return nil
}

// sendOwn sends a command of the service's own.
func (d *Daemon) sendOwn(ctx context.Context, id session.ID, r command.Request) command.Result {
	return d.commands.Do(ctx, id, r, command.Caller{Name: work.By, Keeper: true})
}

// policies is what is configured of working states; it implements work.Policies.
type policies struct {
	config *config.Config
	byName []int32        // the places of its agents, by their names
	agents map[string]int // how many there are, by platform
}

func policiesOf(cfg *config.Config) *policies {
	p := &policies{config: cfg, byName: make([]int32, len(cfg.Agents)), agents: map[string]int{}}
	for i := range cfg.Agents {
		p.byName[i] = int32(i)
		p.agents[cfg.Agents[i].ID.Platform]++
	}
	slices.SortFunc(p.byName, func(a, b int32) int { return compareIDs(cfg.Agents[a].ID, cfg.Agents[b].ID) })
	return p
}

func compareIDs(a, b session.ID) int {
	return cmp.Or(strings.Compare(a.Login, b.Login), strings.Compare(a.Platform, b.Platform))
}

// Work implements work.Policies.
func (p *policies) Work(id session.ID, now time.Time) (policy working.Policy, next time.Time, ok bool) {
	at, ok := slices.BinarySearchFunc(p.byName, id, func(i int32, id session.ID) int { return compareIDs(p.config.Agents[i].ID, id) })
	if !ok {
		return policy, next, false
	}
	policy, next = p.config.Agents[p.byName[at]].Work.At(now)
	return policy, next, true
}

// Wished implements work.Policies.
func (p *policies) Wished() (ids []session.ID) {
	for i := range p.config.Agents {
		if a := &p.config.Agents[i]; a.Work.Wishes() {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

// Platform implements work.Policies.
func (p *policies) Platform(name string) (out work.Platform, ok bool) {
	c, ok := p.config.Platform(name)
	if !ok {
		return out, false
	}
	return work.Platform{Vendor: vendors.Table[c.Vendor], Agents: p.agents[name], Rate: c.SignIn.Rate, Window: c.Window}, true
}

// working counts what the agents do, for the metrics.
func (d *Daemon) working(platforms []fleet.Platform) (list []metrics.Working) {
	for _, p := range platforms {
		if vendors.Table[p.Vendor].Work != nil {
			list = append(list, metrics.Working{Platform: p.Name, Online: metrics.OnlineOf(p), Tally: d.work.Tally(p.Name)})
		}
	}
	return list
}
