package ecss

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ecss/socket"
	"agentkeeper/vendors/wire"
)

const (
	writeLimit     = 5 * time.Second        // for a frame of ours to leave
	minPause       = 100 * time.Millisecond // pause between two harmless requests, however short autoLogoutTimeout is
	maxBatch       = 256                    // events that one Step returns
	evictionNotice = 5 * time.Second        // how long after a message that names the reason a close is put down to it
)

var _ session.Session = (*live)(nil)

// live is one signed-in agent: one websocket.
type live struct {
	options *settings
	conn    *socket.Conn
	tracer  *tracer // of conn; it knows whose session this is
	chance  rand.PCG

	key      session.Key
	agentID  string
	since    time.Time
	warnings []session.Warning

	lastID       uint64
	subscription subscription
	ping         pinging
	pausedAt     time.Time // since when nobody reads from the socket; zero: Step does
	events       []session.Event
	evicted      *time.Time      // when a message said that another session took over; nil: none did
	lost         *session.Fault  // why the session is over
	unreadable   uint32          // frames so far
	missing      session.Missing // reported with the last events, or beside the loss

	turning  sync.Mutex                // held by whoever reads or writes: Step, and a command that is sent
	commands atomic.Pointer[commander] // nil: there was none
}

// subscription is what call/subscribe does for a session: the agent's calls, and a
// harmless request that shows the platform and the session alive.
type subscription struct {
	pendingID uint64        // requestId of the one that is not answered yet; 0 = none
	every     time.Duration // pause between two; 0 = none are needed
	due       time.Time     // when the next one is; zero = none
	known     bool          // the platform answered one well
}

// pinging is the state of the websocket's pings.
type pinging struct {
	due       time.Time // when the next one is
	sentAt    time.Time // when the oldest unanswered one left; zero = none
	byRequest bool      // a request was sent since sentAt, because it was not answered
	lost      bool      // requests are answered, pings are not: requests take their place
}

func newLive(t *tracer, o *settings, conn *socket.Conn) *live {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.id.String()))
	return &live{tracer: t, options: o, conn: conn, chance: *rand.NewPCG(h.Sum64(), 0)}
}

// begin starts the session with what the login gave. The first Step asks for
// a sign of life at once.
func (l *live) begin(g grant, login string) {
	now := time.Now()
	l.since = now
	l.pausedAt = now
	l.ping.due = now
	l.tracer.token, l.agentID = session.NewSecret(g.token), g.agentID
	if l.agentID == "" {
		l.agentID = login
	}
	l.key = newKey(g.token, l.agentID)
	if l.options.keepActive && g.autoLogout > 0 {
		l.subscription.every = max(g.autoLogout/3, minPause)
		l.subscription.due = now.Add(l.spread(l.subscription.every))
	}
	if l.options.subscribe {
		l.subscription.due, l.ping.due = now, now.Add(l.spread(l.options.ping))
	}
}

// newKey encodes what a session is known by. It cannot be adopted; that there
// is one shows the driver that a session is held.
func newKey(token, agentID string) session.Key {
	data, err := json.Marshal(struct {
		Token   string `json:"token"`
		AgentID string `json:"agentId"`
	}{token, agentID})
	if err != nil {
		panic("ecss: a key that is no JSON: " + err.Error())
	}
	return session.NewKey(data)
}

// spread shortens d by up to a fifth, so that agents do not move in step.
func (l *live) spread(d time.Duration) time.Duration {
	return d - time.Duration(rand.New(&l.chance).Float64()*float64(d)/5)
}

// Key returns the token and agentId of the login; it never changes.
func (l *live) Key() session.Key { return l.key }

// markAlive notes a sign of life.
func (l *live) markAlive() { l.ping.sentAt, l.ping.byRequest = time.Time{}, false }

// notePingsLost notes that a request was answered where pings were not.
func (l *live) notePingsLost() {
	if l.ping.byRequest && !l.ping.lost && !l.options.pingless {
		l.ping.lost = true
		l.log(slog.LevelWarn, "websocket pings are not answered, but requests are: something on the way swallows the pings")
	}
}

// Info returns the warnings so far, and the token for consumers. The vendor
// documents no header that takes it.
func (l *live) Info() session.Info {
	warnings := l.warnings
	if l.ping.lost {
		line := codes.Lines[codeNoPong]
		warnings = append(slices.Clone(warnings), session.Warning{Code: codeNoPong, Text: line.Text, Action: line.Action})
	}
	return session.Info{
		Warnings:   warnings,
		Credential: session.Credential{Token: l.tracer.token, IssuedAt: l.since},
	}
}

// Close drops the connection without logging out. It does not wait.
func (l *live) Close() error {
	l.turning.Lock()
	defer l.turning.Unlock()
	l.endCommands()
	return l.conn.CloseNow()
}

// Step implements session.Session. It returns the platform's next sign of life:
// notifications as events, or an empty batch for a pong or the answer to a request
// of ours. Meanwhile it sends the pings and harmless requests that are due. Every
// end of the websocket is Lost, or Taken where the platform said that another
// session took over.
func (l *live) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	l.turning.Lock()
	defer l.turning.Unlock()
	if !l.pausedAt.IsZero() && !l.ping.sentAt.IsZero() {
		l.ping.sentAt = l.ping.sentAt.Add(time.Since(l.pausedAt)) // an answer may lie there unread
	}
	l.pausedAt = time.Time{}
	for ctx.Err() == nil && l.lost == nil && len(l.events) == 0 {
		contact, idle := l.turn()
		if contact {
			l.pausedAt = time.Now()
			return l.batch(), session.Wait{}, nil
		}
		if at := l.wake(); idle && l.lost == nil && time.Now().Before(at) {
			return session.Batch{}, session.Wait{Source: l.conn, Until: at}, nil
		}
	}
	l.pausedAt = time.Now()
	if l.lost != nil {
		l.endCommands()
	}
	switch {
	case len(l.events) > 0:
		return l.batch(), session.Wait{}, nil
	case l.lost != nil:
		b := session.Batch{Missing: l.missing}
		l.missing = session.MissingNone
		return b, session.Wait{}, l.lost
	}
	return session.Batch{}, session.Wait{}, ctx.Err()
}

// turn sends what is due and takes what has arrived. contact means that there is
// something to return: an answer, or events; idle that nothing had arrived.
func (l *live) turn() (contact, idle bool) {
	if err := l.sendDue(); err != nil {
		l.lose(err)
		return false, false
	}
	m, err := l.conn.Try()
	switch {
	case err == nil:
		contact = l.receive(m)
		l.drain()
	case !errors.Is(err, socket.ErrIdle):
		l.lose(err)
	case !l.ping.sentAt.IsZero() && !time.Now().Before(l.deadAt()):
		l.lost = ended(codeDead, nil)
		_ = l.conn.CloseNow() // it is dead already
	default:
		idle = true
	}
	return contact, idle
}

// drain takes what has arrived already, so that one batch carries it.
func (l *live) drain() {
	for l.lost == nil && len(l.events) < maxBatch && l.held() < session.MessageLimit && l.conn.Pending() {
		m, err := l.conn.Try()
		switch {
		case err == nil:
			l.receive(m)
		case errors.Is(err, socket.ErrIdle):
			return
		default:
			l.lose(err)
		}
	}
}

// held is how many bytes the events have that were not handed out yet.
func (l *live) held() (n int) {
	for _, e := range l.events {
		n += len(e.Data)
	}
	return n
}

// deadAt is when the oldest unanswered ping has waited too long: with the
// pause before it, that is at most 3 x ping of silence.
func (l *live) deadAt() time.Time { return l.ping.sentAt.Add((silentPings - 1) * l.options.ping) }

// requestAt is when an unanswered ping makes us ask by a request: halfway to the
// verdict.
func (l *live) requestAt() time.Time { return l.ping.sentAt.Add(l.options.ping) }

// wake is when Step has something to do though nothing came.
func (l *live) wake() time.Time {
	at := l.ping.due
	if !l.subscription.due.IsZero() && l.subscription.due.Before(at) {
		at = l.subscription.due
	}
	if l.ping.sentAt.IsZero() {
		return at
	}
	next := l.deadAt()
	if !l.ping.byRequest {
		next = l.requestAt()
	}
	if next.Before(at) {
		at = next
	}
	return at
}

func (l *live) sendDue() error {
	now := time.Now()
	if !l.subscription.due.IsZero() && !now.Before(l.subscription.due) {
		if err := l.sendSubscribe(now); err != nil {
			return err
		}
	}
	if !l.ping.sentAt.IsZero() && !l.ping.byRequest && !now.Before(l.requestAt()) {
		l.ping.byRequest = true
		if err := l.sendSubscribe(now); err != nil {
			return err
		}
	}
	if now.Before(l.ping.due) {
		return nil
	}
	l.ping.due = now.Add(l.spread(l.options.ping))
	if l.ping.sentAt.IsZero() {
		l.ping.sentAt = now
	}
	return l.sendPing(now)
}

// sendPing asks for a sign of life: by a ping, by a request, or by both where
// pings are not answered, in case they are again.
func (l *live) sendPing(now time.Time) error {
	if l.options.pingless || l.ping.lost {
		l.ping.byRequest = true
		if err := l.sendSubscribe(now); err != nil {
			return err
		}
	}
	if l.options.pingless {
		return nil
	}
	return l.conn.Ping(now.Add(writeLimit))
}

// sendSubscribe sends call/subscribe for the agent itself (vendor page:
// call/subscribe): the subscription, and the harmless request later on.
func (l *live) sendSubscribe(now time.Time) error {
	l.subscription.pendingID, l.subscription.due = l.nextID(), time.Time{}
	if l.subscription.every > 0 {
		l.subscription.due = now.Add(l.spread(l.subscription.every))
	}
	payload := map[string][]string{"operatorIds": {l.agentID}}
	return l.conn.Write(request{"call/subscribe", l.subscription.pendingID, payload}.encode(), now.Add(writeLimit))
}

func (l *live) nextID() uint64 {
	l.lastID++
	return l.lastID
}

// batch hands out the events so far.
func (l *live) batch() session.Batch {
	n := min(len(l.events), maxBatch)
	b := session.Batch{Events: l.events[:n:n]}
	if l.events = l.events[n:]; len(l.events) == 0 {
		l.events = nil
	}
	return b
}

// lose ends the session because the socket ended.
func (l *live) lose(err error) {
	var closed *socket.CloseError
	name := codeClosed
	if socket.Malformed(err) {
		name = codeBroken
	}
	if errors.Is(err, socket.ErrTooBig) {
		l.missing = session.MissingTooLarge
	}
	byOther := l.evicted != nil && time.Since(*l.evicted) < evictionNotice
	if errors.As(err, &closed) {
		byOther = byOther || evicted(closed.Reason)
	}
	if byOther {
		name = codeEvicted
	}
	l.lost = ended(name, err)
	if closed != nil && closed.Reason != "" {
		l.lost.Text += ": " + wire.Plain(wire.Redact(closed.Reason, l.tracer.token.Reveal()))
	}
	l.log(slog.LevelDebug, "websocket ended", slog.String("error", err.Error()))
}

func (l *live) log(level slog.Level, msg string, attrs ...slog.Attr) {
	if l.tracer.place.Log != nil {
		l.tracer.place.Log.LogAttrs(context.Background(), level, msg, append(attrs, slog.String("agent", l.tracer.id.String()))...)
	}
}
