package main

import (
	"errors"
	"strings"
	"testing"

	"agentkeeper/daemon/api"
)

func TestCheck(t *testing.T) {
	online := api.Agent{ID: "hq/1", Wish: "online", State: "online"}
	waiting := api.Agent{ID: "hq/2", Wish: "online", State: "waiting", Reason: "outage"}
	parked := api.Agent{ID: "hq/3", Wish: "online", State: "parked", Reason: "refused"}
	quarantined := api.Agent{ID: "hq/5", Wish: "online", State: "waiting", Reason: "quarantine"}
	unwanted := api.Agent{ID: "hq/6", Wish: "offline", State: "online"}
	off := api.Agent{ID: "hq/4", Wish: "offline", State: "offline"}
	full := api.Problem{Code: api.ProblemStore, Severity: api.Critical, Text: "the store cannot be written: no space | left\non device"}
	unread := api.Problem{Code: api.ProblemConsumer + ":crm/old", Severity: api.Noticed, Text: "nobody reads it"}
	reload := api.Problem{Code: api.ProblemReload, Severity: api.Warned, Text: "the last reload failed"}
	for _, tt := range []struct {
		service api.Service
		agents  []api.Agent
		code    int
		want    string
	}{
		{api.Service{}, []api.Agent{online, off}, 0, "OK - 1 of 1 agents online | online=1 wished=1 parked=0 quarantined=0 waiting=0 unmet=0 problems=0\n"},
		{api.Service{}, []api.Agent{online, waiting}, 1, "WARNING - 1 of 2 agents online, not yet: hq/2 | "},
		{api.Service{}, []api.Agent{waiting, parked}, 2, "CRITICAL - 0 of 2 agents online, stopped: hq/3, not yet: hq/2 | "},
		{api.Service{}, []api.Agent{quarantined, parked, unwanted, off}, 2,
			"CRITICAL - 0 of 2 agents online, stopped: hq/3, in quarantine: hq/5 | online=0 wished=2 parked=1 quarantined=1 waiting=0 unmet=3 problems=0\n"},
		{api.Service{Problems: []api.Problem{unread}}, []api.Agent{online}, 0, "OK - 1 of 1 agents online | online=1 wished=1 parked=0 quarantined=0 waiting=0 unmet=0 problems=0\n"},
		{api.Service{Problems: []api.Problem{reload}}, []api.Agent{online}, 1, "WARNING - the last reload failed; 1 of 1 agents online | "},
		{api.Service{Problems: []api.Problem{full, reload}}, []api.Agent{online}, 2,
			"CRITICAL - the store cannot be written: no space / left on device; the last reload failed; 1 of 1 agents online | "},
		{api.Service{Problems: []api.Problem{reload}}, []api.Agent{parked}, 2, "CRITICAL - "},
		{api.Service{Phase: api.PhaseHandingOver, Problems: []api.Problem{full}}, []api.Agent{parked}, 3, "UNKNOWN - handing over; the store cannot be written"},
		{api.Service{Phase: api.PhaseHandingOver}, []api.Agent{online, waiting}, 3, "UNKNOWN - handing over; 1 of 2 agents online, not yet: hq/2 | online=1 wished=2 "},
		{api.Service{Phase: api.PhaseStopping}, []api.Agent{off}, 3, "UNKNOWN - stopping, every agent is signed out; 0 of 0 agents online | "},
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
