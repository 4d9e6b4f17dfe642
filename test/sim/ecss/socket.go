package ecss

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	readLimit  = 1 << 20 // the largest frame of a client
	outLimit   = 1024    // frames that wait for a client that does not read
	writeLimit = 10 * time.Second
)

// frameOut is one thing to do on a websocket, in order: send a text or binary
// frame, close it with a code, or drop it.
type frameOut struct {
	text   []byte
	binary []byte
	close  int
	drop   bool
}

// socket is one websocket of a client. Its handler reads; one goroutine of the
// handler's own writes, and closes in time.
type socket struct {
	sim  *Sim
	conn *websocket.Conn
	host string
	ctx  context.Context // ends when the client has gone
	end  context.CancelFunc
	left chan struct{} // closed once the platform has let go of the session
	wake chan struct{} // capacity 1: there is something to write, or a new deadline

	// Guarded by Sim's lock.
	seat     *seat    // the session; nil: none
	anyone   bool     // may claim a session of its host without a token
	watching []*agent // whose calls it is told of

	outMu sync.Mutex
	out   []frameOut
	open  int // requests that are not answered
}

// serveSocket upgrades a request and carries the dialogue on until either side
// ends it. g is what the handshake proved.
func (s *Sim) serveSocket(w http.ResponseWriter, r *http.Request, g grant) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	k := &socket{sim: s, host: hostOf(r), ctx: ctx, end: cancel, left: make(chan struct{}), wake: make(chan struct{}, 1)}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // an Origin of any kind was accepted (vendor page: websocket)
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     func(context.Context, []byte) bool { return k.pinged() },
	})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(readLimit)
	k.conn = conn
	s.opened(k, g)
	if g.drop {
		k.push(frameOut{drop: true})
	}
	k.run()
}

func (k *socket) run() {
	var side sync.WaitGroup
	side.Go(k.write)
	if every := time.Duration(k.sim.Switches().ServerPing); every > 0 {
		side.Go(func() { k.ping(every) })
	}
	err := k.read()
	k.end()
	k.sim.gone(k, websocket.CloseStatus(err) == websocket.StatusNormalClosure)
	close(k.left)
	_ = k.conn.CloseNow()
	side.Wait()
}

// read hands frames on until the websocket ends, and returns why.
func (k *socket) read() error {
	for {
		kind, r, err := k.conn.Reader(k.ctx)
		if err != nil {
			return err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			k.sim.ops.Violation(k.name(), "binary frame: the platform speaks JSON in text frames")
			k.push(frameOut{close: int(websocket.StatusUnsupportedData)})
			continue
		}
		k.take(data)
	}
}

// write sends what waits until the websocket ends. It also ends the session
// whose inactivity time is over.
func (k *socket) write() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for k.flush() {
		at := k.sim.idleCheck(k)
		if at.IsZero() {
			at = time.Now().Add(time.Hour)
		}
		timer.Reset(time.Until(at))
		select {
		case <-k.wake:
		case <-timer.C:
		case <-k.ctx.Done():
			return
		}
	}
}

// flush sends what waits; false when the websocket is over.
func (k *socket) flush() bool {
	for _, f := range k.waiting() {
		if !k.send(f) {
			k.end()
			return false
		}
	}
	return true
}

func (k *socket) waiting() []frameOut {
	k.outMu.Lock()
	defer k.outMu.Unlock()
	out := k.out
	k.out = nil
	return out
}

func (k *socket) send(f frameOut) bool {
	ctx, cancel := context.WithTimeout(k.ctx, writeLimit)
	defer cancel()
	switch {
	case f.drop:
		_ = k.conn.CloseNow()
		return false
	case f.close != 0:
		_ = k.conn.Close(websocket.StatusCode(f.close), "")
		return false
	case f.binary != nil:
		return k.conn.Write(ctx, websocket.MessageBinary, f.binary) == nil
	}
	return k.conn.Write(ctx, websocket.MessageText, f.text) == nil
}

// push queues a frame and returns at once. A client that lets more than 1024
// frames wait is dropped.
func (k *socket) push(f frameOut) {
	k.outMu.Lock()
	if len(k.out) >= outLimit {
		f = frameOut{drop: true}
		k.out = k.out[:0]
	}
	k.out = append(k.out, f)
	k.outMu.Unlock()
	k.nudge()
}

// nudge makes the writer look again.
func (k *socket) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// ping asks for a sign of life, and drops a client that gives none for twice
// the time.
func (k *socket) ping(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-k.ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(k.ctx, 2*every)
		err := k.conn.Ping(ctx)
		cancel()
		if err != nil {
			k.push(frameOut{drop: true})
			return
		}
	}
}

// pinged notes a client's ping and tells whether to answer it.
func (k *socket) pinged() bool {
	s := k.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.seat != nil {
		s.hear(k.seat)
		k.seat.agent.record.Pings++
	}
	return !s.w.PongBlackhole
}

// session returns the session of the websocket, nil for none.
func (k *socket) session() *seat {
	k.sim.mu.Lock()
	defer k.sim.mu.Unlock()
	return k.seat
}

// name returns the agent's name, "?" without a session.
func (k *socket) name() string {
	k.sim.mu.Lock()
	defer k.sim.mu.Unlock()
	if k.seat == nil {
		return "?"
	}
	return k.seat.agent.name
}

// opened enters a websocket, with the session that its handshake proved.
func (s *Sim) opened(k *socket, g grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets[k] = struct{}{}
	if k.anyone = g.anyone; k.anyone {
		s.claim(k, request{})
	}
	if g.seat != nil && s.tokens[g.seat.token] == g.seat && g.seat.socket == nil {
		s.attach(g.seat, k)
	}
}

// gone forgets a websocket; its session stays for the grace.
func (s *Sim) gone(k *socket, clean bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sockets, k)
	st := k.seat
	if st == nil {
		return
	}
	a, grace := st.agent, time.Duration(s.w.DropGrace)
	if clean && s.w.CleanClose == "logout" {
		grace = 0
	}
	a.record.Drops++
	s.loosen(st, grace)
	s.ops.Forget(a.name)
}

// idleCheck ends the session of k if it was idle for too long; otherwise it
// returns when to look again, zero for never.
func (s *Sim) idleCheck(k *socket) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k.seat == nil {
		return time.Time{}
	}
	at := s.idleAt(k.seat)
	if at.IsZero() || time.Now().Before(at) {
		return at
	}
	a := k.seat.agent
	s.end(k.seat)
	a.record.AutoLogouts++
	s.signal(k, reasonIdle, s.w.Signal)
	return time.Time{}
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

var _ http.Handler = (*Sim)(nil)
