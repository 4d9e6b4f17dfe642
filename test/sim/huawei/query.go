package huawei

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// query runs f for a signed-in agent, within the flow control of 5 queries in
// 2 s (vendor page: flow control). None of them counts as a sign of life.
func (s *Sim) query(q *request, f func(*agent) sim.Reply) sim.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, n, code := s.authenticate(q)
	if n == nil {
		return s.failure(code)
	}
	if now := time.Now(); a.throttled(now) || s.queries.full(now) {
		if s.cfg().FlowControl == "" {
			return sim.HTML(http.StatusTooManyRequests)
		}
		return s.failure(s.cfg().FlowControl)
	}
	return f(a)
}

func (s *Sim) agentStatus(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(a *agent) sim.Reply {
		a.session.doubt = "" // whoever was in doubt has looked
		return s.success(map[string]any{"agentState": a.state(), "isWorking": len(a.calls) > 0})
	})
}

// throttle is the flow control of all queries together (vendor page: flow
// control).
type throttle struct {
	since time.Time
	count int
}

// full counts a query and reports whether it is one too many.
func (t *throttle) full(now time.Time) bool {
	const limit, within = 15_000, 2 * time.Second
	if now.Sub(t.since) >= within {
		*t = throttle{since: now}
	}
	t.count++
	return t.count > limit
}

// updateGuid brings a new Guid in the body.
func (s *Sim) updateGuid(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(a *agent) sim.Reply {
		g := a.session.renew(time.Now(), node)
		r := s.success(map[string]any{"guid": g.value})
		if s.cfg().UpdateHeader {
			r = s.setGuid(r, g)
		}
		return r
	})
}

// syncAgentInfo empties the event queue, as the vendor's page warns.
func (s *Sim) syncAgentInfo(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(a *agent) sim.Reply {
		a.session.queue = nil
		return s.success(map[string]any{"agentState": a.state(), "isWorking": len(a.calls) > 0})
	})
}

// resetSkill records which queues the agent signs in to.
func (s *Sim) resetSkill(_ context.Context, q *request) sim.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, n, code := s.authenticate(q)
	if n == nil {
		return s.failure(code)
	}
	skills, linkage := first(q.query["skillid"]), first(q.query["phonelinkage"])
	if len(skills) > 4000 || (linkage != "" && linkage != "0" && linkage != "1") {
		return s.failure("000-002")
	}
	a.record.resetSkills = append(a.record.resetSkills, ResetSkill{
		Auto:         q.values("autoflag") == "true",
		Skills:       strings.FieldsFunc(skills, func(c rune) bool { return c == ';' }),
		PhoneLinkage: linkage,
	})
	return s.success(nil)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// agentSkills answers the queues of an agent, its own or another's. What they
// hold beside id and name nobody has written down.
func (s *Sim) agentSkills(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(*agent) sim.Reply {
		return s.success([]map[string]any{{"id": 1, "name": "support"}})
	})
}

// allAgentStatus answers what every signed-in agent does.
func (s *Sim) allAgentStatus(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(*agent) sim.Reply { return s.success(s.statusOf(func(*agent) bool { return true })) })
}

// idleAgents answers the same of those that are idle.
func (s *Sim) idleAgents(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(*agent) sim.Reply {
		return s.success(s.statusOf(func(a *agent) bool { return a.state() == StateIdle }))
	})
}

func (s *Sim) statusOf(fits func(*agent) bool) []map[string]any {
	list := []map[string]any{}
	for _, login := range slices.Sorted(maps.Keys(s.agents)) {
		if a := s.agents[login]; a.session != nil && fits(a) {
			list = append(list, map[string]any{"workno": s.number(login, s.cfg().Types.NumericWorkNo), "name": login, "status": a.state()})
		}
	}
	return list
}
