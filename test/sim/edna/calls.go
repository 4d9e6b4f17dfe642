package edna

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// threads is how many threads the platform has: their ids are 1 to threads.
const threads = 1000

// failure is a failed call's answer, {timestamp, status, error, message, path}.
func failure(status int, message, path string) sim.Reply {
	body := map[string]any{
		"timestamp": time.Now().UTC().Format("2006-01-02T15:04:05.000+00:00"),
		"status":    status, "error": http.StatusText(status), "path": path,
	}
	if message != "" {
		body["message"] = message
	}
	r := sim.JSON(body)
	r.Status = status
	return r
}

// statusOf reads the code of a fault: an HTTP status, 500 for anything else.
func statusOf(code string) int {
	status, err := strconv.Atoi(strings.TrimPrefix(code, "http "))
	if err != nil || status < 200 || status > 599 {
		return http.StatusInternalServerError
	}
	return status
}

// unauthorized is the answer to a dead token, or to none.
func (s *Sim) unauthorized(r *http.Request) sim.Reply {
	status := s.cfg().BadToken
	switch s.cfg().Unauthorized {
	case BodyEmpty:
		return empty(status)
	case BodyHTML:
		return sim.HTML(status)
	}
	return failure(status, "", r.URL.Path)
}

func empty(status int) sim.Reply { return sim.Reply{Status: status, Header: http.Header{}} }

// thread answers GET /api/v1/threads/{id}.
func (s *Sim) thread(a *account, r *http.Request) sim.Reply {
	id, status := threadID(r)
	if status != 0 {
		return failure(status, "", r.URL.Path)
	}
	return sim.JSON(map[string]any{
		"id": id, "status": "IN_PROGRESS", "startTime": "2025-01-01T00:00:00Z", "unread": 0, "unanswered": false,
		"currentAgent": nil, "currentAgentLogin": a.Login, "channel": "WEB", "clientId": 1, "tags": []string{}, "info": map[string]any{},
	})
}

// threadID reads the path's id; status is not 0 where there is no such thread.
func threadID(r *http.Request) (id, status int) {
	id, err := strconv.Atoi(r.PathValue("id"))
	switch {
	case err != nil:
		return 0, http.StatusBadRequest
	case id < 1 || id > threads:
		return 0, http.StatusNotFound
	}
	return id, 0
}

// assign answers PUT /api/v1/threads/{id}/assign: 200 without a body.
func (s *Sim) assign(_ *account, r *http.Request) sim.Reply {
	var v struct {
		UserID json.Number `json:"userId"`
		Login  string      `json:"login"`
	}
	if _, status := threadID(r); status != 0 {
		return failure(status, "", r.URL.Path)
	}
	if json.NewDecoder(r.Body).Decode(&v) != nil || (v.UserID == "" && v.Login == "") {
		return failure(http.StatusBadRequest, "userId or login is required", r.URL.Path)
	}
	return empty(http.StatusOK)
}

// An agent's states (vendor page: set an agent's status).
const (
	statusReady    = "READY"
	statusOutgoing = "OUTGOING"
	statusInactive = "INACTIVE"
)

// setStatus answers PUT /api/v1/agents/{who}/status: 200 without a body. An agent
// that is to become inactive finishes first.
func (s *Sim) setStatus(_ *account, r *http.Request) sim.Reply {
	refuse := func(status int, why string) sim.Reply { return failure(status, why, r.URL.Path) }
	var v struct{ Status, Reason string }
	decoded := json.NewDecoder(r.Body).Decode(&v) == nil
	by := r.URL.Query().Get("userVariableName")
	switch {
	case s.cfg().NoStatusRight:
		return refuse(http.StatusForbidden, "Access is denied")
	case by != "" && by != "id" && by != "login":
		return refuse(http.StatusBadRequest, "userVariableName is id or login")
	case !decoded, !slices.Contains([]string{statusReady, statusOutgoing, statusInactive}, v.Status):
		return refuse(http.StatusBadRequest, "status is READY, OUTGOING or INACTIVE")
	case v.Status == statusInactive && v.Reason == "":
		return refuse(http.StatusBadRequest, "reason is required")
	case v.Reason != "" && !slices.Contains(strings.Split(s.cfg().Reasons, ","), v.Reason):
		return refuse(http.StatusBadRequest, "reason is unknown")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.named(r.PathValue("who"), by == "login")
	if a == nil {
		return refuse(http.StatusNotFound, "")
	}
	s.turn(a, v.Status, v.Reason, time.Now())
	return empty(http.StatusOK)
}

// named finds an account by its login or its id. With the lock held.
func (s *Sim) named(who string, byLogin bool) *account {
	if byLogin {
		return s.accounts[who]
	}
	for _, a := range s.accounts {
		if a.id == who {
			return a
		}
	}
	return nil
}

// turn changes an agent's status. With the lock held.
func (s *Sim) turn(a *account, status, reason string, now time.Time) {
	a.reason = reason
	a.becoming = time.Time{}
	if status == statusInactive && s.cfg().Finishing > 0 {
		a.becoming = now.Add(span(s.cfg().Finishing))
		return
	}
	a.status = status
}

// statusAt returns an agent's status at now.
func (a *account) statusAt(now time.Time) string {
	switch {
	case a.becoming.IsZero():
		return a.status
	case now.Before(a.becoming):
		return "FINISHING"
	}
	return statusInactive
}

// unknown answers everything that does not exist.
func (s *Sim) unknown(_ *account, r *http.Request) sim.Reply {
	if s.cfg().Unknown401 {
		return s.unauthorized(r)
	}
	return failure(http.StatusNotFound, "", r.URL.Path)
}
