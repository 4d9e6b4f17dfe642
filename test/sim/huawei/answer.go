package huawei

import (
	"encoding/json"
	"net/http"
	"strconv"

	"agentkeeper/test/sim"
)

// messages are the platform's texts beside its codes (vendor page: error codes).
var messages = map[string]string{
	"000-001": "the method of obtaining the agent event is incorrect",
	"000-002": "the url or parameter is invalid",
	"000-003": "no right to invite resouce",
	"000-004": "the agent is being switched over",
	"000-007": "interface repeatedly invoked",
	"100-001": "the parameter is empty or invalid",
	"100-002": "agent already login",
	"100-003": "The number of login agents has exceeded that permitted for this VDN.",
	"100-004": "the user name or password is incorrect",
	"100-005": "the parameter of logging out is invalid",
	"100-006": "agent not login",
	"100-008": "agent has logged out",
	"100-009": "failed to set the agent state",
	"100-010": "the agent state is incorrect",
	"100-011": "the sign-in parameter is invalid",
	"100-012": "the agent type is incorrect",
	"100-013": "the phone number is invalid",
	"100-014": "the phone number is out of range",
	"100-015": "agent already login and can not be forced to log out",
	"100-016": "the ip is invalid",
	"105-005": "waiting for recovery timed out",
	"105-006": "the guid does not match",
	"105-007": "recovery is switched off",
	"110-016": "the account is locked",
	"110-021": "too many incorrect passwords, the account is locked",
	"200-001": "the agent is in a call",
	"200-002": "no call to answer",
	"200-005": "no call to hold",
	"200-013": "no call on hold",
	"200-017": "no call to release",
}

// failure is a well-formed answer with the platform's own text.
func (s *Sim) failure(code string) sim.Reply { return s.failureText(code, "") }

func (s *Sim) failureText(code, text string) sim.Reply {
	if text == "" {
		text = messages[code]
	}
	r := sim.JSON(s.envelope(code, text))
	r.Status = s.cfg().Web.FailureStatus
	return r
}

// success is a good answer with a result.
func (s *Sim) success(result any) sim.Reply {
	e := s.envelope("0", "success")
	if result != nil {
		e["result"] = result
	}
	return sim.JSON(e)
}

// envelope is what all answers share, in the shape that the switches ask for.
func (s *Sim) envelope(code, message string) map[string]any {
	key := "message"
	if s.cfg().Types.Msg {
		key = "msg"
	}
	e := map[string]any{key: message, "retcode": code}
	if s.cfg().Types.NumericRetcode && code == "0" {
		e["retcode"] = 0
	}
	if s.cfg().Types.ExtraFields {
		e["traceId"], e["extension"] = newUUID(), map[string]any{"list": []int{1, 2}, "none": nil}
	}
	return e
}

var emptyPoll = []byte(`{"message":"","retcode":"0"}`)

// noEvent is a poll's answer when nothing happened: without "event".
func (s *Sim) noEvent() sim.Reply {
	if s.cfg().Types == (Types{}) {
		return sim.Reply{Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, Body: emptyPoll}
	}
	e := s.envelope("0", "")
	if s.cfg().Types.EventNull {
		e["event"] = nil
	}
	return sim.JSON(e)
}

// withEvent is a poll's answer with one event.
func (s *Sim) withEvent(login string, ev event) sim.Reply {
	v := s.eventFields(login, ev)
	e := s.envelope("0", "")
	e["event"] = v
	if s.cfg().Types.EventArray {
		e["event"] = []any{v}
	}
	return sim.JSON(e)
}

func (s *Sim) eventFields(login string, ev event) map[string]any {
	v := map[string]any{"eventType": ev.kind, "workNo": s.number(login, s.cfg().Types.NumericWorkNo), "content": ev.content}
	if !s.cfg().Types.NoGenTime {
		v["eventGenTime"] = ev.at.UnixMilli()
	}
	if s.cfg().Types.ExtraFields {
		v["extension"] = map[string]any{"deep": []any{map[string]int{"er": 1}}}
	}
	return v
}

// number is text as the string that the pages promise, or as a number.
func (s *Sim) number(text string, numeric bool) any {
	if numeric {
		return json.Number(text)
	}
	return text
}

func (s *Sim) boolean(b bool) any {
	if s.cfg().Types.Booleans {
		return b
	}
	return strconv.FormatBool(b)
}

// setGuid adds the header by which a new Guid travels.
func (s *Sim) setGuid(r sim.Reply, g guid) sim.Reply {
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	switch s.cfg().GuidIn {
	case GuidBoth, GuidSetHeader:
		r.Header["Set-GUID"] = []string{guidCookie + "=" + g.value}
	case GuidHeader:
		r.Header["Guid"] = []string{g.value}
	}
	return r
}
