package ecss_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

// ringing logs agent 1 in, subscribes it and lets a call ring.
func (r *rig) ringing(spec ecss.CallSpec) (c *client, id string) {
	r.t.Helper()
	c = r.login("1")
	c.ask("call/subscribe", me("1"))
	id, err := r.Call("1", spec)
	if err != nil {
		r.t.Fatal(err)
	}
	equal(r.t, "rings", payloadOf(c.next())["status"], any("alerting"))
	return c, id
}

// log is the agent's commands, with their answers' status.
func (r *rig) log() (texts []string, statuses []int) {
	r.t.Helper()
	synctest.Wait()
	list, err := r.Commands("1")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range list {
		text := c.Text
		if c.Unanswered {
			text += "?"
		}
		texts, statuses = append(texts, text), append(statuses, c.Status)
	}
	return texts, statuses
}

func TestRepliesToCommands(t *testing.T) {
	const foreign = 1_000_000_007.0
	for name, c := range map[string]struct {
		w    ecss.Commands
		want [][2]any // action and requestId of the frames after the notification
	}{
		"plain":   {ecss.Commands{}, [][2]any{{"call/accept", 2.0}}},
		"twice":   {ecss.Commands{Replies: "twice"}, [][2]any{{"call/accept", 2.0}, {"call/accept", 2.0}}},
		"late":    {ecss.Commands{Replies: "late"}, [][2]any{{"call/accept", 2.0}, {"call/accept", 2.0}}},
		"bare":    {ecss.Commands{Between: "bare"}, [][2]any{{"call/subscribe", nil}, {"call/accept", 2.0}}},
		"awaited": {ecss.Commands{Between: "awaited"}, [][2]any{{"call/subscribe", 2.0}, {"call/accept", 2.0}}},
		"foreign": {ecss.Commands{Between: "foreign"}, [][2]any{{"call/accept", foreign}, {"call/accept", 2.0}}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, ecss.Switches{Commands: c.w, NotifyEnvelope: "n3"}, func(t *testing.T, r *rig) {
				k, id := r.ringing(ecss.CallSpec{})
				k.last = 1 // the log-in and the subscription were 1 and 2
				k.send("call/accept", map[string]any{"callId": id})
				equal(t, "notified", payloadOf(k.next())["status"], any("working"))
				for _, want := range c.want {
					got := k.next()
					equal(t, "frame", [2]any{got["action"], got["requestId"]}, want)
				}
				time.Sleep(time.Minute)
				k.quiet()
				equal(t, "subscriptions are no commands", k.ask("call/subscribe", me("1"))["requestId"], any(3.0))
				texts, statuses := r.log()
				equal(t, "log", texts, []string{`call/accept {"callId":"` + id + `"}`})
				equal(t, "statuses", statuses, []int{200})
			})
		})
	}
}

// TestAnswersOvertake: a fault makes one command's answer late, and others pass.
func TestAnswersOvertake(t *testing.T) {
	bubble(t, ecss.Switches{NotifyEnvelope: "n2"}, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		r.Faults().Add(sim.Fault{Op: sim.OpCommand, Mode: sim.ModeSlow, Delay: sim.Duration(15 * time.Second), Count: 1})
		began := time.Now()
		late := k.send("call/accept", map[string]any{"callId": id})
		equal(t, "the effect comes at once", payloadOf(k.next())["status"], any("working"))
		soon := k.send("call/subscribe", me("1"))
		equal(t, "first", k.next()["requestId"], any(float64(soon)))
		equal(t, "then", k.next()["requestId"], any(float64(late)))
		equal(t, "after", time.Since(began), 15*time.Second)
		r.violations(0, "")
	})
}

// TestCommandsThatNobodyHearsOf: the answer never comes, with the effect and
// without it.
func TestCommandsThatNobodyHearsOf(t *testing.T) {
	for mode, want := range map[string]string{
		sim.ModeHang: "alerting", sim.ModeReset: "alerting", sim.ModeSilent: "working", sim.ModeLost: "working",
	} {
		bubble(t, ecss.Switches{DropGrace: sim.Duration(time.Hour)}, func(t *testing.T, r *rig) {
			k, id := r.ringing(ecss.CallSpec{})
			r.Faults().Add(sim.Fault{Op: sim.OpCommand, Mode: mode, Count: 1})
			k.send("call/accept", map[string]any{"callId": id})
			time.Sleep(time.Second)
			equal(t, mode, r.agent("1").Calls, []string{id + " " + want})
			texts, _ := r.log()
			equal(t, mode, texts, []string{`call/accept {"callId":"` + id + `"}?`})
		})
	}
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		r.Faults().Add(sim.Fault{Op: sim.OpCommand, Mode: sim.ModeGateway, Count: 1})
		k.send("call/accept", map[string]any{"callId": id})
		equal(t, "the effect", payloadOf(k.next())["status"], any("working"))
		equal(t, "the answer", k.next()["status"], any(502.0))
	})
}

// TestSocketEndsUnderACommand: the core carries it out all the same.
func TestSocketEndsUnderACommand(t *testing.T) {
	w := ecss.Switches{DropGrace: sim.Duration(time.Hour), Commands: ecss.Commands{CommandTime: sim.Duration(time.Second)}}
	bubble(t, w, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		k.send("call/accept", map[string]any{"callId": id})
		synctest.Wait()
		k.vanish()
		equal(t, "before", r.agent("1").Calls, []string{id + " alerting"})
		time.Sleep(time.Second)
		equal(t, "after", r.agent("1").Calls, []string{id + " working"})
		texts, _ := r.log()
		equal(t, "log", texts, []string{`call/accept {"callId":"` + id + `"}?`})
	})
	w.DropGrace = 0 // the session ends with its websocket, and so do its calls
	bubble(t, w, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		k.send("call/accept", map[string]any{"callId": id})
		synctest.Wait()
		k.vanish()
		time.Sleep(2 * time.Second)
		equal(t, "calls", len(r.agent("1").Calls), 0)
	})
}

func TestOneRequestInFlight(t *testing.T) {
	w := ecss.Commands{InFlight: "one", CommandTime: sim.Duration(time.Second)}
	bubble(t, ecss.Switches{Commands: w}, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		for range 2 { // one after another
			k.send("call/complete", map[string]any{"callId": id})
			equal(t, "status", k.next()["status"], any(500.0))
		}
		k.send("call/accept", map[string]any{"callId": id})
		synctest.Wait()
		k.send("call/subscribe", me("1"))
		equal(t, "closed", k.isClosed(), true)
	})
}

func TestTwoCommandsAtOnce(t *testing.T) {
	w := ecss.Commands{CommandTime: sim.Duration(time.Second), KeeperRules: true}
	bubble(t, ecss.Switches{Commands: w, NotifyEnvelope: "n2"}, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		k.send("call/accept", map[string]any{"callId": id})
		synctest.Wait()
		k.send("call/complete", map[string]any{"callId": id})
		time.Sleep(3 * time.Second)
		r.violations(1, "command began while the command of")
		r.Ops().Reset()
		k.send("call/makeCall", map[string]any{"number": "7"})
		synctest.Wait()
		k.send("logout", map[string]any{})
		time.Sleep(3 * time.Second)
		r.violations(1, "sign_out began while the agent's command")
	})
}

func TestSaidAgain(t *testing.T) {
	bubble(t, ecss.Switches{Commands: ecss.Commands{KeeperRules: true}, NotifyEnvelope: "n2"}, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		payload := map[string]any{"callId": id}
		for _, c := range []struct {
			lost, asked bool
			violations  int
		}{{true, false, 0}, {true, true, 0}, {false, false, 1}, {false, false, 1}} {
			if c.lost {
				r.Faults().Add(sim.Fault{Op: sim.OpCommand, Mode: sim.ModeSilent, Count: 1})
			}
			if c.asked {
				_ = r.Asked("1", 1)
			}
			k.send("call/complete", payload)
			time.Sleep(time.Second)
			r.violations(c.violations, "said again though it was not answered: call/complete")
		}
	})
}

func TestRightsOfOneAgent(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		_ = r.Forbid("1", "call/accept", true)
		got := k.ask("call/accept", map[string]any{"callId": id})
		equal(t, "forbidden", []any{got["status"], payloadOf(got)["code"], payloadOf(got)["message"]}, []any{500.0, 5.0, ecss.TextNotAllowed})
		_ = r.Forbid("1", "call/accept", false)
		k.ask("call/accept", map[string]any{"callId": id})
		equal(t, "permitted", k.next()["status"], any(200.0))
	})
}

func TestQueuesTakeAgentsOut(t *testing.T) {
	for name, c := range map[string]struct {
		queue  ecss.Queue
		reject bool
		want   string
	}{
		"nothing":          {ecss.Queue{}, false, ecss.StateAvailable},
		"no answer":        {ecss.Queue{AuxworkNoAnswer: true}, false, ecss.StateAuxwork},
		"but not a reject": {ecss.Queue{AuxworkNoAnswer: true, LockNoAnswer: true}, true, ecss.StateAvailable},
		"reject":           {ecss.Queue{AuxworkReject: true}, true, ecss.StateAuxwork},
		"locked":           {ecss.Queue{LockNoAnswer: true}, false, ecss.StateBlocked},
		"locked by reject": {ecss.Queue{LockReject: true}, true, ecss.StateBlocked},
	} {
		t.Run(name, func(t *testing.T) {
			c.queue.StateNotice = "operator/state"
			bubble(t, ecss.Switches{Queue: c.queue}, func(t *testing.T, r *rig) {
				k, id := r.ringing(ecss.CallSpec{Ring: sim.Duration(20 * time.Second)})
				if c.reject {
					k.send("call/reject", map[string]any{"callId": id})
				}
				equal(t, "released", payloadOf(k.next())["status"], any("released"))
				equal(t, "state", r.agent("1").State, c.want)
				_, err := r.Call("1", ecss.CallSpec{})
				equal(t, "gets calls", err == nil, c.want == ecss.StateAvailable)
				if c.want == ecss.StateAvailable {
					return
				}
				equal(t, "told", payloadOf(k.next()), map[string]any{"operatorId": "1", "state": c.want})
				_, err = r.Call("1", ecss.CallSpec{Direct: true})
				equal(t, "direct calls", err, nil)
				_, _ = r.Block("1", false), r.SetAway("1", false)
				equal(t, "again", r.agent("1").State, ecss.StateAvailable)
			})
		})
	}
}

func TestStateActionsOfTheSitesOwn(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		k := r.login("1")
		equal(t, "unknown", k.ask("operator/auxwork", map[string]any{"reason": "Busy"})["status"], any(404.0))
		equal(t, "an empty action", k.ask("x", map[string]any{})["status"], any(404.0))
		if err := r.Switch(func(w *ecss.Switches) {
			w.Commands.AvailableAction, w.Commands.AuxworkAction = "operator/available", "operator/auxwork"
		}); err != nil {
			t.Fatal(err)
		}
		equal(t, "without a reason", k.ask("operator/auxwork", map[string]any{})["status"], any(500.0))
		equal(t, "away", k.ask("operator/auxwork", map[string]any{"reason": "Busy"})["status"], any(200.0))
		equal(t, "state", r.agent("1").State, ecss.StateAuxwork)
		equal(t, "available", k.ask("operator/available", map[string]any{})["status"], any(200.0))
		equal(t, "state again", r.agent("1").State, ecss.StateAvailable)
	})
}

func TestCallsAtTheTelephone(t *testing.T) {
	w := ecss.Switches{WrapUp: true, Queue: ecss.Queue{AutoComplete: sim.Duration(30 * time.Second)}}
	bubble(t, w, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		did := func(err error, status string) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "status", payloadOf(k.next())["status"], any(status))
		}
		did(r.Answer("1", id), "working")
		if _, err := r.Call("1", ecss.CallSpec{}); err == nil || !strings.Contains(err.Error(), "has the call") {
			t.Errorf("a queue gave it another: %v", err)
		}
		did(r.Hold("1", id, true), "hold")
		did(r.Hold("1", id, false), "working")
		did(r.Hangup("1", id), "acw")
		if err := r.Answer("1", id); err == nil || !strings.Contains(err.Error(), "has no call") {
			t.Errorf("%v", err)
		}
		began := time.Now()
		equal(t, "by itself", payloadOf(k.next())["status"], any("finished"))
		equal(t, "after", time.Since(began), 30*time.Second)
		id, _ = r.Call("1", ecss.CallSpec{})
		k.next()
		did(r.Answer("1", id), "working")
		did(r.Hangup("1", id), "acw")
		did(r.Complete("1", id), "finished")
		time.Sleep(2 * time.Minute)
		k.quiet()
	})
}

func TestCommandsOverHTTP(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		k, id := r.ringing(ecss.CallSpec{})
		k.ask("call/reject", map[string]any{"callId": "none"})
		for _, c := range []struct {
			method, path, body string
			status             int
		}{
			{"POST", "answer", `{"id":"` + id + `"}`, 200},
			{"POST", "answer", `{"id":"` + id + `"}`, 400},
			{"POST", "hold", `{"id":"` + id + `"}`, 200},
			{"POST", "unhold", `{"id":"` + id + `"}`, 200},
			{"POST", "complete", `{"id":"` + id + `"}`, 400},
			{"POST", "block", ``, 200},
			{"POST", "unblock", ``, 200},
			{"POST", "forbid", `{"action":"call/accept"}`, 200},
			{"POST", "permit", `{"action":"call/accept"}`, 200},
			{"POST", "asked", `{"count":2}`, 200},
		} {
			if status, body := r.request(c.method, "/_sim/agents/1/"+c.path, c.body); status != c.status {
				t.Errorf("%s: %d %s", c.path, status, body)
			}
		}
		if status, body := r.request("GET", "/_sim/agents/1/commands", ""); status != 200 || !strings.Contains(body, `"text":"call/reject`) {
			t.Errorf("commands: %d %s", status, body)
		}
		status, _ := r.request("GET", "/_sim/agents/7/commands", "")
		equal(t, "unknown agent", status, 404)
	})
}
