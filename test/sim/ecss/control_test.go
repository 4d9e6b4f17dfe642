package ecss_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

func TestControlMirrorsTheMethods(t *testing.T) {
	steps := []struct {
		path, body string
		check      func(t *testing.T, r *rig, c *client)
	}{
		{"/_sim/agents/1/kick", `{"signal":"silent"}`, func(t *testing.T, r *rig, c *client) {
			equal(t, "state", r.agent("1").State, ecss.StateStopped)
			equal(t, "closed", c.isClosed(), false)
		}},
		{"/_sim/agents/1/logout", ``, func(t *testing.T, r *rig, c *client) {
			equal(t, "reason", payloadOf(c.next())["reason"], any("logout"))
		}},
		{"/_sim/agents/1/displace", ``, func(t *testing.T, r *rig, _ *client) { equal(t, "sessions", r.agent("1").Sessions, 2) }},
		{"/_sim/agents/1/call", `{"number_a":"7999","ring":"10s"}`, func(t *testing.T, r *rig, _ *client) {
			equal(t, "calls", r.agent("1").Calls, []string{"call-1 alerting"})
			status, _ := r.request("POST", "/_sim/agents/1/hangup", `{"id":"call-1"}`)
			equal(t, "hangup", status, 200)
			equal(t, "calls", len(r.agent("1").Calls), 0)
		}},
		{"/_sim/agents/1/password", `{"password":"new"}`, func(t *testing.T, r *rig, _ *client) {
			equal(t, "old password", r.dial().ask("login", credentials("1", "401"))["status"], any(401.0))
		}},
		{"/_sim/agents/1/lock", `{"for":"1m"}`, func(t *testing.T, r *rig, _ *client) {
			equal(t, "locked", r.agent("1").Locked, true)
			time.Sleep(time.Minute)
			equal(t, "unlocked", r.agent("1").Locked, false)
			_ = r.Lock("1", 0)
			r.request("POST", "/_sim/agents/1/unlock", "")
			equal(t, "unlocked", r.agent("1").Locked, false)
		}},
		{"/_sim/agents/1/away", ``, func(t *testing.T, r *rig, _ *client) {
			equal(t, "state", r.agent("1").State, ecss.StateAuxwork)
			r.request("POST", "/_sim/agents/1/available", "")
			equal(t, "state", r.agent("1").State, ecss.StateAvailable)
		}},
		{"/_sim/numbers/402/occupy", ``, func(t *testing.T, r *rig, _ *client) {
			two := r.dial()
			equal(t, "occupied", payloadOf(two.ask("login", credentials("2", "402")))["message"], any(ecss.TextOccupied))
			r.request("POST", "/_sim/numbers/402/free", "")
			equal(t, "free", two.ask("login", credentials("2", "402"))["status"], any(200.0))
		}},
		{"/_sim/restart", `{"clean":true}`, func(t *testing.T, _ *rig, c *client) { equal(t, "closed", c.isClosed(), true) }},
		{"/_sim/core", `{"state":"system_error","for":"5s","end_sessions":true}`, func(t *testing.T, r *rig, _ *client) {
			equal(t, "state", r.agent("1").State, ecss.StateStopped)
			equal(t, "down", payloadOf(r.dial().ask("login", credentials("1", "401")))["message"], any(ecss.TextSystemError))
		}},
		{"/_sim/switches", `{"before_login":"403","auto_logout":null,"drop_grace":"3s"}`, func(t *testing.T, r *rig, _ *client) {
			w := r.Switches()
			equal(t, "switches", []any{w.BeforeLogin, w.DropGrace, w.AutoLogout}, []any{"403", sim.Duration(3 * time.Second), ecss.Minutes(0)})
			equal(t, "others stay", w.CloseCode, 4002)
		}},
	}
	for _, step := range steps {
		t.Run(step.path, func(t *testing.T) {
			bubble(t, ecss.Switches{CloseCode: 4002}, func(t *testing.T, r *rig) {
				c := r.login("1")
				if status, body := r.request("POST", step.path, step.body); status != 200 {
					t.Fatalf("%d %s", status, body)
				}
				step.check(t, r, c)
			})
		})
	}
}

func TestControlRefusesMistakes(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		before := r.Switches()
		for _, tc := range []struct {
			path, body string
			status     int
			text       string
		}{
			{"/_sim/agents/77/kick", ``, 404, "no such agent"},
			{"/_sim/agents/77/call", ``, 404, "no such agent"},
			{"/_sim/agents/1/kick", `{"signal":"loud"}`, 400, "push_close,close,silent"},
			{"/_sim/agents/1/kick", `{"sginal":"silent"}`, 400, "sginal"},
			{"/_sim/agents/1/call", `{}`, 400, "stopped"},
			{"/_sim/agents/1/call", `{"type":"fax"}`, 400, "mail"},
			{"/_sim/agents/1/hangup", `{"id":"call-9"}`, 400, "call-9"},
			{"/_sim/numbers/77/occupy", ``, 404, "no such number"},
			{"/_sim/core", `{"state":"sleepy"}`, 400, "gateway_timeout"},
			{"/_sim/switches", `{"error_at":"nowhere"}`, 400, "payload.message"},
			{"/_sim/switches", `{"drop_grace":"3s","error_position":"payload"}`, 400, "error_position"},
			{"/_sim/switches", `{"drop_grace":"-3s"}`, 400, "duration"},
			{"/_sim/switches", `{"auto_logout":"soon"}`, 400, "minutes"},
			{"/_sim/switches", `{"close_code":1006}`, 400, "close_code"},
			{"/_sim/switches", `{"padding":-1}`, 400, "negative"},
			{"/_sim/switches", `{"login_path":"login"}`, 400, "login_path"},
		} {
			status, body := r.request("POST", tc.path, tc.body)
			if status != tc.status || !strings.Contains(body, tc.text) {
				t.Errorf("%s %s: %d %s; want %d and %q", tc.path, tc.body, status, body, tc.status, tc.text)
			}
		}
		equal(t, "switches", r.Switches(), before)
	})
}

func TestStateTellsAllButSecrets(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		c := r.dial()
		token := payloadOf(c.ask("login", credentials("1", "401")))["token"].(string)
		_, body := r.request("GET", "/_sim/state", "")
		var state struct {
			Counts map[string]sim.Count
			Agents map[string]ecss.AgentState
		}
		if err := json.Unmarshal([]byte(body), &state); err != nil {
			t.Fatal(err)
		}
		equal(t, "sign-ins", state.Counts["1"].SignIns, 1)
		equal(t, "state", state.Agents["1"].State, ecss.StateAvailable)
		if strings.Contains(body, token) || strings.Contains(body, "pin\"") {
			t.Error("the state shows a secret")
		}
		r.request("POST", "/_sim/reset", "")
		equal(t, "record", r.agent("1").Record, ecss.Record{})
		equal(t, "session", r.agent("1").State, ecss.StateAvailable)
	})
}

func TestSwitchesOnCommandLine(t *testing.T) {
	var flags struct {
		ecss.Switches `embed:""`
	}
	parser, err := kong.New(&flags)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--notify-envelope=n3", "--drop-grace=90s", "--auto-logout=null", "--no-domain=timeout", "--garbage"}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	w := flags.Switches
	equal(t, "flags", []any{w.NotifyEnvelope, w.DropGrace, w.AutoLogout, w.NoDomain, w.Garbage, w.ErrorAt, w.CloseCode},
		[]any{"n3", sim.Duration(90 * time.Second), ecss.Minutes(0), "timeout", true, "payload.message", 1000})
}

func TestSwitchesRoundTrip(t *testing.T) {
	bubble(t, ecss.Switches{AutoLogout: 0.5, DropGrace: sim.Duration(time.Second)}, func(t *testing.T, r *rig) {
		_, body := r.request("GET", "/_sim/switches", "")
		var got ecss.Switches
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Switches(), got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestConfigCheck(t *testing.T) {
	good := ecss.Config{Agents: ecss.Agents(291, 20, "secret")}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	equal(t, "last agent", good.Agents[19], ecss.Agent{Login: "310", Password: "secret", Number: "40310"})
	bad := ecss.Config{
		Agents:   []ecss.Agent{{}, {Login: "1"}, {Login: "1", Domain: ecss.DefaultDomain}},
		Switches: ecss.Switches{Signal: "loud"},
	}
	err := bad.Check()
	for _, text := range []string{"agent 1 has no login", "agent 1 stands twice", "signal"} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v does not tell %q", err, text)
		}
	}
}
