package main

import (
	"errors"
	"strings"
	"testing"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/view"
)

func TestCheck(t *testing.T) {
	online := view.Agent{Identity: view.Identity{ID: "hq/1"}, Condition: view.Condition{Wish: "online", State: "online"}}
	waiting := view.Agent{Identity: view.Identity{ID: "hq/2"}, Condition: view.Condition{Wish: "online", State: "waiting", Reason: "outage"}}
	parked := view.Agent{Identity: view.Identity{ID: "hq/3"}, Condition: view.Condition{Wish: "online", State: "parked", Reason: "refused"}}
	quarantined := view.Agent{Identity: view.Identity{ID: "hq/5"}, Condition: view.Condition{Wish: "online", State: "waiting", Reason: "quarantine"}}
	unwanted := view.Agent{Identity: view.Identity{ID: "hq/6"}, Condition: view.Condition{Wish: "offline", State: "online"}}
	off := view.Agent{Identity: view.Identity{ID: "hq/4"}, Condition: view.Condition{Wish: "offline", State: "offline"}}
	full := api.Problem{Code: api.ProblemStore, Severity: api.Critical, Text: "the store cannot be written: no space | left\non device"}
	unread := api.Problem{Code: api.ProblemConsumer + ":crm/old", Severity: api.Noticed, Text: "nobody reads it"}
	reload := api.Problem{Code: api.ProblemReload, Severity: api.Warned, Text: "the last reload failed"}
	for _, tt := range []struct {
		service api.Service
		agents  []view.Agent
		code    int
		want    string
	}{
		{api.Service{}, []view.Agent{online, off}, 0, "OK - 1 of 1 agents online | online=1 wished=1 parked=0 quarantined=0 waiting=0 unmet=0 problems=0\n"},
		{api.Service{}, []view.Agent{online, waiting}, 1, "WARNING - 1 of 2 agents online, not yet: hq/2 | "},
		{api.Service{}, []view.Agent{waiting, parked}, 2, "CRITICAL - 0 of 2 agents online, stopped: hq/3, not yet: hq/2 | "},
		{api.Service{}, []view.Agent{quarantined, parked, unwanted, off}, 2,
			"CRITICAL - 0 of 2 agents online, stopped: hq/3, in quarantine: hq/5 | online=0 wished=2 parked=1 quarantined=1 waiting=0 unmet=3 problems=0\n"},
		{api.Service{Problems: []api.Problem{unread}}, []view.Agent{online}, 0, "OK - 1 of 1 agents online | online=1 wished=1 parked=0 quarantined=0 waiting=0 unmet=0 problems=0\n"},
		{api.Service{Problems: []api.Problem{reload}}, []view.Agent{online}, 1, "WARNING - the last reload failed; 1 of 1 agents online | "},
		{api.Service{Problems: []api.Problem{full, reload}}, []view.Agent{online}, 2,
			"CRITICAL - the store cannot be written: no space / left on device; the last reload failed; 1 of 1 agents online | "},
		{api.Service{Problems: []api.Problem{reload}}, []view.Agent{parked}, 2, "CRITICAL - "},
		{api.Service{Phase: api.PhaseHandingOver, Problems: []api.Problem{full}}, []view.Agent{parked}, 3, "UNKNOWN - handing over; the store cannot be written"},
		{api.Service{Phase: api.PhaseHandingOver}, []view.Agent{online, waiting}, 3, "UNKNOWN - handing over; 1 of 2 agents online, not yet: hq/2 | online=1 wished=2 "},
		{api.Service{Phase: api.PhaseStopping}, []view.Agent{off}, 3, "UNKNOWN - stopping, every agent is signed out; 0 of 0 agents online | "},
	} {
		var out strings.Builder
		code := 0
		var e *exit
		var found tally
		found.add(tt.agents)
		if errors.As(check(&out, tt.service, found), &e) {
			code = e.code
		}
		if code != tt.code || !strings.HasPrefix(out.String(), tt.want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%+v: exit code %d, %q; want %d, %q", tt.service, code, out.String(), tt.code, tt.want)
		}
	}
}
