package huawei

import (
	"context"
	"net/http"
	"time"

	"agentkeeper/test/sim"
)

// The values of the switch event_mode.
const (
	EventsPerAgent = "agent" // GET /agentevent/{agentid}
	EventsOfAll    = "all"   // GET /agentevent/allagentevent (EVENT_METHOD = AGENT_POLL, GET_EVENT_MODE = 2)
)

// Older is what gateways of older versions do, as public clients know them.
type Older struct {
	EventMode   string `json:"event_mode" name:"event-mode" enum:"agent,all" default:"agent" help:"Events are polled for each agent, or for all of the gateway at once; the other call is 000-001: ${enum}."`
	AllReaps    bool   `json:"all_reaps" name:"all-reaps" help:"Polls for all agents keep nobody signed in."`
	PushContent bool   `json:"push_content" name:"push-content" help:"Callbacks of the older form are {\"eventContent\":\"…\"}, the event as text."`
}

// everybody is whom polls for all agents are counted for.
const everybody = "all"

// serveAll answers GET /agentevent/allagentevent.
func (s *Sim) serveAll(w http.ResponseWriter, r *http.Request) {
	q := &request{login: everybody, guid: s.guidOf(r), arrived: time.Now(), conn: r.RemoteAddr}
	end := s.Ops.BeginContext(r.Context(), everybody, sim.OpPoll)
	f, _ := s.Faults.Take(r.Context(), sim.OpPoll, everybody)
	sim.Exchange{
		Wire: &s.cfg().Wire, Process: func(ctx context.Context) sim.Reply { return s.pollAll(ctx, q) }, Fail: s.failureText, End: end,
	}.Serve(w, r, f)
}

// pollAll answers with every queued event at once, or with none after the hold.
func (s *Sim) pollAll(ctx context.Context, q *request) sim.Reply {
	if s.cfg().Older.EventMode != EventsOfAll {
		return s.failure("000-001")
	}
	until := time.Now().Add(time.Duration(s.cfg().Hold))
	for {
		answer, wait := s.tryAll(q, until)
		if wait <= 0 {
			return answer
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.stirred:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return sim.Reply{}
		}
		timer.Stop()
	}
}

func (s *Sim) tryAll(q *request, until time.Time) (answer sim.Reply, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.opensAny(q, now) {
		return s.failure(s.cfg().WrongGuid), 0
	}
	wait = until.Sub(now)
	var events []any
	for login, a := range s.agents {
		s.reap(a, now)
		for a.session != nil && !a.session.push {
			ev, soon, ok := a.take(now, q.conn)
			if !ok {
				if soon > 0 {
					wait = min(wait, soon)
				}
				break
			}
			events = append(events, s.eventFields(login, ev))
		}
		if a.session != nil && !s.cfg().Older.AllReaps {
			a.session.seen = now
		}
	}
	switch {
	case len(events) > 0:
		e := s.envelope("0", "")
		e["event"] = events
		return sim.JSON(e), 0
	case s.cfg().WaitFlagOff, !now.Before(until):
		return s.noEvent(), 0
	}
	return sim.Reply{}, max(wait, time.Nanosecond)
}

// opensAny reports whether the request's Guid opens the session of any agent. A
// gateway without Guids asks for none.
func (s *Sim) opensAny(q *request, now time.Time) bool {
	if s.cfg().GuidIn == GuidNone {
		return true
	}
	for _, a := range s.agents {
		if a.session != nil && s.opens(a.session, &request{guid: q.guid, cookie: a.session.cookie}, now) {
			return true
		}
	}
	return false
}
