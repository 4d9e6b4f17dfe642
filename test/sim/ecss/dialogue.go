package ecss

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
)

const (
	actionLogin       = "login"
	actionSubscribe   = "call/subscribe"
	actionAccept      = "call/accept"
	actionReject      = "call/reject"
	actionComplete    = "call/complete"
	actionMakeCall    = "call/makeCall"
	actionGet         = "call/get"
	actionForceLogout = "operator/forceLogout"
	// actionChanged is the action of a notification in envelope n3 (invented).
	actionChanged = "call/changed"
)

// actions is what the platform does for an agent that is logged in, beside the
// logout. Each is called under the simulator's lock.
var actions = map[string]func(*Sim, *socket, request) reply{
	actionSubscribe:   (*Sim).subscribe,
	actionAccept:      (*Sim).accept,
	actionReject:      (*Sim).reject,
	actionComplete:    (*Sim).complete,
	actionMakeCall:    (*Sim).makeCall,
	actionGet:         (*Sim).getCall,
	actionForceLogout: (*Sim).forceLogout,
}

// task is one request on its way to its answer.
type task struct {
	req     request
	fault   sim.Fault
	command *Command               // nil: it is none
	ease    func()                 // it may have company from now on
	end     func()                 // it is no longer in flight
	process func(send func(reply)) // carries it out; calls send once, under the lock
}

// take handles one frame of the client. Requests are answered in order, but
// for logins and delayed ones, beside which others go on.
func (k *socket) take(data []byte) {
	req, err := decode(data)
	if err != nil {
		k.sim.ops.Violation(k.name(), "frame: "+err.Error())
		k.reply(req, failed("Bad request: "+err.Error()))
		return
	}
	w := k.sim.Switches()
	op, name := k.kind(&w, req)
	if !k.begin(&w, op) {
		k.push(frameOut{close: int(websocket.StatusPolicyViolation)})
		return
	}
	f, _ := k.sim.faults.Take(k.ctx, op, name)
	req.seat = k.session()
	late := f.Delay > 0 || slow[f.Mode] || (op == sim.OpCommand && w.Commands.CommandTime > 0)
	if op == sim.OpSignIn || late {
		k.sim.spawn(func() { k.do(op, name, req, f) })
		return
	}
	k.do(op, name, req, f)
}

// slow are the faults that take their time.
var slow = map[string]bool{sim.ModeSlow: true, sim.ModeHang: true, sim.ModeSilent: true}

// kind tells what a request counts as, and whose it is.
func (k *socket) kind(w *Switches, req request) (op, name string) {
	switch {
	case req.Action == actionLogin && w.LoginOver == "websocket":
		return sim.OpSignIn, k.sim.loginName(req.Payload)
	case req.Action == w.LogoutAction:
		return sim.OpSignOut, k.name()
	case req.Action == actionSubscribe, req.Action == w.AuthorizeAction:
		return sim.OpMessage, k.name()
	}
	return sim.OpCommand, k.name()
}

// begin counts a request in; false: it is one too many for the websocket.
func (k *socket) begin(w *Switches, op string) bool {
	k.outMu.Lock()
	defer k.outMu.Unlock()
	if w.Commands.InFlight == "one" && k.open > 0 && op != sim.OpSignIn {
		return false
	}
	k.open++
	return true
}

func (k *socket) finish() {
	k.outMu.Lock()
	defer k.outMu.Unlock()
	k.open--
}

func (k *socket) do(op, name string, req request, f sim.Fault) {
	t := task{req: req, fault: f, ease: func() {}}
	switch {
	case op == sim.OpSignIn:
		at, end := k.sim.newAttempt(k.ctx, req.Payload, k, k.host)
		t.ease, t.process = end, func(send func(reply)) { k.sim.carry(at, send) }
	default:
		k.sim.judgeBeside(op, name)
		if name != "?" {
			t.ease = k.sim.ops.BeginContext(k.ctx, name, op)
		}
		t.process = func(send func(reply)) { k.sim.act(k, t, send) }
	}
	t.end = sync.OnceFunc(func() { t.ease(); k.finish() })
	defer t.end()
	if op == sim.OpCommand {
		t.command = k.sim.arrive(req, f)
		pause(k.sim.ctx, time.Duration(k.sim.Switches().Commands.CommandTime))
	}
	k.carry(t)
}

// carry carries a request out as its fault wants it.
func (k *socket) carry(t task) {
	if t.command != nil && t.fault.Mode != "" {
		t.ease() // nobody can tell until when its client waits
	}
	if t.fault.Mode != sim.ModeSlow {
		pause(k.ctx, time.Duration(t.fault.Delay))
	}
	switch t.fault.Mode {
	case sim.ModeLost, sim.ModeSilent, sim.ModeGateway, sim.ModeTruncate, sim.ModeSlow, sim.ModeNumberTypes:
		k.spoil(t)
	case "":
		t.process(func(r reply) {
			t.end()
			k.pushAnswer(t, r)
		})
	case sim.ModeHang:
		<-k.ctx.Done()
	default:
		t.end()
		k.instead(t)
	}
}

// spoil carries the request out and then does something to the answer.
func (k *socket) spoil(t task) {
	var frames []frameOut
	t.process(func(r reply) { frames = k.sim.w.frames(t.req, r) })
	if t.fault.Mode == sim.ModeSlow {
		pause(k.ctx, cmpDuration(t.fault.Delay, 5*time.Second))
	}
	if t.fault.Mode == sim.ModeSilent {
		<-k.ctx.Done()
	}
	t.end()
	if t.fault.Mode == sim.ModeGateway {
		k.reply(t.req, gatewayReply(t.fault))
	}
	for _, f := range frames {
		switch t.fault.Mode {
		case sim.ModeTruncate:
			k.push(frameOut{text: f.text[:len(f.text)/2]})
		case sim.ModeNumberTypes:
			k.push(frameOut{text: sim.Numbers(f.text)})
		case sim.ModeSlow:
			k.push(f)
		}
	}
	if t.fault.Mode == sim.ModeLost || t.fault.Mode == sim.ModeTruncate {
		k.push(frameOut{drop: true})
	}
}

// gatewayReply is what stands in the place of an answer that a proxy lost.
func gatewayReply(f sim.Fault) reply {
	status := cmp.Or(f.Status, http.StatusBadGateway)
	return reply{status: status, text: http.StatusText(status)}
}

func cmpDuration(d sim.Duration, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return time.Duration(d)
}

// bigFrame is the size of an answer of mode big.
const bigFrame = 10 << 20

// instead answers without carrying the request out.
func (k *socket) instead(t task) {
	switch f := t.fault; f.Mode {
	case sim.ModeStatus:
		status := f.Status
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		k.reply(t.req, reply{status: status, text: http.StatusText(status)})
	case sim.ModeCode:
		k.reply(t.req, codeReply(f.Code, f.Text))
	case sim.ModeHTML:
		k.push(frameOut{text: sim.HTML(http.StatusOK).Body})
	case sim.ModeGarbage:
		k.push(frameOut{text: []byte(`{"action":]garbage`)})
	case sim.ModeEmpty:
		k.push(frameOut{text: []byte{}})
	case sim.ModeBig, sim.ModeBomb:
		k.push(frameOut{text: []byte(`{"x":"` + strings.Repeat("x", bigFrame) + `"}`)})
	default: // reset, refuse
		k.push(frameOut{drop: true})
	}
}

// codeReply is the failure of a fault with mode code: a code from 100 on is the
// JSON's status, a smaller one the code beside status 500.
func codeReply(code, text string) reply {
	n, err := strconv.Atoi(code)
	if err != nil {
		n = codeRefused
	}
	if n >= 100 {
		return reply{status: n, text: text}
	}
	return reply{status: 500, text: text, code: n}
}

// reply answers a request.
func (k *socket) reply(req request, r reply) { k.pushReply(k.sim.Switches(), req, r) }

func (k *socket) pushReply(w Switches, req request, r reply) {
	for _, f := range w.frames(req, r) {
		k.push(f)
	}
}

// frames renders the answer to a request, with what comes before and after it.
func (w *Switches) frames(req request, r reply) []frameOut {
	var frames []frameOut
	if !r.silent {
		frames = append(w.noise(), frameOut{text: w.encode(w.answer(req, r))})
	}
	if r.hangUp {
		frames = append(frames, frameOut{close: w.CloseCode})
	}
	return frames
}

// noise is what a client has to bear before an answer.
func (w *Switches) noise() []frameOut {
	if !w.Garbage {
		return nil
	}
	return []frameOut{
		{text: []byte("<html>502 Bad Gateway</html>")},
		{text: []byte{}},
		{text: []byte(`[1,null,"x"]`)},
		{text: []byte(`42`)},
		{binary: []byte{0, 0xff, '{'}},
		{text: []byte(`{"action":"news/unheardOf","payload":null}`)},
		{text: []byte(`{"action":"call/subscribe","requestId":-77,"payload":{"x":[{}]},"status":200}`)},
	}
}

// act carries out a request other than a login.
func (s *Sim) act(k *socket, t task, send func(reply)) {
	name := k.name()
	if breach := s.actLocked(k, t, send); breach != "" {
		s.ops.Violation(name, breach)
	}
}

func (s *Sim) actLocked(k *socket, t task, send func(reply)) (breach string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	r := s.decide(k, t.req)
	s.note(k, t, r)
	send(r)
	return r.breach
}

func (s *Sim) decide(k *socket, req request) reply {
	if k.seat == nil && !s.stays(req.seat) {
		if r, answered := s.identify(k, req); answered {
			return r
		}
	}
	if k.seat != nil {
		req.seat = k.seat
	}
	st := req.seat
	st.agent.record.Requests++
	s.hear(st)
	s.touch(st, req.Action)
	k.nudge()
	if req.Action == s.w.LogoutAction {
		return s.logout(st)
	}
	if text := coreTexts[s.state]; text != "" {
		return failed(text)
	}
	if st.agent.barred[req.Action] {
		return failed(TextNotAllowed)
	}
	return s.perform(k, req)
}

// stays reports whether a session outlived the websocket that a request came on.
func (s *Sim) stays(st *seat) bool { return st != nil && slices.Contains(st.agent.seats, st) }

// perform does what the action of a request says.
func (s *Sim) perform(k *socket, req request) reply {
	action, known := actions[req.Action]
	switch {
	case known:
		return action(s, k, req)
	case req.Action == s.w.Commands.AvailableAction:
		s.setState(req.seat.agent, false, req.seat.agent.blocked)
		return done()
	case req.Action == s.w.Commands.AuxworkAction:
		return s.auxwork(req)
	}
	return s.w.unknown()
}

// auxwork sends the agent away; a reason is needed, as in the core's own command
// (vendor page: auxwork).
func (s *Sim) auxwork(req request) reply {
	if textField(req.Payload, "reason") == "" {
		return failed("Bad request: reason")
	}
	s.setState(req.seat.agent, true, req.seat.agent.blocked)
	return done()
}

// identify finds the session of a websocket that has none. answered tells that
// the request goes no further.
func (s *Sim) identify(k *socket, req request) (r reply, answered bool) {
	if s.w.LoginOver == "http" && s.w.TokenIn == "message" && req.Action == s.w.AuthorizeAction {
		return s.authorize(k, req), true
	}
	if k.anyone {
		s.claim(k, req)
	}
	if k.seat == nil {
		return s.w.denied(), true
	}
	return reply{}, false
}

// authorize attaches the session whose token the first message shows.
func (s *Sim) authorize(k *socket, req request) reply {
	st := s.tokens[textField(req.Payload, "token")]
	if st == nil || st.socket != nil {
		return refused(textNoSession)
	}
	s.attach(st, k)
	s.touch(st, req.Action)
	return done()
}

// claim attaches a session that was begun by a POST from the same host: the
// one of the agent that the request names, else the only one there is.
func (s *Sim) claim(k *socket, req request) {
	ids, _ := operatorIDs(req.Payload)
	var fit []*seat
	for st := range s.loose {
		if st.host == k.host && (len(ids) == 0 || slices.Contains(ids, st.agent.ID)) {
			fit = append(fit, st)
		}
	}
	if len(fit) == 1 {
		s.attach(fit[0], k)
		k.anyone = false
	}
}

func (s *Sim) logout(st *seat) reply {
	a := st.agent
	s.end(st)
	a.record.Logouts++
	r := done()
	r.hangUp = s.w.LogoutCloses
	return r
}

func (s *Sim) forceLogout(_ *socket, req request) reply {
	if !req.seat.agent.Supervisor {
		return failed(TextNotAllowed)
	}
	a := s.byID[operator{req.seat.agent.Domain, textField(req.Payload, "id")}]
	if a == nil {
		return failed("No such agent")
	}
	s.endAll(a, reasonForced, s.w.Signal)
	return done()
}

// subscribe answers the present calls of the operators that it names and keeps
// the websocket told of their changes.
func (s *Sim) subscribe(k *socket, req request) reply {
	ids, ok := operatorIDs(req.Payload)
	if !ok {
		r := failed("Bad request: operatorIds")
		r.breach = "call/subscribe: operatorIds is no array of strings"
		return r
	}
	calls := []object{}
	for _, id := range ids {
		a := s.byID[operator{req.seat.agent.Domain, id}]
		if a == nil {
			continue
		}
		if k.seat == nil { // the websocket has ended
			break
		}
		if _, known := a.watchers[k]; !known {
			k.watching = append(k.watching, a)
		}
		a.watchers[k] = req.ID
		calls = append(calls, a.presentCalls()...)
	}
	return good(calls)
}

func operatorIDs(payload []byte) (ids []string, ok bool) {
	fields, err := fieldsOf(payload)
	if err != nil || kindOf(fields["operatorIds"]) != '[' {
		return nil, false
	}
	err = json.Unmarshal(fields["operatorIds"], &ids)
	return ids, err == nil
}

// spawn runs f on a goroutine that Close joins, unless the simulator is closed.
func (s *Sim) spawn(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fork(f)
}

// fork is spawn for those who hold the lock.
func (s *Sim) fork(f func()) {
	if s.ctx.Err() == nil {
		s.tasks.Go(f)
	}
}

// loginName returns how the agent of a login's payload is named.
func (s *Sim) loginName(payload []byte) string {
	who, _ := parseCredentials(payload)
	return s.agentName(who.Login, who.Domain)
}
