package huaweiconfig

import (
	"net/http"
	"strings"

	"agentkeeper/test/sim"
)

// messages are the platform's texts beside its codes (vendor page: error codes).
var messages = map[string]string{
	"107-000": "the cached login is invalid, please log in again",
	"107-002": "the input parameter is incorrect",
	"107-003": "the user name or password is incorrect",
	"107-007": "authentication before the configuration failed",
	"107-010": "querying the object failed",
	"110-016": "the account is locked",
	"110-021": "too many incorrect passwords, the account is locked",
}

// failureText is a well-formed answer; text "" is the platform's own.
func (s *Sim) failureText(code, text string) sim.Reply {
	if text == "" {
		text = messages[code]
	}
	r := sim.JSON(s.envelope(code, text))
	r.Status = s.cfg().FailureStatus
	return r
}

func (s *Sim) failure(code string) sim.Reply { return s.failureText(code, "") }

// success is a good answer with a result.
func (s *Sim) success(result any) sim.Reply {
	e := s.envelope("0", "success")
	e["result"] = result
	return sim.JSON(e)
}

// envelope is what all answers share, in the shape that the switches ask for.
func (s *Sim) envelope(code, message string) map[string]any {
	key := "message"
	if s.cfg().Msg {
		key = "msg"
	}
	e := map[string]any{key: message, "retcode": code}
	if s.cfg().NumericRetcode && code == "0" {
		e["retcode"] = 0
	}
	if s.cfg().ExtraFields {
		e["traceId"], e["extension"] = newUUID(), map[string]any{"list": []int{1, 2}, "none": nil}
	}
	return e
}

// welcome is a good login's answer.
func (s *Sim) welcome(g *guid) sim.Reply {
	where := s.cfg().GuidIn
	result := map[string]any{}
	if where == GuidBoth || where == GuidBody {
		result["guid"] = g.value
	}
	r := s.success(result)
	switch where {
	case GuidBoth, GuidHeader:
		r.Header["Guid"] = []string{g.value}
	case GuidSet:
		r.Header["Set-GUID"] = []string{"JSESSIONID=" + g.value}
	}
	if g.cookie != "" {
		c := http.Cookie{Name: cookie, Value: g.cookie, Path: "/", HttpOnly: true}
		r.Header["Set-Cookie"] = []string{c.String()}
	}
	return r
}

// expired is what a dead Guid is answered.
func (s *Sim) expired() sim.Reply {
	if s.cfg().Expired == Expired401 {
		return sim.HTML(http.StatusUnauthorized)
	}
	return s.failure(s.cfg().Expired)
}

const bigResult = 4 << 20

// result is what a query with a live Guid is answered.
func (s *Sim) result() sim.Reply {
	switch s.cfg().Query {
	case QueryObject:
		return s.failure("107-010")
	case QueryDenied:
		return s.expired()
	case QueryForbidden:
		return sim.HTML(http.StatusForbidden)
	case QueryMissing:
		return sim.HTML(http.StatusNotFound)
	case QueryHTML:
		return sim.HTML(http.StatusOK)
	case QueryInput:
		return s.failure("107-002")
	case QueryBig:
		return s.success(strings.Repeat("x", bigResult))
	}
	return s.success([]map[string]any{{"id": 101, "guid": "an-object's", "name": "agent"}})
}
