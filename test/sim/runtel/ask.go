package runtel

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"agentkeeper/test/sim"
)

// The values of the switch lists_in.
const (
	ListsTop  = "list" // top-level list and total_count, what get finds in list[0]
	ListsBody = "body" // the same in body
)

// empty are the objects that public clients list and that nobody has here.
var empty = []string{
	"DomainAgent", "DomainAgentStatus", "DomainRole", "DomainPermission", "DomainDPEResult", "DomainQueueCDR", "DomainQueueMemberCDR",
	"DomainDialerBatch", "DomainDialerContact", "DomainDialerAttempt", "DomainDialerBatchDPQueue", "DomainDialerBatchDPPlayback",
	"DomainDialerBatchDPDP", "DomainDialerBatchDPCheck", "DomainDialerBatchDPQuestions", "DomainAutoDialingBatchSchedule", "GSSystem",
}

// deadToken refuses a request whose token is wrong or dead.
func (s *Sim) deadToken(q *request) sim.Reply {
	return s.reply(q, s.cfg().BadToken, struct{}{}, "token is invalid or expired")
}

// ask answers get and list.
func (s *Sim) ask(q *request) sim.Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, code := s.bearer(q)
	if code != good {
		return s.deadToken(q)
	}
	w, p := s.cfg(), q.params()
	switch {
	case t.owner.Operator && p.DomainID == 0:
		return s.fail(q, w.NoDomainID)
	case w.Status == q.Obj+"/"+q.Action:
		return s.setStatus(q, p)
	case q.Action == "list":
		return s.list(q)
	case q.Obj != "User":
		return s.fail(q, http.StatusNotFound)
	case q.Action != "get":
		return s.fail(q, http.StatusMethodNotAllowed)
	case w.Rejected:
		return s.deadToken(q)
	case w.Forbidden:
		return s.fail(q, http.StatusForbidden)
	}
	return s.get(q, p.ID)
}

// The words for an agent's status (FreeSWITCH's, as clients show them).
const (
	statusAvailable = -1
	statusLoggedOut = -4
)

// setStatus sets the status of the user that the request names.
func (s *Sim) setStatus(q *request, p params) sim.Reply {
	if p.StatusID < statusLoggedOut || p.StatusID > statusAvailable {
		return s.fail(q, http.StatusBadRequest)
	}
	for _, a := range s.agents {
		if a.userID == p.UserID {
			a.statusID = p.StatusID
			return s.success(q, struct{}{})
		}
	}
	return s.fail(q, http.StatusNotFound)
}

// get answers one user.
func (s *Sim) get(q *request, id int) sim.Reply {
	for _, a := range s.agents {
		if a.userID == id {
			return s.found(q, a.user(), []any{a.user()}, 1)
		}
	}
	return s.fail(q, http.StatusNotFound)
}

// list answers the objects of a kind, from offset on and at most limit of them.
func (s *Sim) list(q *request) sim.Reply {
	all := []any{}
	for _, a := range slices.SortedFunc(maps.Values(s.agents), func(a, b *agent) int { return cmp.Compare(a.userID, b.userID) }) {
		switch q.Obj {
		case "User":
			all = append(all, a.user())
		case "DomainUser":
			all = append(all, a.domainUser())
		}
	}
	if len(all) == 0 && !slices.Contains(empty, q.Obj) {
		return s.fail(q, http.StatusNotFound)
	}
	total := len(all)
	part := all[min(max(q.Offset, 0), total):]
	if q.Limit > 0 {
		part = part[:min(q.Limit, len(part))]
	}
	return s.found(q, part, part, total)
}

// found is a good answer with objects, where the switch wants them.
func (s *Sim) found(q *request, body any, list []any, total int) sim.Reply {
	if s.cfg().ListsIn == ListsBody {
		return s.success(q, body)
	}
	return s.reply(q, good, struct{}{}, "", field{"list", list}, field{"total_count", total})
}

// user is an account as the object User.
func (a *agent) user() map[string]any {
	return map[string]any{
		"id": a.userID, "name": a.Login, "surname": "", "login": a.Login, "email": a.Login, "role_id": 2, "status": 1, "numbers": []string{},
	}
}

// domainUser is an account as the object DomainUser, with its working state.
func (a *agent) domainUser() map[string]any {
	return map[string]any{
		"id": a.userID + 10_000, "user_id": a.userID, "uid": a.Login, "pin": "", "agent": map[string]any{"status_id": a.statusID},
		"group_outbound": []int{}, "group_interception": []int{}, "group_eavesdrop": []int{},
	}
}
