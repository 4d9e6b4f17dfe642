package huawei

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

// SignOut implements session.Session by one DELETE, on a new connection or on the
// one that a poll was answered on a moment ago. A polite
// sign-out is ignored by the platform while the agent is in a call, and may be
// answered with success all the same; so success counts only after the
// agent's status says the same. An answer that leaves this open is a doubt,
// which another sign-out resolves: it is answered "not signed in".
func (s *agent) SignOut(ctx context.Context) error {
	s.stopSkills() // no other call may follow a sign-out
	r := wire.Request{Method: http.MethodDelete, Path: s.path("onlineagent") + "/logout", Timeout: s.platform.timeout, Fresh: true}
	if s.forceOut {
		r.Path = s.path("onlineagent") + "/forcelogout"
	}
	answer, err := s.ask(ctx, r)
	if err != nil {
		return wire.Fault(err, true)
	}
	e, fault := read(code.SignOut, answer, s.clean)
	if fault != nil {
		return fault
	}
	if s.forceOut || !e.OK() {
		return nil // forced, or out already
	}
	return s.verify(ctx)
}

const (
	checks     = 3                      // of the status, if the agent is slow to leave; the platform allows 5 in 2 s
	checkPause = 500 * time.Millisecond // between them
)

// verify returns nil when the agent is out, Busy when it is still in.
func (s *agent) verify(ctx context.Context) error {
	var st presence
	for i := range checks {
		if i > 0 && !pauseFor(ctx, checkPause) {
			break
		}
		var err error
		if st, err = s.presence(ctx); err != nil || st == outside {
			return err
		}
		if st == inside {
			break
		}
	}
	if st == unknownPresence {
		return doubtful()
	}
	return &session.Fault{Kind: session.Busy, Code: "100-010", Text: "the sign-out was accepted but the agent is still signed in, probably in a call", Action: ccgateway.CallOver}
}

// pauseFor waits for d; false means that ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// presence is what the agent's status says about a sign-out.
type presence uint8

const (
	unknownPresence presence = iota
	outside                  // signed out
	leaving                  // signed in but not in a call: perhaps on the way out
	inside                   // in a call
)

// The vendor's numbers for an agent's state (vendor page: agent status).
const (
	stateUnknown   = "0"
	stateSignedOut = "2"
	stateTalking   = "7"
)

// presence asks for the agent's status once.
func (s *agent) presence(ctx context.Context) (presence, error) {
	answer, err := s.ask(ctx, wire.Request{Method: http.MethodGet, Path: s.path("onlineagent") + "/agentstatus", Timeout: s.platform.timeout})
	if err != nil {
		fault := wire.Fault(err, false)
		fault.Kind = session.Doubt
		return unknownPresence, fault
	}
	e, fault := read(code.KeepAlive, answer, s.clean)
	if fault != nil && fault.Kind == session.Lost {
		return outside, nil
	}
	if fault != nil {
		return unknownPresence, doubtful()
	}
	return e.presence(), nil
}

func doubtful() *session.Fault {
	return codes.Fault(code.SignOut, codeUnverified, "")
}

// presence reads the result of an agent's status.
func (e envelope) presence() presence {
	var v struct {
		AgentState wire.Text `json:"agentState"`
		IsWorking  wire.Text `json:"isWorking"`
	}
	if err := json.Unmarshal(e.Result, &v); err != nil {
		return unknownPresence
	}
	switch {
	case v.AgentState == stateSignedOut:
		return outside
	case v.IsWorking == "true", v.AgentState == stateTalking:
		return inside
	case v.AgentState == "", v.AgentState == stateUnknown:
		return unknownPresence
	}
	return leaving
}
