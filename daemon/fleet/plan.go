package fleet

import (
	"reflect"
	"slices"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Plan is what a configuration would change, agent by agent, each list sorted
// by name.
type Plan struct {
	Start  []session.ID // new
	Stop   []session.ID // configured no longer
	Change []session.ID // out and in, or adopted by a new keeper
	Leave  []session.ID // not touched, or touched only by what the session does not feel
	// Warnings are for whoever applies the configuration; who loaded it adds them.
	Warnings []string
	// Notes tell what of the configuration changes beside agents; likewise.
	Notes []string

	kinds map[session.ID]changeKind
}

type changeKind uint8

const (
	kindNone  changeKind = iota
	kindTouch            // the keeper is told
	kindAdopt            // the next keeper adopts the session
	kindOutIn            // out and in
	kindStart
)

// Plan returns what Apply would do now. Secrets of a configuration that was
// loaded without them are taken to be those of now where they come from the same
// place, and to be others where they do not.
func (f *Fleet) Plan(cfg *config.Config) Plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.diff(cfg)
}

// diff compares the fleet with a configuration. The caller holds mu.
func (f *Fleet) diff(cfg *config.Config) Plan {
	plan := Plan{kinds: make(map[session.ID]changeKind, len(cfg.Agents))}
	places := map[string]config.Platform{}
	for _, p := range cfg.Platforms {
		places[p.Name] = p
	}
	for _, c := range cfg.Agents {
		a := f.agents[c.ID]
		kind := kindStart
		if a != nil {
			kind = f.compare(a, c, places[c.ID.Platform], cfg.SecretsUnread)
		}
		plan.kinds[c.ID] = kind
		switch kind {
		case kindStart:
			plan.Start = append(plan.Start, c.ID)
		case kindAdopt, kindOutIn:
			plan.Change = append(plan.Change, c.ID)
		default:
			plan.Leave = append(plan.Leave, c.ID)
		}
	}
	for id, a := range f.agents {
		if _, stays := plan.kinds[id]; !stays && !a.removed {
			plan.Stop = append(plan.Stop, id)
		}
	}
	for _, ids := range [][]session.ID{plan.Start, plan.Stop, plan.Change, plan.Leave} {
		slices.SortFunc(ids, compareIDs)
	}
	return plan
}

// compare says what a change of the agent or its platform needs; unread means
// that c lacks its secrets. The caller holds mu.
func (f *Fleet) compare(a *agent, c config.Agent, place config.Platform, unread bool) changeKind {
	now := a.becomes()
	if unread && c.TokenSource.Path == now.TokenSource.Path {
		c.Token = now.Token
	}
	was, will := a.platform, &platform{cfg: place, vendor: f.vendors[place.Vendor]}
	switch {
	case a.removed:
		return kindTouch
	case was.cfg.Vendor != place.Vendor, was.cfg.URL.String() != place.URL.String(), f.fingerprint(was, now) != f.fingerprint(will, c):
		return kindOutIn
	case !reflect.DeepEqual(was.cfg.TLS, place.TLS) && !will.vendor.Adopts:
		return kindOutIn
	case !sameEndpoint(was.cfg, place), !reflect.DeepEqual(now.Options, c.Options):
		if will.vendor.Adopts {
			return kindAdopt
		}
	}
	return kindTouch
}

func sameUpdate(a, b keeper.Update) bool { return reflect.DeepEqual(a, b) }
