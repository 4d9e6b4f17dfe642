package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

const (
	grace     = 2 * time.Second // that the requests in flight have at the end
	lastSave  = 3 * time.Second // that the last write of the position may take
	saveEvery = 250 * time.Millisecond
	saveAgain = 5 * time.Second // after a write that failed
	openAgain = time.Second     // while the store does not say where a new hook begins
	outAfter  = 3               // lanes that fail without a success between
	gainAfter = 10              // successes that give a request in flight back
	forever   = 365 * 24 * time.Hour
)

// hook is one receiver with its goroutine, run. What is embedded below the mailbox
// is run's own: others reach it by ask.
type hook struct {
	cfg      config.Webhook
	settings string
	store    Store
	counter  Counter
	log      *slog.Logger
	poster   *poster
	mailbox

	progress
	saves
	pace
	outage
	failureLog
	counts  counts
	random  *rand.Rand
	timer   *time.Timer
	ending  bool
	awaited *awaited // nil: nobody waits
}

// mailbox is how others reach a hook's goroutine.
type mailbox struct {
	stop    context.CancelFunc
	gone    chan struct{} // closed when run has ended
	asks    chan func()   // run on the goroutine
	in      chan event    // from the follower
	results chan result
	saved   chan error
}

// progress is how far a hook has come in the stream.
type progress struct {
	rec      record
	began    bool // the position is known
	pos      position
	win      window
	follower *follower // nil: none
}

// saves tell when the position is stored.
type saves struct {
	saveAt time.Time // when the position is to be written; zero: it is
	saving bool
	fenced bool // another process has the hook
}

// pace is how many requests may be in flight, and when.
type pace struct {
	inFlight int
	allowed  int       // requests in flight; what 429 left of them
	gained   int       // successes since that changed
	limits   int       // 429s in a row
	hold     time.Time // nothing is sent before
}

// outage is what tells that the receiver is out.
type outage struct {
	unreachables map[string]bool // lanes that found the receiver down since the last success
	probes       int             // failed requests since it is taken to be out
	outSince     time.Time       // since when it is taken to be out
}

// failureLog bound the lines about failures.
type failureLog struct {
	quiet  time.Time // no line before
	unsaid int       // failures that were not logged
}

// counts are since the start of the process.
type counts struct {
	delivered, retries uint64
	lastDelivery       time.Time
	lastError          string
	lastErrorAt        time.Time
}

func newHook(cfg config.Webhook, rec *record, o Options) (*hook, error) {
	logged := cfg
	logged.TLS.Log = o.Log.With("webhook", cfg.Name)
	p, err := newPoster(logged, o.Version, o.Dial)
	if err != nil {
		return nil, err
	}
	h := &hook{
		cfg: cfg, settings: settingsOf(cfg), store: o.Store, counter: o.Counter, log: o.Log.With("webhook", cfg.Name), poster: p,
		mailbox: mailbox{
			gone: make(chan struct{}), asks: make(chan func()), in: make(chan event),
			results: make(chan result, cfg.Concurrent), saved: make(chan error, 1),
		},
		progress: progress{win: newWindow()}, pace: pace{allowed: cfg.Concurrent}, outage: outage{unreachables: map[string]bool{}},
		random: rand.New(rand.NewPCG(o.Seed, hash(cfg.Name))),
	}
	if rec != nil {
		h.restore(*rec)
	}
	return h, nil
}

// settingsOf identifies what a hook is configured to be, without its secret.
func settingsOf(c config.Webhook) string {
	text, _ := json.Marshal([]any{c.URL.Reveal(), c.Types, c.Agents, c.TLS, c.Timeout, c.Concurrent, c.Source.Path}) // plain data
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text)) // never fails
	return h.Sum64()
}

// restore goes on where the process before ended.
func (h *hook) restore(rec record) {
	h.rec, h.pos = rec, resume(rec)
	h.began = true
	if !rec.Removed.IsZero() {
		h.rec.Removed = time.Time{}
		h.touch()
	}
	if rec.Gone != nil && rec.Gone.Settings != h.settings {
		h.log.Info("webhook: its configuration changed; tried again after its 410")
		h.rec.Gone = nil
		h.touch()
	}
}

// open finds where a new hook begins and makes that durable.
func (h *hook) open(ctx context.Context) error {
	if h.began {
		return nil
	}
	last, err := h.store.LastSeq(ctx)
	if err != nil {
		return err
	}
	h.pos, h.rec.Done = position{read: last}, last
	h.began = true
	if err = h.store.Put(ctx, store.Hooks, h.cfg.Name, h.record().encode()); err != nil {
		h.touch()
	}
	return err
}

// run delivers until ctx ends, and leaves everything stored.
func (h *hook) run(ctx context.Context) {
	defer close(h.gone)
	h.timer = time.NewTimer(forever)
	defer h.timer.Stop()
	posts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	for ctx.Err() == nil {
		h.step(ctx, posts)
	}
	h.finish(cut)
}

// step sends what may be sent and waits for the next thing to happen.
func (h *hook) step(ctx, posts context.Context) {
	now := time.Now()
	h.follow(ctx)
	h.dispatch(posts, now)
	h.save(now)
	h.tellAwaited(now)
	h.timer.Reset(h.wakeAt(now).Sub(now))
	select {
	case e := <-h.intake():
		h.take(e)
	case r := <-h.results:
		h.settle(r, time.Now())
	case err := <-h.saved:
		h.stored(err)
	case ask := <-h.asks:
		ask()
	case <-h.timer.C:
	case <-ctx.Done():
	}
}

// stopped reports whether nothing is delivered until somebody acts.
func (h *hook) stopped() bool { return h.rec.Gone != nil || h.fenced }

// out reports whether the receiver is taken to be away.
func (h *hook) out() bool { return len(h.unreachables) >= outAfter }

// intake is where events come from, nil while none is taken.
func (h *hook) intake() <-chan event {
	if h.stopped() || h.win.full() {
		return nil
	}
	return h.in
}

// dispatch starts the requests that may go now.
func (h *hook) dispatch(ctx context.Context, now time.Time) {
	if h.stopped() || now.Before(h.hold) {
		return
	}
	h.win.wake(now, func(*lane) bool { return false })
	limit := h.allowed
	if h.out() {
		limit = 1
	}
	for h.inFlight < limit {
		l := h.win.take(h.out())
		if l == nil {
			return
		}
		h.send(ctx, l)
	}
}

func (h *hook) send(ctx context.Context, l *lane) {
	if l.fails > 0 {
		h.counts.retries++
	}
	h.inFlight++
	e := l.queue[0]
	go func() { // its result is waited for, at the latest by finish
		r := h.poster.post(ctx, e)
		r.lane = l
		h.results <- r
	}()
}

// wakeAt is when something is due without being told.
func (h *hook) wakeAt(now time.Time) time.Time {
	at := now.Add(forever)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.After(now) && t.Before(at) {
			at = t
		}
	}
	switch {
	case h.saving:
	case !h.saveAt.IsZero():
		sooner(h.saveAt)
	case !h.began:
		sooner(now.Add(openAgain))
	}
	if !h.stopped() {
		sooner(h.hold)
		sooner(h.win.due())
	}
	return at
}

// take puts an event that was read into the window, if it is for this hook.
func (h *hook) take(e event) {
	if n := h.pos.advance(e.seq); n > 0 {
		h.rec.Dead += n
		h.log.Error("webhook: events were dropped before they could be delivered; raise events.max_age or max_bytes, or mend the receiver",
			"events", n, "in_all", h.rec.Dead)
	}
	h.touch()
	if !e.skip && wanted(h.cfg, e) && !h.pos.delivered(e.seq, e.source) {
		h.win.add(e)
	}
}

// ask runs fn on the hook's goroutine and waits for it; false where that has
// ended, or ctx has.
func (h *hook) ask(ctx context.Context, fn func()) bool {
	done := make(chan struct{})
	select {
	case h.asks <- func() { fn(); close(done) }:
		<-done
		return true
	case <-h.gone:
	case <-ctx.Done():
	}
	return false
}

// resume ends a stop and every pause.
func (h *hook) resume(now time.Time) {
	if h.rec.Gone != nil {
		h.rec.Gone = nil
		h.touch()
	}
	h.release(now, func(*lane) bool { return true })
}

// release ends the pauses of the hook and of the lanes that are chosen.
func (h *hook) release(now time.Time, chosen func(*lane) bool) {
	h.hold = time.Time{}
	h.probes, h.limits = 0, 0
	clear(h.unreachables)
	h.win.wake(now, chosen)
}

// rekey signs with a new secret, and tries at once what the old one failed for.
func (h *hook) rekey(secret session.Secret) error {
	if err := h.poster.rekey(secret); err != nil {
		return err
	}
	h.win.wake(time.Now(), func(*lane) bool { return true })
	return nil
}

// finish waits a moment for the requests in flight, cuts what is left, and
// stores the position.
func (h *hook) finish(cut context.CancelFunc) {
	h.ending = true
	h.unfollow()
	limit := time.NewTimer(grace)
	defer limit.Stop()
	for h.inFlight > 0 || h.saving {
		select {
		case r := <-h.results:
			h.settle(r, time.Now())
		case err := <-h.saved:
			h.stored(err)
		case <-limit.C:
			cut()
		}
	}
	h.poster.close()
	h.lastSave()
}
