package fleet

import (
	"reflect"
	"slices"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
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
	order []int // the configuration's agents, sorted by name
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
	f.applying.Lock()
	defer f.applying.Unlock()
	return f.diff(cfg)
}

// diff compares the fleet with a configuration. The caller holds applying, so that
// no agent comes meanwhile; removed ones may go.
func (f *Fleet) diff(cfg *config.Config) Plan {
	plan := Plan{kinds: make(map[session.ID]changeKind, len(cfg.Agents)), order: byName(cfg.Agents)}
	places := map[string]config.Platform{}
	for _, p := range cfg.Platforms {
		places[p.Name] = p
	}
	f.mu.Lock()
	b := f.hold()
	for _, i := range plan.order {
		c := cfg.Agents[i]
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
		b.take()
	}
	f.mu.Unlock()
	f.walk(func(a *agent) {
		if _, stays := plan.kinds[a.id]; !stays && !a.removed {
			plan.Stop = append(plan.Stop, a.id)
		}
	})
	return plan
}

// byName returns the agents' places in the order of their names.
func byName(agents []config.Agent) []int {
	order := make([]int, len(agents))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return compareIDs(agents[i].ID, agents[j].ID) })
	return order
}

// compare says what a change of the agent or its platform needs; unread means
// that c lacks its secrets. The caller holds mu.
func (f *Fleet) compare(a *agent, c config.Agent, place config.Platform, unread bool) changeKind {
	now := a.becomes()
	if unread && c.TokenFile() == now.TokenFile() {
		c.Token = now.Token
	}
	was, adopts := a.platform.cfg, f.vendors[place.Vendor].Adopts
	switch {
	case a.removed:
		return kindTouch
	case was.Vendor != place.Vendor, was.URL.String() != place.URL.String(), f.fingerprint(was, now) != f.fingerprint(&place, &c):
		return kindOutIn
	case !reflect.DeepEqual(was.TLS, place.TLS) && !adopts:
		return kindOutIn
	case !sameEndpoint(*was, place), !reflect.DeepEqual(now.Options, c.Options):
		if adopts {
			return kindAdopt
		}
	}
	return kindTouch
}
