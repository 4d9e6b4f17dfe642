package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
)

// Store is what hooks read, and where they keep their positions.
type Store interface {
	LastSeq(ctx context.Context) (uint64, error)
	store.Values
	Span(ctx context.Context) (first, last uint64, err error)
	Follow(ctx context.Context, after uint64, f store.Filter, fn func(events []*store.Event) error, gap func(store.Gap) error) error
}

// Counter counts deliveries. It must not block.
type Counter interface {
	EventsDelivered(sink string, n int)
	// EventDelivery observes the time from the platform's answer to the
	// receiver's.
	EventDelivery(sink string, took time.Duration)
}

// Sink is the name of a hook among the consumers that are counted.
func Sink(name string) string { return "webhook:" + name }

// ErrUnknown means that no hook has such a name.
var ErrUnknown = errors.New("no such webhook")

// Options are what Hooks are made from. Store and Counter are required.
type Options struct {
	Store   Store
	Counter Counter
	Log     *slog.Logger
	Version string // of the program, for the receivers' logs
	// Dial replaces the network, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Seed makes the jitter repeatable; 0: random.
	Seed uint64
}

// Hooks are all webhooks of one process. Create them with Open, fill them with
// Apply, end them with Close. The methods may be called from any goroutine.
type Hooks struct {
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	applying sync.Mutex        // serialises Apply and Close
	records  map[string]record // of hooks that do not run; Apply's own

	mu    sync.Mutex // never held over I/O or a wait
	hooks map[string]*hook
	order []string // of the configuration
	first uint64   // as the store said last
	last  uint64
}

// Open loads the positions. It starts nothing but the loop that looks after
// the secrets.
func Open(ctx context.Context, o Options) (*Hooks, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	raw, err := o.Store.All(ctx, store.Hooks)
	if err != nil {
		return nil, fmt.Errorf("load the webhooks' positions: %w", err)
	}
	h := &Hooks{o: o, records: map[string]record{}, hooks: map[string]*hook{}}
	for name, data := range raw {
		rec, err := decodeRecord(data)
		if err != nil {
			o.Log.Error("webhook: its position cannot be read; it begins with new events", "webhook", name, "error", err)
			continue
		}
		h.records[name] = rec
	}
	h.ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.tasks.Go(h.secretLoop)
	return h, nil
}

// Apply makes the hooks those of cfg: starts new ones, stops those that are
// gone, restarts those that changed where they were, and leaves the others
// alone. It waits for the ones that stop, and up to five seconds for the store
// to say where new ones begin: events after that are theirs.
func (h *Hooks) Apply(cfg *config.Config) {
	h.applying.Lock()
	defer h.applying.Unlock()
	if h.ctx.Err() != nil {
		return
	}
	wanted := map[string]config.Webhook{}
	h.mu.Lock()
	h.order = h.order[:0]
	for _, w := range cfg.Webhooks {
		wanted[w.Name] = w
		h.order = append(h.order, w.Name)
	}
	h.mu.Unlock()
	h.retire(wanted)
	for _, w := range cfg.Webhooks {
		if k := h.running(w.Name); k != nil {
			h.rekey(k, w)
			continue
		}
		h.start(w)
	}
	h.forget(wanted, cfg.Events.MaxAge)
}

func (h *Hooks) running(name string) *hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hooks[name]
}

// retire stops the hooks that are not wanted as they are, all at once.
func (h *Hooks) retire(wanted map[string]config.Webhook) {
	h.mu.Lock()
	var leaving []*hook
	for name, k := range h.hooks {
		if w, stays := wanted[name]; !stays || settingsOf(w) != k.settings {
			leaving = append(leaving, k)
			delete(h.hooks, name)
		}
	}
	h.mu.Unlock()
	for _, k := range leaving {
		k.stop()
	}
	for _, k := range leaving {
		<-k.gone
		if k.began {
			h.records[k.cfg.Name] = k.rec
		}
	}
}

func (h *Hooks) start(w config.Webhook) {
	var rec *record
	if known, ok := h.records[w.Name]; ok {
		rec = &known
		delete(h.records, w.Name)
	}
	k, err := newHook(w, rec, h.o)
	if err != nil { // the configuration was checked
		h.o.Log.Error("webhook: cannot be started", "webhook", w.Name, "error", err)
		return
	}
	opening, cancel := context.WithTimeout(h.ctx, 5*time.Second)
	defer cancel()
	if err := k.open(opening); err != nil {
		k.log.Warn("webhook: the store does not say yet where to begin", "error", err)
	}
	k.log.Info("webhook: started", "url", w.Shown, "position", k.pos.read, "stopped", k.stopped())
	var ctx context.Context
	ctx, k.stop = context.WithCancel(h.ctx)
	h.tasks.Go(func() { k.run(ctx) })
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks[w.Name] = k
}

// forget marks the positions of hooks that are not configured, and removes
// those whose events are all gone.
func (h *Hooks) forget(wanted map[string]config.Webhook, kept time.Duration) {
	now := time.Now()
	for name, rec := range h.records {
		if _, stays := wanted[name]; stays {
			continue
		}
		var state []byte
		switch {
		case rec.Removed.IsZero():
			rec.Removed = now.UTC()
			h.records[name], state = rec, rec.encode()
			h.o.Log.Info("webhook: removed; its position is kept for as long as events are", "webhook", name, "for", kept.String())
		case now.Sub(rec.Removed) > kept:
			delete(h.records, name)
		default:
			continue
		}
		ctx, cancel := context.WithTimeout(h.ctx, lastSave)
		if err := h.o.Store.Put(ctx, store.Hooks, name, state); err != nil {
			h.o.Log.Debug("webhook: its position was not stored", "webhook", name, "error", err)
		}
		cancel()
	}
}

// Resume makes a hook try at once, whatever it waits for or was told: it ends a
// stop after 410. It fails with ErrUnknown.
func (h *Hooks) Resume(ctx context.Context, name, by, reason string) error {
	k := h.running(name)
	if k == nil {
		return fmt.Errorf("%w: %s", ErrUnknown, name)
	}
	h.o.Log.Info("audit", "webhook", name, "operation", "resume", "by", by, "reason", reason)
	k.ask(ctx, func() { k.resume(time.Now()) })
	return ctx.Err()
}

// Close lets hooks that keep up deliver what is in the stream, for a second at
// most: the last events of a stop would wait for the next start. It gives the
// requests in flight two seconds, stores the positions and ends the hooks. The
// store must still be open.
func (h *Hooks) Close() { h.CloseWithin(lastMoment) }

// CloseWithin is Close with a shorter limit for what is delivered yet.
func (h *Hooks) CloseWithin(most time.Duration) {
	h.catchUp(min(most, lastMoment))
	h.cancel()
	h.applying.Lock()
	defer h.applying.Unlock()
	h.tasks.Wait()
}

const lastMoment = time.Second // that hooks have to catch up at the end

func (h *Hooks) catchUp(most time.Duration) {
	ctx, cancel := context.WithTimeout(h.ctx, most)
	defer cancel()
	last, err := h.o.Store.LastSeq(ctx)
	if err != nil {
		return // they deliver it after the next start
	}
	for _, k := range h.all() {
		settled := make(chan struct{})
		if !k.ask(ctx, func() { k.awaited = &awaited{last, settled} }) {
			continue
		}
		select {
		case <-settled:
		case <-ctx.Done():
		}
	}
}

// awaited is somebody who waits until a hook has delivered everything up to a
// position, or delivers nothing any more.
type awaited struct {
	position uint64
	settled  chan struct{} // closed then
}

// tellAwaited tells whoever waits, when it is so.
func (h *hook) tellAwaited(now time.Time) {
	if a := h.awaited; a != nil && (h.state(now) != Delivering || h.cursor() >= a.position) {
		close(a.settled)
		h.awaited = nil
	}
}

// secretEvery is how often the secrets are read again.
const secretEvery = 3 * time.Second

// secretLoop gives hooks whose secret file changed their new secret.
func (h *Hooks) secretLoop() {
	tick := time.NewTicker(secretEvery)
	defer tick.Stop()
	unread := map[string]string{} // why a hook's secret cannot be read
	for {
		select {
		case <-tick.C:
			for _, k := range h.all() {
				h.readSecret(k, unread)
			}
		case <-h.ctx.Done():
			return
		}
	}
}

// all returns the hooks in the order of the configuration.
func (h *Hooks) all() (list []*hook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range h.order {
		if k := h.hooks[name]; k != nil {
			list = append(list, k)
		}
	}
	return list
}

// readSecret reads a secret again; the old one stays in use where that fails,
// which is logged once.
func (h *Hooks) readSecret(k *hook, unread map[string]string) {
	secret, err := k.cfg.Source.Read()
	if err == nil && !secret.Equal(k.poster.key.Load().secret) {
		if err = h.rekeyWith(k, func() error { return k.rekey(secret) }); err == nil {
			k.log.Info("webhook: its secret changed")
		}
	}
	if err == nil {
		delete(unread, k.cfg.Name)
	} else if unread[k.cfg.Name] != err.Error() {
		unread[k.cfg.Name] = err.Error()
		k.log.Warn("webhook: a changed secret cannot be used; the old one stays in use", "error", err)
	}
}

// rekey takes the secret of a reload.
func (h *Hooks) rekey(k *hook, w config.Webhook) {
	if w.Secret.Equal(k.poster.key.Load().secret) {
		return
	}
	if err := h.rekeyWith(k, func() error { return k.rekey(w.Secret) }); err == nil {
		k.log.Info("webhook: its secret changed")
	}
}

func (h *Hooks) rekeyWith(k *hook, rekey func() error) (err error) {
	k.ask(h.ctx, func() { err = rekey() })
	return err
}
