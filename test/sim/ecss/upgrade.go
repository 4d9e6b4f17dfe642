package ecss

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// grant is what a websocket's handshake proved.
type grant struct {
	seat   *seat // the session whose token it showed; nil: none
	anyone bool  // it may claim a session of its host
	drop   bool  // a fault: ends at once
}

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// upgrade opens a websocket, or fails to as a fault wants it.
func (s *Sim) upgrade(w http.ResponseWriter, r *http.Request) {
	f, _ := s.faults.Take(r.Context(), sim.OpConnect, "")
	switch f.Mode {
	case "", sim.ModeSlow, sim.ModeNumberTypes, sim.ModeLost, sim.ModeTruncate:
	default:
		sim.Exchange{Wire: s.wire(), Fail: failPage}.Serve(w, r, f)
		return
	}
	delay := time.Duration(f.Delay)
	if f.Mode == sim.ModeSlow {
		delay = cmpDuration(f.Delay, 5*time.Second)
	}
	pause(r.Context(), delay)
	if r.URL.Path != "/" {
		http.NotFound(w, r)
		return
	}
	g, ok := s.grant(r)
	if !ok {
		http.Error(w, textNoSession, http.StatusUnauthorized)
		return
	}
	g.drop = f.Mode == sim.ModeLost || f.Mode == sim.ModeTruncate
	s.serveSocket(w, r, g)
}

// wire is how answers over HTTP travel, websockets' handshakes apart.
func (s *Sim) wire() *sim.Wire {
	w := s.Switches()
	return &w.Wire
}

func failPage(string, string) sim.Reply { return sim.HTML(http.StatusBadGateway) }

// grant judges a handshake; ok is false where it must show a token and does
// not.
func (s *Sim) grant(r *http.Request) (g grant, ok bool) {
	w := s.Switches()
	if w.LoginOver == "websocket" {
		return grant{}, true
	}
	switch w.TokenIn {
	case "message":
		return grant{}, true
	case "none":
		return grant{anyone: true}, true
	case "query":
		return s.redeem(r.URL.Query().Get("token"))
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return s.redeem(token)
}

// redeem finds the session of a token. A session that has a living websocket
// gets no second one.
func (s *Sim) redeem(token string) (grant, bool) {
	if rival := s.holder(token); rival != nil {
		timer := time.NewTimer(settleTime)
		defer timer.Stop()
		select {
		case <-rival.left:
		case <-timer.C:
			s.ops.Violation(rival.name(), "second websocket with the token of a living one")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	st := s.tokens[token]
	if st == nil || st.socket != nil {
		return grant{}, false
	}
	return grant{seat: st}, true
}

func (s *Sim) holder(token string) *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.tokens[token]; st != nil {
		return st.socket
	}
	return nil
}

func (s *Sim) takesLogin(r *http.Request) bool {
	w := s.Switches()
	return w.LoginOver == "http" && r.Method == http.MethodPost && r.URL.Path == w.LoginPath
}

// loginByPost answers a login sent by POST, as the bare payload or in the
// envelope of a websocket's.
func (s *Sim) loginByPost(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, readLimit))
	if err != nil {
		sim.HTML(http.StatusBadRequest).Write(w)
		return
	}
	req, err := decodePost(body)
	if err != nil {
		s.ops.Violation("?", "POST: "+err.Error())
		s.post(req, failed("Bad request: "+err.Error())).Write(w)
		return
	}
	f, _ := s.faults.Take(r.Context(), sim.OpSignIn, s.loginName(req.Payload))
	at, end := s.newAttempt(r.Context(), req.Payload, nil, hostOf(r))
	sim.Exchange{
		Wire:    s.wire(),
		Process: func(context.Context) sim.Reply { return s.postReply(req, at) },
		Fail:    func(code, text string) sim.Reply { return s.post(req, codeReply(code, text)) },
		End:     end,
	}.Serve(w, r, f)
}

func (s *Sim) postReply(req request, at attempt) (answer sim.Reply) {
	s.carry(at, func(r reply) { answer = render(s.w, req, r) })
	return answer
}

func (s *Sim) post(req request, r reply) sim.Reply { return render(s.Switches(), req, r) }

func render(w Switches, req request, r reply) sim.Reply {
	answer := sim.JSON(nil)
	answer.Body = w.text(w.answer(req, r))
	if w.LoginStatus == "follow" {
		answer.Status = r.status
	}
	return answer
}

var errNotLogin = errors.New(`want the payload of a login, or its envelope with action "login"`)

// decodePost reads a login in either form; the bare payload has no requestId.
func decodePost(body []byte) (request, error) {
	fields, err := fieldsOf(body)
	if err != nil {
		return request{}, errNotLogin
	}
	if _, enveloped := fields["action"]; !enveloped {
		return request{Action: actionLogin, Payload: body}, nil
	}
	req, err := decode(body)
	if err == nil && req.Action != actionLogin {
		err = errNotLogin
	}
	return req, err
}
