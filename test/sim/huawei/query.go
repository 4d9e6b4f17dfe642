package huawei

import (
	"context"
	"encoding/json"
	"net/http"
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
	if a.throttled(time.Now()) {
		if s.cfg().FlowControl == "" {
			return sim.HTML(http.StatusTooManyRequests)
		}
		return s.failure(s.cfg().FlowControl)
	}
	return f(a)
}

func (s *Sim) agentStatus(_ context.Context, q *request) sim.Reply {
	return s.query(q, func(a *agent) sim.Reply {
		return s.success(map[string]any{"agentState": a.state(), "isWorking": a.inCall})
	})
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
		return s.success(map[string]any{"agentState": a.state(), "isWorking": a.inCall})
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
	if len(skills) > 4000 || linkage != "" && linkage != "0" && linkage != "1" {
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

// stateChange is a call that an agent's own programs make.
type stateChange struct {
	status int
	event  string
}

var stateChanges = map[string]stateChange{
	"sayfree":    {4, "AgentState_Ready"},
	"saybusy":    {3, "AgentState_SetNotReady_Success"},
	"cancelbusy": {4, "AgentState_CancelNotReady_Success"},
	"work":       {5, "AgentState_SetWork_Success"},
	"cancelwork": {4, "AgentState_CancelWork_Success"},
}

func (s *Sim) changeState(c stateChange) func(context.Context, *request) sim.Reply {
	return func(_ context.Context, q *request) sim.Reply {
		s.mu.Lock()
		defer s.mu.Unlock()
		_, n, code := s.authenticate(q)
		if n == nil {
			return s.failure(code)
		}
		n.status = c.status
		n.emit(event{kind: c.event, at: time.Now(), content: json.RawMessage("null")})
		return s.success(nil)
	}
}
