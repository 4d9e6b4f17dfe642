package ecss_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

const payloadOne = `{"login":"1","password":"pin","number":"401","profile":"default"}`

func overHTTP(tokenIn string) ecss.Switches {
	return ecss.Switches{LoginOver: "http", LoginPath: "/login", TokenIn: tokenIn}
}

// post logs in by POST and returns the token.
func (r *rig) post(body string) string {
	r.t.Helper()
	status, text := r.request("POST", "/login", body)
	var answer struct {
		Status  int
		Payload struct{ Token, AgentID string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 200 || answer.Status != 200 {
		r.t.Fatalf("login by POST: %d %s: %v", status, text, err)
	}
	return answer.Payload.Token
}

func TestLoginByPost(t *testing.T) {
	bodies := map[string]string{"payload": payloadOne, "envelope": `{"action":"login","requestId":4,"payload":` + payloadOne + `}`}
	open := map[string]func(r *rig, token string) *client{
		"header": func(r *rig, token string) *client {
			c, _, err := r.tryDial("/", http.Header{"Authorization": {"Bearer " + token}})
			if err != nil {
				r.t.Fatal(err)
			}
			return c
		},
		"query": func(r *rig, token string) *client {
			c, _, err := r.tryDial("/?token="+token, nil)
			if err != nil {
				r.t.Fatal(err)
			}
			return c
		},
		"message": func(r *rig, token string) *client {
			c := r.dial()
			equal(r.t, "before", c.ask("call/subscribe", me("1"))["status"], any(401.0))
			equal(r.t, "wrong token", c.ask("authorize", map[string]any{"token": "guess"})["status"], any(401.0))
			equal(r.t, "token", c.ask("authorize", map[string]any{"token": token})["status"], any(200.0))
			return c
		},
		"none": func(r *rig, _ string) *client { return r.dial() },
	}
	for where, dial := range open {
		for form, body := range bodies {
			t.Run(where+" "+form, func(t *testing.T) {
				bubble(t, overHTTP(where), func(t *testing.T, r *rig) {
					c := dial(r, r.post(body))
					equal(t, "subscribe", c.ask("call/subscribe", me("1"))["status"], any(200.0))
					a := r.agent("1")
					equal(t, "state", []any{a.State, a.Sockets, a.Record.Logins}, []any{ecss.StateAvailable, 1, 1})
					time.Sleep(time.Hour)
					equal(t, "later", r.agent("1").State, ecss.StateAvailable)
					equal(t, "logout", c.ask("logout", map[string]any{})["status"], any(200.0))
					r.violations(0, "")
				})
			})
		}
	}
}

func TestPostWithoutWebsocketLapses(t *testing.T) {
	bubble(t, overHTTP("header"), func(t *testing.T, r *rig) {
		token := r.post(payloadOne)
		time.Sleep(29 * time.Second)
		equal(t, "state", r.agent("1").State, ecss.StateAvailable)
		time.Sleep(time.Second)
		equal(t, "state", r.agent("1").State, ecss.StateStopped)
		_, resp, err := r.tryDial("/", http.Header{"Authorization": {"Bearer " + token}})
		if err == nil || resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("lapsed token: %v %v; want 401", resp, err)
		}
	})
}

func TestWebsocketNeedsItsToken(t *testing.T) {
	bubble(t, overHTTP("header"), func(t *testing.T, r *rig) {
		token := r.post(payloadOne)
		for _, path := range []string{"/", "/?token=" + token} {
			if _, resp, err := r.tryDial(path, nil); err == nil || resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%d-character path: %v; want 401", len(path), err)
			}
		}
		bearer := http.Header{"Authorization": {"Bearer " + token}}
		c, _, err := r.tryDial("/", bearer)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "login on the websocket", c.ask("login", credentials("2", "402"))["status"], any(404.0))
		if _, _, err := r.tryDial("/", bearer); err == nil {
			t.Error("a second websocket with the token of a living one")
		}
		r.violations(1, "second websocket")
	})
}

// Without a token the platform goes by the agent that a request names.
func TestNoTokenManyAgents(t *testing.T) {
	bubble(t, overHTTP("none"), func(t *testing.T, r *rig) {
		r.post(payloadOne)
		r.post(`{"login":"2","password":"pin","number":"402","profile":"default"}`)
		one, two := r.dial(), r.dial()
		equal(t, "two", two.ask("call/subscribe", me("2"))["status"], any(200.0))
		equal(t, "one", one.ask("call/subscribe", me("1"))["status"], any(200.0))
		_ = r.Kick("1", "close")
		equal(t, "closed", []bool{one.isClosed(), two.isClosed()}, []bool{true, false})
	})
}

func TestRefusedPost(t *testing.T) {
	wrong := `{"login":"1","password":"guess","number":"401","profile":"default"}`
	for choice, want := range map[string]int{"follow": 401, "200": 200} {
		w := overHTTP("header")
		w.LoginStatus = choice
		bubble(t, w, func(t *testing.T, r *rig) {
			status, body := r.request("POST", "/login", wrong)
			equal(t, "status", status, want)
			equal(t, "body", body, `{"action":"login","payload":{"message":"Invalid login or password"},"status":401}`)
			r.violations(0, "")
		})
	}
	bubble(t, overHTTP("header"), func(t *testing.T, r *rig) {
		for _, body := range []string{"", "[]", `{"action":"logout","requestId":1,"payload":{}}`, `{"action":"login","payload":{}}`} {
			status, _ := r.request("POST", "/login", body)
			equal(t, body, status, 500)
		}
		r.violations(4, "POST: ")
		status, _ := r.request("POST", "/elsewhere", payloadOne)
		equal(t, "another path", status, http.StatusUpgradeRequired)
	})
}

func TestPostFaults(t *testing.T) {
	bubble(t, overHTTP("header"), func(t *testing.T, r *rig) {
		r.Faults().Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeCode, Code: "401", Text: ecss.TextGateway, Count: 1})
		status, body := r.request("POST", "/login", payloadOne)
		equal(t, "code", []any{status, body}, []any{401, `{"action":"login","payload":{"message":"Gateway timeout"},"status":401}`})
		r.Faults().Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeLost, Count: 1})
		if resp, err := r.http.Post("http://pbx/login", "application/json", strings.NewReader(payloadOne)); err == nil {
			resp.Body.Close()
			t.Error("lost: answered")
		}
		r.Faults().Clear()
		token := r.post(payloadOne)
		c, _, err := r.tryDial("/", http.Header{"Authorization": {"Bearer " + token}})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.conn.Close(websocket.StatusNormalClosure, "")
	})
}
