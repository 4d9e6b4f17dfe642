package ecss_test

import (
	"fmt"
	"net/http"
	"regexp"
	"testing"
	"time"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

func TestLoginAnswersAsDocumented(t *testing.T) {
	bubble(t, ecss.Switches{AutoLogout: 5}, func(t *testing.T, r *rig) {
		c := r.dial()
		c.last = 15
		got := c.ask("login", credentials("1", "401"))
		payload := payloadOf(got)
		token, _ := payload["token"].(string)
		if !regexp.MustCompile(`^[0-9a-f]{32}:[0-9a-f]{96}$`).MatchString(token) {
			t.Errorf("token has %d characters, want 32 hex, colon, 96 hex", len(token))
		}
		delete(payload, "token")
		equal(t, "answer", got, map[string]any{
			"action": "login", "requestId": 16.0, "status": 200.0,
			"payload": map[string]any{
				"agentId": "1", "supervisor": false, "autoLogoutTimeout": 5.0,
				"capabilities": map[string]any{"operatorGetInQueueCalls": false},
			},
		})
		a := r.agent("1")
		equal(t, "state", []any{a.State, a.Number, a.Sessions, a.Sockets, a.Record.Logins}, []any{"available", "401", 1, 1, 1})
		r.violations(0, "")
	})
}

// refusals provokes each of the vendor's eight texts.
var refusals = []struct {
	text    string
	prepare func(r *rig)
	change  map[string]any
}{
	{ecss.TextOccupied, func(r *rig) { _ = r.Occupy("500", true) }, map[string]any{"number": "500"}},
	{ecss.TextOccupied, func(r *rig) { r.login("2") }, map[string]any{"number": "402"}},
	{ecss.TextNoNumber, nil, map[string]any{"number": "777"}},
	{ecss.TextBadLogin, nil, map[string]any{"password": "wrong"}},
	{ecss.TextBadLogin, nil, map[string]any{"login": "nobody"}},
	{ecss.TextBadLogin, func(r *rig) { _ = r.Lock("1", 0) }, nil},
	{ecss.TextNotActivated, nil, map[string]any{"number": "600"}},
	{ecss.TextSystemError, func(r *rig) { _ = r.Core(ecss.CoreSystemError, 0, false) }, nil},
	{ecss.TextGateway, func(r *rig) { _ = r.Core(ecss.CoreGateway, 0, false) }, nil},
	{ecss.TextNoDomain, nil, map[string]any{"domain": "elsewhere"}},
	{ecss.TextNoDomain, nil, map[string]any{"profile": "unheard-of"}},
	{ecss.TextTimeout, func(r *rig) { _ = r.Switch(func(w *ecss.Switches) { w.NoDomain = "timeout" }) }, map[string]any{"domain": "elsewhere"}},
	{ecss.TextNoDomain, func(r *rig) { _ = r.Switch(func(w *ecss.Switches) { w.ProfileHasNoDomain = true }) }, nil},
}

func TestRefusalsByTextAndPlace(t *testing.T) {
	for _, at := range []string{"payload", "payload.message", "payload.error", "message", "error"} {
		for i, tc := range refusals {
			t.Run(fmt.Sprint(at, "/", i, " ", tc.text), func(t *testing.T) {
				bubble(t, ecss.Switches{ErrorAt: at}, func(t *testing.T, r *rig) {
					if tc.prepare != nil {
						tc.prepare(r)
					}
					who := credentials("1", "401")
					for key, value := range tc.change {
						who[key] = value
					}
					want := map[string]any{"action": "login", "requestId": 1.0, "status": 401.0}
					place(want, at, tc.text)
					equal(t, "answer", r.dial().ask("login", who), want)
					equal(t, "refusals", r.Refusals(), map[string]int{tc.text: 1})
					equal(t, "sessions", r.agent("1").Sessions, 0)
					r.violations(0, "")
				})
			})
		}
	}
}

func place(frame map[string]any, at, text string) {
	switch at {
	case "payload.message":
		frame["payload"] = map[string]any{"message": text}
	case "payload.error":
		frame["payload"] = map[string]any{"error": text}
	default:
		frame[at] = text
	}
}

func TestOptionalFieldsMayBeLeftOut(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		who := credentials("1", "401")
		delete(who, "role")
		equal(t, "status", r.dial().ask("login", who)["status"], any(200.0))
		who = credentials("2", "402")
		who["domain"], who["unheardOf"] = ecss.DefaultDomain, 1
		equal(t, "status", r.dial().ask("login", who)["status"], any(200.0))
	})
}

func TestWrongTypesAreNotForgiven(t *testing.T) {
	for key, value := range map[string]any{"login": 1, "password": nil, "number": 401, "profile": true, "domain": 5, "role": []int{}} {
		t.Run(key, func(t *testing.T) {
			bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
				who := credentials("1", "401")
				who[key] = value
				equal(t, "status", r.dial().ask("login", who)["status"], any(500.0))
				r.violations(1, "must be strings")
			})
		})
	}
}

func TestLoginVariants(t *testing.T) {
	flags := map[string]any{"force_logout": true, "agents_manage": true, "queues_manage": true, "call_basic": true}
	with := func(m map[string]any, more map[string]any) map[string]any {
		for key, value := range more {
			m[key] = value
		}
		return m
	}
	cases := map[string]struct {
		w    ecss.Switches
		want map[string]any
	}{
		"supervisor": {ecss.Switches{}, map[string]any{"agentId": "9", "supervisor": true, "autoLogoutTimeout": nil,
			"capabilities": map[string]any{"operatorGetInQueueCalls": true}}},
		"no agentId": {ecss.Switches{OmitAgentID: true, AutoLogout: 0.05}, map[string]any{"supervisor": true, "autoLogoutTimeout": 0.05,
			"capabilities": map[string]any{"operatorGetInQueueCalls": true}}},
		"flags in payload": {ecss.Switches{Permissions: "payload"}, with(map[string]any{"agentId": "9", "supervisor": true, "autoLogoutTimeout": nil,
			"capabilities": map[string]any{"operatorGetInQueueCalls": true}}, flags)},
		"flags in capabilities": {ecss.Switches{Permissions: "capabilities"}, map[string]any{"agentId": "9", "supervisor": true, "autoLogoutTimeout": nil,
			"capabilities": with(map[string]any{"operatorGetInQueueCalls": true}, flags)}},
		"string booleans": {ecss.Switches{StringBooleans: true}, map[string]any{"agentId": "9", "supervisor": "true", "autoLogoutTimeout": nil,
			"capabilities": map[string]any{"operatorGetInQueueCalls": "true"}}},
		"extra keys": {ecss.Switches{ExtraKeys: true}, map[string]any{"agentId": "9", "supervisor": true, "autoLogoutTimeout": nil,
			"capabilities": map[string]any{"operatorGetInQueueCalls": true}, "futureFlag": true, "futureList": []any{map[string]any{}}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, tc.w, func(t *testing.T, r *rig) {
				payload := payloadOf(r.dial().ask("login", credentials("9", "409")))
				delete(payload, "token")
				equal(t, "payload", payload, tc.want)
			})
		})
	}
}

func TestWrongPasswordsLock(t *testing.T) {
	w := ecss.Switches{LockAfter: 3, LockFor: sim.Duration(time.Minute)}
	bubble(t, w, func(t *testing.T, r *rig) {
		wrong := credentials("1", "401")
		wrong["password"] = "guess"
		c := r.dial()
		for range 3 {
			equal(t, "status", c.ask("login", wrong)["status"], any(401.0))
		}
		equal(t, "locked", r.agent("1").Locked, true)
		equal(t, "right password while locked", payloadOf(c.ask("login", credentials("1", "401")))["message"], any(ecss.TextBadLogin))
		time.Sleep(time.Minute)
		equal(t, "after the lock", c.ask("login", credentials("1", "401"))["status"], any(200.0))
		equal(t, "record", r.agent("1").Record.Refused, map[string]int{ecss.TextBadLogin: 4})
	})
}

func TestSlowAnswersTakeTheirTime(t *testing.T) {
	w := ecss.Switches{LoginDelay: sim.Duration(20 * time.Second), NoDomain: "timeout", NoDomainDelay: sim.Duration(10 * time.Second)}
	bubble(t, w, func(t *testing.T, r *rig) {
		start := time.Now()
		r.login("1")
		equal(t, "login took", time.Since(start), 20*time.Second)
		start = time.Now()
		lost := credentials("2", "402")
		lost["domain"] = "elsewhere"
		equal(t, "text", payloadOf(r.dial().ask("login", lost))["message"], any("timeout"))
		equal(t, "timeout took", time.Since(start), 30*time.Second)
	})
}

// The core finishes a login whose client has gone; nobody is left to use it.
func TestSlowLoginOutlivesItsClient(t *testing.T) {
	w := ecss.Switches{LoginDelay: sim.Duration(20 * time.Second), DropGrace: sim.Duration(time.Minute)}
	bubble(t, w, func(t *testing.T, r *rig) {
		c := r.dial()
		c.send("login", credentials("1", "401"))
		time.Sleep(5 * time.Second)
		c.vanish()
		equal(t, "before", r.agent("1").State, ecss.StateStopped)
		time.Sleep(16 * time.Second)
		a := r.agent("1")
		equal(t, "seated", []any{a.State, a.Sessions, a.Sockets}, []any{ecss.StateAvailable, 1, 0})
		time.Sleep(time.Minute)
		equal(t, "after the grace", r.agent("1").State, ecss.StateStopped)
		r.violations(0, "")
	})
}

func TestTwoAtOnceAreViolations(t *testing.T) {
	t.Run("two logins in flight", func(t *testing.T) {
		bubble(t, ecss.Switches{LoginDelay: sim.Duration(5 * time.Second)}, func(t *testing.T, r *rig) {
			first, second := r.dial(), r.dial()
			first.send("login", credentials("1", "401"))
			time.Sleep(time.Second)
			second.send("login", credentials("1", "401"))
			first.next()
			second.next()
			r.violations(1, "sign_in began while the sign_in")
		})
	})
	t.Run("login beside a living session", func(t *testing.T) {
		bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
			first, _ := r.login("1"), r.login("1")
			equal(t, "the first lives on", first.isClosed(), false)
			equal(t, "sessions", r.agent("1").Sessions, 2)
			r.violations(1, "alive on another websocket")
		})
	})
	t.Run("one agent after another", func(t *testing.T) {
		bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
			for range 50 {
				_ = r.login("1").conn.CloseNow() // unseen by the platform as yet
			}
			equal(t, "logins", r.agent("1").Record.Logins, 50)
			r.violations(0, "")
		})
	})
	t.Run("given up while in flight", func(t *testing.T) {
		bubble(t, ecss.Switches{LoginDelay: sim.Duration(time.Hour)}, func(t *testing.T, r *rig) {
			c := r.dial()
			c.send("login", credentials("1", "401"))
			time.Sleep(30 * time.Second)
			c.vanish()
			_ = r.Switch(func(w *ecss.Switches) { w.LoginDelay = 0 })
			r.login("1")
			r.violations(0, "")
		})
	})
	t.Run("another agent", func(t *testing.T) {
		bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
			r.login("1")
			r.login("2")
			r.violations(0, "")
		})
	})
}

func TestOnlyWebsocketsAreServed(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		for _, method := range []string{"GET", "POST"} {
			status, _ := r.request(method, "/", `{"login":"1","password":"pin","number":"401","profile":"default"}`)
			equal(t, method, status, http.StatusUpgradeRequired)
		}
		_, resp, err := r.tryDial("/ws", nil)
		if err == nil || resp.StatusCode != http.StatusNotFound {
			t.Errorf("websocket on another path: %v, %v; want 404", resp, err)
		}
		if _, _, err := r.tryDial("/", http.Header{"Origin": {"http://192.0.2.1:4200"}}); err != nil {
			t.Errorf("foreign Origin refused: %v", err)
		}
	})
}
