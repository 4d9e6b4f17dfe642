package ecss

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"agentkeeper/test/sim"
)

// Command is a request that is no login, logout or subscription, as it came.
type Command struct {
	At     time.Time `json:"at"`
	Text   string    `json:"text"`   // action and payload, for example `call/accept {"callId":"call-1"}`
	Status int       `json:"status"` // that it was answered with; 0: the platform did not come to look at it
	// Unanswered tells that no answer left.
	Unanswered bool `json:"unanswered,omitempty"`
}

// Commands returns the agent's latest commands, at most 1000, oldest first.
func (s *Sim) Commands(login string) (list []Command, err error) {
	err = s.with(login, func(a *agent) {
		for _, c := range a.log {
			list = append(list, *c)
		}
	})
	return list, err
}

// Asked announces that the agent's next n commands are a program's, and not to
// be judged by the switch keeper_rules.
func (s *Sim) Asked(login string, n int) error {
	return s.with(login, func(a *agent) { a.asked = n })
}

// Forbid takes the right to an action from an agent, or gives it back: without it
// the action is answered with status 500, code 5.
func (s *Sim) Forbid(login, action string, forbidden bool) error {
	return s.with(login, func(a *agent) {
		if a.barred == nil {
			a.barred = map[string]bool{}
		}
		a.barred[action] = forbidden
	})
}

// unanswering are the faults that leave a client without an answer.
var unanswering = []string{
	sim.ModeHang, sim.ModeReset, sim.ModeLost, sim.ModeSilent, sim.ModeTruncate, sim.ModeHTML,
	sim.ModeGarbage, sim.ModeEmpty, sim.ModeBig, sim.ModeBomb, sim.ModeRefuse,
}

// arrive records a command, and judges one that is said again though it was not
// answered. Outside of a session it is none.
func (s *Sim) arrive(req request, f sim.Fault) *Command {
	const remembered = 1000
	if req.seat == nil {
		return nil
	}
	var payload bytes.Buffer
	_ = json.Compact(&payload, req.Payload) // decode has read it
	c := &Command{At: time.Now(), Text: req.Action + " " + payload.String(), Unanswered: slices.Contains(unanswering, f.Mode)}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := req.seat.agent
	a.log = append(a.log, c)
	if over := len(a.log) - remembered; over > 0 {
		a.log = a.log[over:]
	}
	if s.w.Commands.KeeperRules && a.asked == 0 && a.doubt == c.Text {
		s.ops.Violation(a.name, "said again though it was not answered: "+c.Text)
	}
	a.asked, a.doubt = max(0, a.asked-1), ""
	if c.Unanswered {
		a.doubt = c.Text
	}
	return c
}

// judgeBeside notes a logout beside a command, and a command beside a logout.
func (s *Sim) judgeBeside(op, name string) {
	other := map[string]string{sim.OpSignOut: sim.OpCommand, sim.OpCommand: sim.OpSignOut}[op]
	if other != "" && s.Switches().Commands.KeeperRules && s.ops.InFlight(name, other) {
		s.ops.Violation(name, op+" began while the agent's "+other+" was unanswered")
	}
}

// note keeps what a command was answered. Where its websocket has ended, or none
// is sent, nobody hears it. The caller holds the lock.
func (s *Sim) note(k *socket, t task, r reply) {
	if t.command == nil {
		return
	}
	t.command.Status = r.status
	if _, open := s.sockets[k]; !open || r.silent {
		t.command.Unanswered = true
		t.req.seat.agent.doubt = t.command.Text
	}
}

// secondAfter is how late a second answer comes, where it is late.
const secondAfter = 2 * time.Second

// pushAnswer answers a request; a command as the switches have it. The caller
// holds the lock.
func (k *socket) pushAnswer(t task, r reply) {
	if t.command == nil || r.silent {
		k.pushReply(k.sim.w, t.req, r)
		return
	}
	w := k.sim.w
	if between := w.between(t.req); between != nil {
		k.push(frameOut{text: w.encode(between)})
	}
	k.pushReply(w, t.req, r)
	switch w.Commands.Replies {
	case "twice":
		k.pushReply(w, t.req, r)
	case "late":
		k.sim.fork(func() {
			pause(k.ctx, secondAfter)
			k.pushReply(w, t.req, r)
		})
	}
}

// between is a frame before the answer to a command; nil: none.
func (w *Switches) between(req request) object {
	switch w.Commands.Between {
	case "bare":
		return object{"action": actionSubscribe, "payload": []object{}}
	case "awaited":
		return object{"action": actionSubscribe, "requestId": req.ID, "payload": []object{}, "status": 200}
	case "foreign":
		return object{"action": req.Action, "requestId": 1_000_000_007, "payload": object{"ok": object{}}, "status": 200}
	}
	return nil
}

// errNoCall is the error for a call that the agent does not have, or not so.
func errNoCall(a *agent, id string) error {
	return fmt.Errorf("agent %s has no call %q to do that to", a.name, id)
}

// byPhone moves a call at the agent's telephone.
func (s *Sim) byPhone(login, id, to string, from ...string) error {
	var found error
	err := s.with(login, func(a *agent) {
		c := a.callIn(id, from...)
		if c == nil {
			found = errNoCall(a, id)
			return
		}
		s.change(c, to)
	})
	if err != nil {
		return err
	}
	return found
}

// Answer makes somebody at the agent's telephone take a call; of a call out, the
// one who is called.
func (s *Sim) Answer(login, id string) error {
	return s.byPhone(login, id, callWorking, callAlerting, callInitiating)
}

// Hold puts a call on hold at the agent's telephone, or takes it back.
func (s *Sim) Hold(login, id string, on bool) error {
	if on {
		return s.byPhone(login, id, callHold, callWorking)
	}
	return s.byPhone(login, id, callWorking, callHold)
}

// Complete ends a wrap-up at the agent's telephone (#161).
func (s *Sim) Complete(login, id string) error { return s.byPhone(login, id, callFinished, callACW) }
