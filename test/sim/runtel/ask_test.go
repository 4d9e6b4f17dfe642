package runtel

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestListsAsPublicClientsReadThem replays what clients of the platform's
// reports send: a limit and an offset beside the params, and a filter.
func TestListsAsPublicClientsReadThem(t *testing.T) {
	type found struct {
		List  []map[string]any `json:"list"`
		Total int              `json:"total_count"`
		Body  json.RawMessage  `json:"body"`
	}
	for in, top := range map[string]bool{ListsTop: true, ListsBody: false} {
		with(t, Switches{ListsIn: in}, func(t *testing.T, _ *Sim, a *caller) {
			a.in("a@x")
			ask := func(action, obj, params string) (f found) {
				got := a.call(action, obj, params)
				a.want(got, "200 200")
				if err := json.Unmarshal([]byte(got.raw), &f); err != nil {
					t.Error(err)
				}
				if (!top && f.List != nil) || (top && string(f.Body) != "{}") {
					t.Errorf("%s: %s", in, got.raw)
				}
				if !top {
					_ = json.Unmarshal(f.Body, &f.List)
					f.Total = len(f.List)
				}
				return f
			}
			users, agents := ask("list", "User", "{}"), ask("list", "DomainUser", `{"domain_id":3}`)
			if users.Total != 3 || users.List[0]["login"] != "a@x" || agents.Total != 3 {
				t.Errorf("%s: %+v %+v", in, users, agents)
			}
			agent, _ := agents.List[1]["agent"].(map[string]any)
			if agents.List[1]["user_id"] != users.List[1]["id"] || agent["status_id"] != -1. {
				t.Errorf("%v", agents.List[1])
			}
			part := ask("list", "User", `{},"limit":2,"offset":2,"filter":{"type":0,"field_list":[]}`)
			if len(part.List) != 1 || part.List[0]["login"] != "op@x" {
				t.Errorf("%s: the last page: %+v", in, part)
			}
			if top {
				if one := ask("get", "User", fmt.Sprintf(`{"id":%v}`, users.List[1]["id"])); one.List[0]["login"] != "b@x" {
					t.Errorf("%+v", one)
				}
			}
			if none := ask("list", "DomainAgentStatus", `{"domain_id":3}`); len(none.List) != 0 {
				t.Errorf("%+v", none)
			}
			a.want(a.call("list", "Nothing", "{}"), "200 404")
		})
	}
}

// TestStatusOfTheSitesOwn: what sets a status is not known, so the test names it.
func TestStatusOfTheSitesOwn(t *testing.T) {
	with(t, Switches{Status: "DomainAgent/update"}, func(t *testing.T, s *Sim, a *caller) {
		a.in("a@x")
		for params, want := range map[string]string{
			`{"user_id":1001,"status_id":-3}`: "200 200", `{"user_id":1001,"status_id":1}`: "200 400",
			`{"user_id":7,"status_id":-1}`: "200 404",
		} {
			a.want(a.call("update", "DomainAgent", params), want)
		}
		a.want(a.call("delete", "DomainAgent", "{}"), "200 404")
		now := s.Agent("b@x")
		list := a.call("list", "DomainUser", `{"domain_id":3}`)
		if now.StatusID != -3 || now.UserID != 1001 || !strings.Contains(list.raw, `"status_id":-3`) {
			t.Errorf("%+v: %s", now, list.raw)
		}
		if got := s.Agent("a@x").Commands; len(got) != 4 || got[3] != "DomainAgent/delete {}" || s.Ops.Count("a@x").Commands != 4 {
			t.Errorf("%q", got)
		}
	})
	for _, name := range []string{"DomainAgent", "/update", "DomainAgent/"} {
		if err := (Config{Switches: Switches{Status: name}}).Check(); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

func TestDeadTokenIsNotAWrongPassword(t *testing.T) {
	text := func(a answer) string {
		first, _ := a.Notifies[0].(map[string]any)
		text, _ := first["text"].(string)
		return text
	}
	with(t, Switches{}, func(t *testing.T, _ *Sim, a *caller) {
		password := text(a.auth("a@x", "guess"))
		a.token = "dead"
		for _, call := range [][2]string{{"get", `{"id":1000}`}, {"list", "{}"}, {"logout", "{}"}} {
			got := a.call(call[0], "User", call[1])
			a.want(got, "200 401")
			if text(got) == password || text(got) == "" {
				t.Errorf("%s with a dead token is told %q", call[0], text(got))
			}
		}
	})
}
