package ecss_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

func me(ids ...string) map[string]any { return map[string]any{"operatorIds": ids} }

func TestMalformedFramesAreNotForgiven(t *testing.T) {
	for _, frame := range []string{
		`hello`, ``, `[]`, `{"action":"call/subscribe"`,
		`{"requestId":1,"payload":{}}`,
		`{"action":7,"requestId":1,"payload":{}}`,
		`{"Action":"call/subscribe","requestId":1,"payload":{}}`,
		`{"action":"call/subscribe","requestId":"1","payload":{}}`,
		`{"action":"call/subscribe","payload":{}}`,
		`{"action":"call/subscribe","requestId":1}`,
		`{"action":"call/subscribe","requestId":1,"payload":[]}`,
		`0100000001300014unblock_operator{"action":"x"}`, // the arm API's header
	} {
		t.Run(frame, func(t *testing.T) {
			bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
				c := r.login("1")
				c.write(frame)
				got := c.next()
				equal(t, "status and code", []any{got["status"], payloadOf(got)["code"]}, []any{500.0, 5.0})
				r.violations(1, "frame: ")
				equal(t, "still open", c.isClosed(), false)
			})
		})
	}
	t.Run("operatorIds", func(t *testing.T) {
		bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
			c := r.login("1")
			equal(t, "status", c.ask("call/subscribe", map[string]any{"operatorIds": "1"})["status"], any(500.0))
			r.violations(1, "operatorIds")
		})
	})
	t.Run("binary", func(t *testing.T) {
		bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
			c := r.login("1")
			if err := c.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			<-c.closed
			equal(t, "close code", websocket.CloseStatus(c.err), websocket.StatusUnsupportedData)
			r.violations(1, "binary")
		})
	})
}

func TestRequestsWithoutSession(t *testing.T) {
	for choice, status := range map[string]any{"401": 401.0, "403": 403.0, "silence": nil} {
		t.Run(choice, func(t *testing.T) {
			bubble(t, ecss.Switches{BeforeLogin: choice}, func(t *testing.T, r *rig) {
				c := r.dial()
				id := c.send("call/subscribe", me("1"))
				if status == nil {
					c.quiet()
					return
				}
				got := c.next()
				equal(t, "answer", []any{got["status"], got["requestId"]}, []any{status, float64(id)})
			})
		})
	}
}

func TestUnknownActions(t *testing.T) {
	for choice, want := range map[string][]any{"404": {404.0, nil}, "500": {500.0, 5.0}, "silence": nil} {
		t.Run(choice, func(t *testing.T) {
			bubble(t, ecss.Switches{UnknownAction: choice, ErrorAt: "payload.message"}, func(t *testing.T, r *rig) {
				c := r.login("1")
				c.send("agent/ping", map[string]any{})
				if want == nil {
					c.quiet()
					return
				}
				got := c.next()
				equal(t, "answer", []any{got["status"], payloadOf(got)["code"]}, want)
			})
		})
	}
}

func TestLogoutEndsTheSession(t *testing.T) {
	bubble(t, ecss.Switches{LogoutAction: "agent/exit", DropGrace: sim.Duration(time.Hour)}, func(t *testing.T, r *rig) {
		c := r.login("1")
		equal(t, "another name", c.ask("logout", map[string]any{})["status"], any(404.0))
		got := c.ask("agent/exit", map[string]any{})
		equal(t, "payload", got["payload"], any(map[string]any{"ok": map[string]any{}}))
		equal(t, "state", r.agent("1").State, ecss.StateStopped)
		equal(t, "open", c.isClosed(), false)
		equal(t, "afterwards", c.ask("call/subscribe", me("1"))["status"], any(401.0))
		equal(t, "again", c.ask("login", credentials("1", "401"))["status"], any(200.0))
		equal(t, "sign-outs", r.Ops().Count("1").SignOuts, 1)
		r.violations(0, "")
	})
	bubble(t, ecss.Switches{LogoutCloses: true}, func(t *testing.T, r *rig) {
		c := r.login("1")
		equal(t, "status", c.ask("logout", map[string]any{})["status"], any(200.0))
		<-c.closed
		equal(t, "close code", websocket.CloseStatus(c.err), websocket.StatusNormalClosure)
		equal(t, "record", []int{r.agent("1").Record.Logouts, r.agent("1").Record.Drops}, []int{1, 0})
	})
}

func TestForceLogoutNeedsTheRight(t *testing.T) {
	bubble(t, ecss.Switches{ErrorAt: "payload.message"}, func(t *testing.T, r *rig) {
		one, boss := r.login("1"), r.login("9")
		got := one.ask("operator/forceLogout", map[string]any{"id": "2"})
		equal(t, "refusal", got, map[string]any{"action": "operator/forceLogout", "requestId": 2.0, "status": 500.0,
			"payload": map[string]any{"code": 5.0, "message": ecss.TextNotAllowed}})
		equal(t, "status", boss.ask("operator/forceLogout", map[string]any{"id": "1"})["status"], any(200.0))
		equal(t, "push", payloadOf(one.next())["reason"], any("forced_logout"))
		equal(t, "closed", one.isClosed(), true)
		equal(t, "state", r.agent("1").State, ecss.StateStopped)
	})
}

func TestNotificationsInEveryShape(t *testing.T) {
	for _, envelope := range []string{"n1", "n2", "n3"} {
		for _, shape := range []string{"object", "array", "full"} {
			t.Run(envelope+" "+shape, func(t *testing.T) {
				bubble(t, ecss.Switches{NotifyEnvelope: envelope, NotifyPayload: shape}, func(t *testing.T, r *rig) {
					c, other := r.login("1"), r.login("2")
					sub := c.ask("call/subscribe", me("1", "unheard-of"))
					equal(t, "reply", sub["payload"], any([]any{}))
					id, err := r.Call("1", ecss.CallSpec{NumberA: "79990001122"})
					if err != nil {
						t.Fatal(err)
					}
					got := c.next()
					checkEnvelope(t, got, envelope, sub["requestId"])
					call := oneCall(t, got["payload"], shape != "object")
					equal(t, "call", []any{call["id"], call["operatorId"], call["status"], call["numberA"], call["numberB"], call["acd"], call["answerTime"]},
						[]any{id, "1", "alerting", "79990001122", "401", "true", nil})
					other.quiet()
				})
			})
		}
	}
}

func checkEnvelope(t *testing.T, frame map[string]any, envelope string, sub any) {
	t.Helper()
	got := []any{frame["action"], frame["requestId"], frame["status"]}
	want := map[string][]any{
		"n1": {"call/subscribe", sub, 200.0}, "n2": {"call/subscribe", nil, nil}, "n3": {"call/changed", nil, nil},
	}[envelope]
	equal(t, "envelope", got, want)
}

func oneCall(t *testing.T, payload any, inArray bool) map[string]any {
	t.Helper()
	if list, ok := payload.([]any); ok == inArray && inArray && len(list) == 1 {
		payload = list[0]
	}
	call, ok := payload.(map[string]any)
	if !ok {
		t.Fatalf("payload %v, want one call, in an array: %v", payload, inArray)
	}
	return call
}

func TestCallsRunTheirCourse(t *testing.T) {
	bubble(t, ecss.Switches{WrapUp: true}, func(t *testing.T, r *rig) {
		c := r.login("1")
		c.ask("call/subscribe", me("1"))
		id, _ := r.Call("1", ecss.CallSpec{})
		equal(t, "rings", payloadOf(c.next())["status"], any("alerting"))
		on := func(action, id string) float64 {
			got := map[string]any{"status": nil}
			for c.send(action, map[string]any{"callId": id}); got["requestId"] != float64(c.last); {
				got = c.next()
			}
			return got["status"].(float64)
		}
		equal(t, "complete while alerting", on("call/complete", id), 500.0)
		equal(t, "another call", on("call/accept", "call-77"), 500.0)
		got := c.ask("call/accept", map[string]any{"callId": id}) // n1: the notification has the subscription's id
		equal(t, "notified", payloadOf(got)["status"], any("working"))
		equal(t, "accepted", c.next()["payload"], any(map[string]any{"ok": map[string]any{}}))
		equal(t, "accept again", on("call/accept", id), 500.0)
		equal(t, "present", len(c.ask("call/subscribe", me("1"))["payload"].([]any)), 1)
		_ = r.Hangup("1", id)
		equal(t, "wraps up", payloadOf(c.next())["status"], any("acw"))
		equal(t, "complete", on("call/complete", id), 200.0)
		equal(t, "gone", c.ask("call/subscribe", me("1"))["payload"], any([]any{}))
		r.violations(0, "")
	})
}

func TestUnansweredCallMakesAway(t *testing.T) {
	bubble(t, ecss.Switches{Queue: ecss.Queue{AuxworkNoAnswer: true, AuxworkReject: true}}, func(t *testing.T, r *rig) {
		c := r.login("1")
		c.ask("call/subscribe", me("1"))
		start := time.Now()
		if _, err := r.Call("1", ecss.CallSpec{Ring: sim.Duration(20 * time.Second)}); err != nil {
			t.Fatal(err)
		}
		c.next()
		equal(t, "released", payloadOf(c.next())["status"], any("released"))
		equal(t, "after", time.Since(start), 20*time.Second)
		equal(t, "state", r.agent("1").State, ecss.StateAuxwork)
		if _, err := r.Call("1", ecss.CallSpec{}); err == nil {
			t.Error("an agent that is away got a call")
		}
		_ = r.SetAway("1", false)
		id, err := r.Call("1", ecss.CallSpec{Ring: sim.Duration(20 * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		c.next()
		c.ask("call/reject", map[string]any{"callId": id})
		equal(t, "rejected", r.agent("1").State, ecss.StateAuxwork)
	})
	bubble(t, ecss.Switches{AuxworkAfterLogin: true}, func(t *testing.T, r *rig) {
		r.login("1")
		equal(t, "after login", r.agent("1").State, ecss.StateAuxwork)
	})
}

func TestWanderingFrames(t *testing.T) {
	ask := func(t *testing.T, w ecss.Switches) (frame map[string]any) {
		bubble(t, w, func(t *testing.T, r *rig) { frame = r.dial().ask("call/subscribe", me("1")) })
		return frame
	}
	for choice, want := range map[string]any{"echo": 1.0, "other": 1001.0, "absent": nil, "text": "1"} {
		equal(t, choice, ask(t, ecss.Switches{RequestID: choice})["requestId"], want)
	}
	equal(t, "string status", ask(t, ecss.Switches{StringStatus: true})["status"], any("401"))
	equal(t, "extra keys", ask(t, ecss.Switches{ExtraKeys: true})["node"], any("ecss1"))
	padding, _ := ask(t, ecss.Switches{Padding: 200_000})["padding"].(string)
	equal(t, "padding", len(padding), 200_000)
}

func TestGarbageComesBeforeAnswers(t *testing.T) {
	bubble(t, ecss.Switches{Garbage: true}, func(t *testing.T, r *rig) {
		c := r.dial()
		c.send("login", credentials("1", "401"))
		var noise, answers int
		for answers == 0 {
			var frame struct {
				RequestID int `json:"requestId"`
				Status    int `json:"status"`
			}
			if data := <-c.frames; json.Unmarshal(data, &frame) != nil || frame.RequestID != 1 {
				noise++
				continue
			}
			answers = frame.Status
		}
		equal(t, "answer", answers, 200)
		equal(t, "noise", noise, 7)
	})
}

func TestFaults(t *testing.T) {
	isText := func(want string) func(*testing.T, *client) {
		return func(t *testing.T, c *client) { equal(t, "frame", string(<-c.frames), want) }
	}
	closed := func(t *testing.T, c *client) {
		<-c.closed
		equal(t, "frames", len(c.frames), 0)
	}
	cases := []struct {
		fault  sim.Fault
		seated int // sessions afterwards
		check  func(*testing.T, *client)
	}{
		{sim.Fault{Mode: sim.ModeStatus}, 0, isText(`{"action":"login","payload":{"message":"Service Unavailable"},"requestId":1,"status":503}`)},
		{sim.Fault{Mode: sim.ModeCode, Code: "401", Text: "Strange"}, 0, isText(`{"action":"login","payload":{"message":"Strange"},"requestId":1,"status":401}`)},
		{sim.Fault{Mode: sim.ModeCode, Code: "5", Text: "No"}, 0, isText(`{"action":"login","payload":{"code":5,"message":"No"},"requestId":1,"status":500}`)},
		{sim.Fault{Mode: sim.ModeReset}, 0, closed},
		{sim.Fault{Mode: sim.ModeLost}, 1, closed},
		{sim.Fault{Mode: sim.ModeEmpty}, 0, isText("")},
		{sim.Fault{Mode: sim.ModeGarbage}, 0, isText(`{"action":]garbage`)},
		{sim.Fault{Mode: sim.ModeHTML}, 0, func(t *testing.T, c *client) {
			if frame := string(<-c.frames); !strings.HasPrefix(frame, "<html>") {
				t.Errorf("frame %q", frame)
			}
		}},
		{sim.Fault{Mode: sim.ModeBig}, 0, func(t *testing.T, c *client) {
			if frame := <-c.frames; len(frame) < 10<<20 {
				t.Errorf("%d bytes", len(frame))
			}
		}},
		{sim.Fault{Mode: sim.ModeTruncate}, 1, func(t *testing.T, c *client) {
			<-c.closed
			if frame := <-c.frames; json.Valid(frame) || len(frame) == 0 {
				t.Errorf("frame %q is whole", frame)
			}
		}},
		{sim.Fault{Mode: sim.ModeNumberTypes}, 1, func(t *testing.T, c *client) {
			equal(t, "agentId", payloadOf(c.next())["agentId"], any(1.0))
		}},
		{sim.Fault{Mode: sim.ModeSlow}, 1, func(t *testing.T, c *client) {
			start := time.Now()
			equal(t, "status", c.next()["status"], any(200.0))
			equal(t, "took", time.Since(start), 5*time.Second)
		}},
		{sim.Fault{Mode: sim.ModeHang}, 0, func(t *testing.T, c *client) {
			time.Sleep(time.Hour)
			c.quiet()
		}},
	}
	for _, tc := range cases {
		t.Run(fmt.Sprint(tc.fault.Mode, tc.fault.Code), func(t *testing.T) {
			bubble(t, ecss.Switches{DropGrace: sim.Duration(time.Minute)}, func(t *testing.T, r *rig) {
				tc.fault.Op, tc.fault.Count = sim.OpSignIn, 1
				r.Faults().Add(tc.fault)
				c := r.dial()
				c.send("login", credentials("1", "401"))
				tc.check(t, c)
				equal(t, "sessions", r.agent("1").Sessions, tc.seated)
				c.vanish()
				r.login("1")
				r.violations(0, "")
			})
		})
	}
}

func TestConnectFaults(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		once := func(mode string) { r.Faults().Add(sim.Fault{Op: sim.OpConnect, Mode: mode, Count: 1}) }
		once(sim.ModeStatus)
		if _, resp, err := r.tryDial("/", nil); err == nil || resp.StatusCode != 503 {
			t.Errorf("status: %v %v", resp, err)
		}
		once(sim.ModeReset)
		if _, _, err := r.tryDial("/", nil); err == nil {
			t.Error("reset: connected")
		}
		once(sim.ModeHang)
		if _, _, err := r.tryDial("/", nil); err == nil {
			t.Error("hang: connected")
		}
		once(sim.ModeLost)
		if c := r.dial(); !c.isClosed() {
			t.Error("lost: still open")
		}
		once(sim.ModeSlow)
		start := time.Now()
		r.dial()
		equal(t, "slow", time.Since(start), 5*time.Second)
	})
}
