package ecss

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ecss/socket"
	"agentkeeper/vendors/wire"
)

const (
	writeLimit = 5 * time.Second        // for a frame of ours to leave
	briefest   = 100 * time.Millisecond // pause between two harmless requests, however short autoLogoutTimeout is
	maxBatch   = 256                    // events that one Step returns
	farewell   = 5 * time.Second        // how long after a message that names the reason a close is put down to it
)

var _ session.Session = (*live)(nil)

// live is one signed-in agent: one websocket.
type live struct {
	options *settings
	conn    *socket.Conn
	tap     *tap // of conn; it knows whose session this is
	chance  rand.PCG

	key      session.Key
	agentID  string
	since    time.Time
	warnings []session.Warning

	lastID    uint64
	waiting   uint64        // requestId of the call/subscribe that is not answered yet; 0 = none
	idle      time.Duration // pause between harmless requests; 0 = none are needed
	subscribe time.Time     // when the next one is due; zero = none
	ping      time.Time     // when the next ping is due
	asked     time.Time     // when the oldest unanswered ping left; zero = none
	left      time.Time     // when nobody was listening any more; zero: somebody does
	events    []session.Event
	evicted   time.Time // when a message said that another session took over
	garbage   int
	lost      *session.Fault  // why the session is over
	missing   session.Missing // told with the last events, or beside the loss

	known   bool // the platform answered one call/subscribe well
	doubted bool // a request was sent since the ping of asked, because it was not answered
	deaf    bool // requests are answered, pings are not: requests take their place
}

func newLive(t *tap, o *settings, conn *socket.Conn) *live {
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.id.String()))
	return &live{tap: t, options: o, conn: conn, chance: *rand.NewPCG(h.Sum64(), 0)}
}

// begin starts the session with what the login gave. The first Step asks for
// a sign of life at once.
func (l *live) begin(g grant, login string) {
	now := time.Now()
	l.since, l.left, l.ping = now, now, now
	l.tap.token, l.agentID = session.NewSecret(g.token), g.agentID
	if l.agentID == "" {
		l.agentID = login
	}
	l.key = newKey(g.token, l.agentID)
	if l.options.keepActive && g.autoLogout > 0 {
		l.idle = max(g.autoLogout/3, briefest)
		l.subscribe = now.Add(l.spread(l.idle))
	}
	if l.options.subscribe {
		l.subscribe, l.ping = now, now.Add(l.spread(l.options.ping))
	}
}

// newKey encodes what a session is known by. It cannot be adopted; that there
// is one tells the driver that a session is held.
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

// heard notes a sign of life.
func (l *live) heard() { l.asked, l.doubted = time.Time{}, false }

// swallowed notes that a request was answered where pings were not.
func (l *live) swallowed() {
	if l.doubted && !l.deaf && !l.options.pingless {
		l.deaf = true
		l.log(slog.LevelWarn, "websocket pings are not answered, but requests are: something on the way swallows the pings")
	}
}

// Info returns the warnings so far, and the token for consumers. The vendor
// documents no header that takes it.
func (l *live) Info() session.Info {
	warnings := l.warnings
	if l.deaf {
		line := codes.Lines[codeNoPong]
		warnings = append(slices.Clone(warnings), session.Warning{Code: codeNoPong, Text: line.Text, Action: line.Action})
	}
	return session.Info{
		Warnings:   warnings,
		Credential: session.Credential{Token: l.tap.token, IssuedAt: l.since},
	}
}

// Close drops the connection without logging out. It does not wait.
func (l *live) Close() error { return l.conn.CloseNow() }

// Step implements session.Session. It returns the platform's next sign of life:
// notifications as events, or an empty batch for a pong or the answer to a request
// of ours. Meanwhile it sends the pings and harmless requests that are due. Every
// end of the websocket is Lost, or Taken where the platform said that another
// session took over.
func (l *live) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	if !l.left.IsZero() && !l.asked.IsZero() {
		l.asked = l.asked.Add(time.Since(l.left)) // an answer may lie there unread
	}
	l.left = time.Time{}
	for ctx.Err() == nil && l.lost == nil && len(l.events) == 0 {
		told, idle := l.turn()
		if told {
			l.left = time.Now()
			return l.batch(), session.Wait{}, nil
		}
		if at := l.wake(); idle && l.lost == nil && time.Now().Before(at) {
			return session.Batch{}, session.Wait{Source: l.conn, Until: at}, nil
		}
	}
	l.left = time.Now()
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

// turn sends what is due and takes what has arrived. told means that there is
// something to return: an answer, or events; idle that nothing had arrived.
func (l *live) turn() (told, idle bool) {
	if err := l.sendDue(); err != nil {
		l.lose(err)
		return false, false
	}
	m, err := l.conn.Try()
	switch {
	case err == nil:
		told = l.hear(m)
		l.drain()
	case !errors.Is(err, socket.ErrIdle):
		l.lose(err)
	case !l.asked.IsZero() && !time.Now().Before(l.deadAt()):
		l.lost = ended(codeDead, nil)
		_ = l.conn.CloseNow() // it is dead already
	default:
		idle = true
	}
	return told, idle
}

// drain takes what has arrived already, so that one batch carries it.
func (l *live) drain() {
	for l.lost == nil && len(l.events) < maxBatch && l.held() < session.MessageLimit && l.conn.Pending() {
		m, err := l.conn.Try()
		switch {
		case err == nil:
			l.hear(m)
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
func (l *live) deadAt() time.Time { return l.asked.Add((silence - 1) * l.options.ping) }

// doubtAt is when an unanswered ping makes us ask by a request: halfway to the
// verdict.
func (l *live) doubtAt() time.Time { return l.asked.Add(l.options.ping) }

// wake is when Step has something to do though nothing came.
func (l *live) wake() time.Time {
	at := l.ping
	if !l.subscribe.IsZero() && l.subscribe.Before(at) {
		at = l.subscribe
	}
	if l.asked.IsZero() {
		return at
	}
	next := l.deadAt()
	if !l.doubted {
		next = l.doubtAt()
	}
	if next.Before(at) {
		at = next
	}
	return at
}

func (l *live) sendDue() error {
	now := time.Now()
	if !l.subscribe.IsZero() && !now.Before(l.subscribe) {
		if err := l.sendSubscribe(now); err != nil {
			return err
		}
	}
	if !l.asked.IsZero() && !l.doubted && !now.Before(l.doubtAt()) {
		l.doubted = true
		if err := l.sendSubscribe(now); err != nil {
			return err
		}
	}
	if now.Before(l.ping) {
		return nil
	}
	l.ping = now.Add(l.spread(l.options.ping))
	if l.asked.IsZero() {
		l.asked = now
	}
	return l.sendPing(now)
}

// sendPing asks for a sign of life: by a ping, by a request, or by both where
// pings are not answered, in case they are again.
func (l *live) sendPing(now time.Time) error {
	if l.options.pingless || l.deaf {
		l.doubted = true
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
	l.waiting, l.subscribe = l.nextID(), time.Time{}
	if l.idle > 0 {
		l.subscribe = now.Add(l.spread(l.idle))
	}
	payload := map[string][]string{"operatorIds": {l.agentID}}
	return l.conn.Write(request{"call/subscribe", l.waiting, payload}.encode(), now.Add(writeLimit))
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
	byOther := !l.evicted.IsZero() && time.Since(l.evicted) < farewell
	if errors.As(err, &closed) {
		byOther = byOther || evicted(closed.Reason)
	}
	if byOther {
		name = codeEvicted
	}
	l.lost = ended(name, err)
	if closed != nil && closed.Reason != "" {
		l.lost.Text += ": " + wire.Plain(wire.Redact(closed.Reason, l.tap.token.Reveal()))
	}
	l.log(slog.LevelDebug, "websocket ended", slog.String("error", err.Error()))
}

func (l *live) log(level slog.Level, msg string, attrs ...slog.Attr) {
	if l.tap.place.Log != nil {
		l.tap.place.Log.LogAttrs(context.Background(), level, msg, append(attrs, slog.String("agent", l.tap.id.String()))...)
	}
}
