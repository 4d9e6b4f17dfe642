package huawei

import (
	"context"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/test/sim"
)

// base is the path of every call (vendor page: transport).
const base = "/agentgateway/resource"

const (
	maxBody = 64 << 10
	cookie  = "huaweielbsession"
	// guidCookie is what a servlet container calls its session.
	guidCookie = "JSESSIONID"
	node       = 0
)

var (
	agentID     = regexp.MustCompile(`^[1-9]\d{0,5}$`)
	phoneNumber = regexp.MustCompile(`^[0-9+*#]{1,24}$`)
)

// Sim is one gateway. It is an http.Handler for the vendor's calls and for
// /_sim/; its methods may be called at any time.
type Sim struct {
	// Faults is what goes wrong on demand.
	Faults sim.Faults
	// Ops counts operations per agent and holds the violations.
	Ops sim.Ops

	switches atomic.Pointer[Switches]
	line     sim.Line
	logger   *slog.Logger
	mux      *http.ServeMux
	phones   map[string]bool // the numbers that the platform knows; nil = any

	mu         sync.Mutex
	agents     map[string]*agent
	seated     map[string]*agent // signed in, by phone
	firstPolls []time.Duration
	pushers    sync.WaitGroup
	client     *http.Client    // to the callbacks
	closed     context.Context // ends with Close
	close      context.CancelFunc
	queries    throttle
	waiting    int           // callers in the queue
	stirred    chan struct{} // a token when any agent may have an event; capacity 1
	disaster   time.Time     // until then a switch-over to another site is under way
}

// New makes a gateway. A configuration that Config.Check refuses panics.
func New(c Config) *Sim {
	if err := c.Check(); err != nil {
		panic("huawei simulator: " + err.Error())
	}
	_ = c.Switches.complete()
	s := &Sim{line: c.Line, logger: c.Log, agents: make(map[string]*agent, len(c.Agents)), phones: map[string]bool{}, seated: map[string]*agent{}, stirred: make(chan struct{}, 1)}
	s.switches.Store(&c.Switches)
	s.Ops.OnViolation = c.OnViolation
	s.client = c.Pushing.client()
	s.closed, s.close = context.WithCancel(context.Background())
	for _, a := range c.Agents {
		s.agents[a.Login] = &agent{Agent: a, gen: generatorOf(c.Switches.EventRate)}
		s.phones[a.Phone] = true
	}
	if s.phones[""] {
		s.phones = nil
	}
	s.mux = s.controlMux()
	s.routes()
	return s
}

func generatorOf(rate float64) generator {
	if rate <= 0 {
		return generator{}
	}
	return generator{every: time.Duration(float64(time.Second) / rate), left: -1}
}

// Switches returns the switches as they are, defaults filled in.
func (s *Sim) Switches() Switches { return *s.switches.Load() }

// Switch replaces the switches, from the next request on. A wrong one is an
// error and changes nothing.
func (s *Sim) Switch(w Switches) error {
	if err := w.complete(); err != nil {
		return err
	}
	s.switches.Store(&w)
	return nil
}

// cfg returns the switches for one look.
func (s *Sim) cfg() *Switches { return s.switches.Load() }

// ServeHTTP answers one call.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "//") { // some clients double a slash, and the web server does not mind
		r = r.Clone(r.Context())
		r.URL.Path, r.URL.RawPath = path.Clean(r.URL.Path), ""
	}
	s.mux.ServeHTTP(w, r)
}

// routes registers the vendor's calls. What is not among them is answered
// 000-002, a wrong method too.
func (s *Sim) routes() {
	const agent = base + "/onlineagent/{agentid}"
	for pattern, h := range map[string]handler{
		"PUT " + agent:                                         {sim.OpSignIn, s.signIn},
		"PUT " + agent + "/forcelogin":                         {sim.OpSignIn, s.forceSignIn},
		"DELETE " + agent + "/logout":                          {sim.OpSignOut, s.signOut},
		"DELETE " + agent + "/forcelogout":                     {sim.OpSignOut, s.forceSignOut},
		"DELETE " + agent + "/forcelogoutwithreason/{reason}":  {sim.OpSignOut, s.forceSignOutWithReason},
		"GET " + base + "/agentevent/{agentid}":                {sim.OpPoll, s.poll},
		"POST " + agent + "/handshake":                         {sim.OpKeepAlive, s.handshake},
		"PUT " + agent + "/heartbeat":                          {sim.OpKeepAlive, s.heartbeat},
		"GET " + agent + "/agentstatus":                        {sim.OpOther, s.agentStatus},
		"PUT " + agent + "/updateGuid":                         {sim.OpOther, s.updateGuid},
		"POST " + agent + "/syncagentinfo":                     {sim.OpOther, s.syncAgentInfo},
		"POST " + agent + "/resetskill/{autoflag}":             {sim.OpOther, s.resetSkill},
		"PUT " + agent + "/loginex":                            {sim.OpSignIn, s.signInWithoutMedia},
		"GET " + agent + "/querycustomstate":                   {sim.OpOther, s.queryCustomState},
		"GET " + agent + "/agentskills":                        {sim.OpOther, s.agentSkills},
		"GET " + agent + "/agentskillsbyworkno/{workno}":       {sim.OpOther, s.agentSkills},
		"GET " + base + "/agentgroup/{agentid}/allagentstatus": {sim.OpOther, s.allAgentStatus},
		"GET " + base + "/agentgroup/{agentid}/idleagent":      {sim.OpOther, s.idleAgents},
	} {
		s.mux.Handle(pattern, s.serve(h))
	}
	for name, c := range stateCalls {
		s.mux.Handle("POST "+agent+"/"+name, s.serve(handler{sim.OpCommand, s.command(name, c.carry)}))
	}
	for call, c := range voiceCalls {
		s.mux.Handle(call[0]+" "+base+"/voicecall/{agentid}/"+call[1], s.serve(handler{sim.OpCommand, s.command(call[1], c)}))
	}
	for name, c := range inspections {
		s.mux.Handle("POST "+base+"/qualitycontrol/{agentid}/"+name, s.serve(handler{sim.OpCommand, s.command(name, c.inspect)}))
	}
	s.mux.HandleFunc("GET "+base+"/agentevent/allagentevent", s.serveAll)
	s.mux.HandleFunc(base+"/", s.unknownCall)
}

// handler is one call: what it counts as, and what answers it.
type handler struct {
	op      string
	process func(context.Context, *request) sim.Reply
}

// request is a call as it came, its path checked.
type request struct {
	login   string
	guid    string
	cookie  string
	token   string
	body    []byte
	values  func(name string) string // of the path
	query   map[string][]string
	arrived time.Time
	conn    string         // the client's end of the connection
	overlap bool           // an operation of the agent is in flight
	signIn  func(*session) // tells who waits for the answer about the new session
	command *Command       // nil: it is none
}

func (s *Sim) serve(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, refusal := s.read(w, r)
		if refusal != 0 {
			sim.HTML(refusal).Write(w)
			return
		}
		var signedIn *session
		q.signIn = func(n *session) { signedIn = n }
		end := s.begin(r.Context(), h.op, q)
		f, _ := s.Faults.Take(r.Context(), faultOp(h.op), q.login)
		if h.op == sim.OpCommand {
			s.arrive(q, r, f)
		}
		sim.Exchange{
			Wire: &s.cfg().Wire, Early: s.early(h.op, q),
			Process: func(ctx context.Context) sim.Reply { return h.process(ctx, q) },
			Fail:    s.failureText,
			End:     func() { end(); s.answered(signedIn); s.leaves(r.Context(), q) },
		}.Serve(w, r, f)
	}
}

// faultOp is the name by which people add faults to an operation.
func faultOp(op string) string {
	if op == sim.OpOther || op == sim.OpKeepAlive {
		return sim.OpMessage
	}
	return op
}

// begin counts the request. Polls, handshakes and commands that the platform does
// not let in are not in flight for anybody.
func (s *Sim) begin(ctx context.Context, op string, q *request) (end func()) {
	if (op == sim.OpPoll || op == sim.OpKeepAlive || op == sim.OpCommand) && !s.letsIn(q) {
		s.Ops.Add(q.login, op)
		return func() {}
	}
	s.judgeBeside(q.login, op)
	end, q.overlap = s.Ops.Start(ctx, q.login, op)
	return end
}

func (s *Sim) answered(n *session) {
	if n == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n.answered = time.Now()
	if n.of.session == n {
		s.startPushing(n.of, n)
	}
}

// read takes the request apart; status is not 0 where the web server in front
// of the gateway refuses it.
func (s *Sim) read(w http.ResponseWriter, r *http.Request) (q *request, status int) {
	login := r.PathValue("agentid")
	if !agentID.MatchString(login) {
		return nil, http.StatusNotFound
	}
	if !s.takesType(r) {
		return nil, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, http.StatusRequestEntityTooLarge
	}
	q = &request{login: login, guid: s.guidOf(r), token: r.Header.Get("service_token"), body: body, values: r.PathValue, arrived: time.Now(), conn: r.RemoteAddr}
	if c, err := r.Cookie(cookie); err == nil {
		q.cookie = c.Value
	}
	if strings.Contains(r.URL.RawQuery, "=") {
		q.query = r.URL.Query()
	}
	return q, 0
}

// takesType reports whether the web server passes the request's Content-Type on.
// Clients leave it out where there is no body; the pages ask for it everywhere.
func (s *Sim) takesType(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	if kind == "" && r.ContentLength == 0 {
		return !s.cfg().Web.NeedContentType
	}
	kind, _, err := mime.ParseMediaType(kind)
	return err == nil && kind == "application/json"
}

// guidOf returns the request's Guid, from where the switch guid_in says that
// clients have it.
func (s *Sim) guidOf(r *http.Request) string {
	if s.cfg().GuidIn != GuidCookie {
		return r.Header.Get("Guid")
	}
	c, err := r.Cookie(guidCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// letsIn reports whether the request's Guid opens its agent's session.
func (s *Sim) letsIn(q *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, n, _ := s.authenticate(q)
	return n != nil
}

// authenticate returns the agent and its session if the request's Guid (and
// cookie, where one was set) opens it, or else the retcode. With the lock held.
func (s *Sim) authenticate(q *request) (a *agent, n *session, code string) {
	now := time.Now()
	a = s.agents[q.login]
	switch {
	case now.Before(s.disaster):
		return a, nil, "000-004"
	case a == nil:
		return nil, nil, NotSignedIn
	}
	s.reap(a, now)
	if a.session != nil && s.opens(a.session, q, now) {
		return a, a.session, ""
	}
	if a.last != nil && s.recalls(a.last.of, q) {
		return a, nil, a.last.code
	}
	if a.session == nil && (q.guid != "" || s.cfg().GuidIn == GuidNone) {
		return a, nil, NotSignedIn
	}
	return a, nil, s.cfg().WrongGuid
}

func (s *Sim) opens(n *session, q *request, now time.Time) bool {
	if n.cookie != "" && n.cookie != q.cookie {
		return false
	}
	if s.cfg().GuidIn == GuidNone {
		return true
	}
	timeout := time.Duration(s.cfg().GuidTimeout)
	if !s.rotates() {
		timeout = 0
	}
	return n.guidIsValid(q.guid, now, timeout, s.cfg().OldGuid == OldGuidDead)
}

// rotates reports whether polls replace Guids. A cookie stays for the session,
// and what is not sent cannot be replaced.
func (s *Sim) rotates() bool {
	return s.cfg().AuthMode == 2 && s.cfg().GuidIn != GuidCookie && s.cfg().GuidIn != GuidNone
}

// recalls reports whether the request comes from the holder of session n, as far
// as the gateway can tell.
func (s *Sim) recalls(n *session, q *request) bool {
	return s.cfg().GuidIn == GuidNone || n.knows(q.guid)
}

// reap signs the agent out if it was silent for too long. With the lock held.
func (s *Sim) reap(a *agent, now time.Time) {
	n := a.session
	if n == nil {
		return
	}
	if n.settle(now); now.Before(n.heldUntil) {
		return
	}
	if s.cfg().ReapFrom == ReapFromEnd && n.open > 0 {
		return
	}
	if now.Sub(n.seen) >= time.Duration(s.cfg().Window) {
		a.record.reaped++
		s.end(a, NotSignedIn, "silent for too long")
	}
}

// end signs the agent out; whoever holds its Guid gets code from now on. With
// the lock held.
func (s *Sim) end(a *agent, code, why string) {
	n := a.session
	a.session, a.calls = nil, nil
	a.last = &ending{of: n, code: code, shutdown: shutdownEvent(n, time.Now())}
	delete(s.seated, n.phone)
	close(n.ended)
	s.Ops.Forget(a.Login)
	s.log("session ended", a, "why", why)
}

// endShown is end with a ShutdownService event for the session's own polls.
func (s *Sim) endShown(a *agent, why string) {
	s.end(a, NotSignedIn, why)
	a.last.farewell = []event{a.last.shutdown}
}

func (s *Sim) log(msg string, a *agent, args ...any) {
	if s.logger != nil {
		s.logger.Info(msg, append([]any{"agent", a.Login}, args...)...)
	}
}
