package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/events"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
	"agentkeeper/vendors"
	"agentkeeper/vendors/wire"
)

// world is the service's own fleet, store in memory, API and page, on
// platforms that are pretended: a sign-in takes a moment, a contact comes every
// ten seconds, and a share of the agents is refused.
type world struct {
	fleet    *fleet.Fleet
	stream   *events.Stream
	activity *page.Activity
	handler  http.Handler
	began    time.Time

	mu    sync.Mutex
	kicks map[session.ID]*session.Signal
}

// place is a platform of the world.
type place struct {
	name, vendor string
	share        int // of ten
	window       time.Duration
}

func places() []place {
	return []place{
		{"hq", "huawei", 4, 2 * time.Minute}, {"pbx", "ecss", 3, 75 * time.Second}, {"cabinet", "runtel", 1, 5 * time.Minute},
		{"chat", "edna", 1, 5 * time.Minute}, {"config", "huawei-config", 1, 2 * time.Minute},
	}
}

func newWorld(ctx context.Context, agents int) (*world, error) {
	w := &world{began: time.Now(), activity: page.NewActivity(), kicks: map[session.ID]*session.Signal{}}
	st := storetest.NewMemory()
	w.stream = events.New(st, nothing{}, vendorOf, slog.New(slog.DiscardHandler))
	table := map[string]vendors.Vendor{}
	for _, p := range places() {
		table[p.vendor] = vendors.Vendor{Adopts: true, Fingerprint: func(any) string { return "" },
			Open: func(at wire.Place) session.Platform { return &pretended{w, at.Name} }}
	}
	var err error
	w.fleet, err = fleet.New(ctx, fleet.Options{Store: st, Sink: sink{w.stream, w.activity}, Observer: nothing{}, Vendors: table, Seed: 1})
	if err != nil {
		return nil, err
	}
	w.fleet.Apply(configured(agents), "start")
	status := page.New(page.Options{Fleet: w.fleet, Work: w, Activity: w.activity, LastEvent: st.LastSeq, Version: "measured"})
	reader := api.Reader{Agents: w.fleet, Work: w, Events: st, Audience: nothing{}, Health: w, Webhooks: w, Metrics: http.NotFoundHandler(), Page: status, Log: slog.New(slog.DiscardHandler)}
	w.handler = reader.Handler()
	return w, nil
}

// configured spreads the agents over the platforms and ten groups each.
func configured(agents int) *config.Config {
	cfg := &config.Config{}
	for _, p := range places() {
		cfg.Platforms = append(cfg.Platforms, config.Platform{
			Name: p.name, Vendor: p.vendor, URL: &url.URL{Scheme: "http", Host: p.name + ".test"}, Window: p.window,
			SignIn:  config.SignIn{Rate: 5000, Concurrent: 2000, Timeout: 30 * time.Second},
			Backoff: config.Backoff{Initial: time.Second, Max: time.Minute},
			Lockout: config.Lockout{Failures: 1_000_000, Within: 10 * time.Minute, Quiet: 15 * time.Minute},
		})
		for i := range agents * p.share / 10 {
			cfg.Agents = append(cfg.Agents, config.Agent{
				ID: session.ID{Platform: p.name, Login: strconv.Itoa(10000 + i)}, Group: fmt.Sprintf("%s-team-%d", p.name, i%10),
				Number: strconv.Itoa(40000 + i), Password: session.NewSecret("x"), Credential: config.CredentialFile{GID: -1, Mode: 0o600},
			})
		}
	}
	return cfg
}

// churn signs agents out, so many a second, until ctx ends.
func (w *world) churn(ctx context.Context, perSecond int) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.kick()
		case <-ctx.Done():
			return
		}
	}
}

// kick signs somebody out.
func (w *world) kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, kick := range w.kicks { // in no order
		delete(w.kicks, id)
		kick.Set()
		return
	}
}

// online counts.
func (w *world) online() (n int) {
	for _, a := range w.fleet.Agents() {
		if a.View.State == session.Online {
			n++
		}
	}
	return n
}

// Of implements page.Work and api.Work: Huawei's agents work, one in fifty was busied
// by its platform, and some of these are left so.
func (w *world) Of(id session.ID) (s work.Shown, ok bool) {
	if id.Platform != "hq" {
		return s, id.Platform == "pbx"
	}
	s = work.Shown{Standing: work.Standing{State: work.Ready, By: work.ByKeeper, Since: w.began}, Wish: work.WishReady, RestoresLeft: 6}
	h := hashOf(id)
	switch {
	case h%50 == 0:
		s.Standing = work.Standing{State: work.Busy, By: work.ByPlatform, Code: "2", Reason: "calls were not answered", Since: w.began}
		s.RestoresLeft, s.NextAttempt = int(h/50%7), time.Now().Truncate(time.Minute).Add(time.Minute)
		if s.RestoresLeft == 0 {
			s.HeldBack, s.HeldUntil = work.HoldLimit, w.began.Add(time.Hour)
		}
	case h%170 == 0:
		s.Standing = work.Standing{State: work.Rest, By: work.ByInspector, Since: w.began}
		s.HeldBack = work.HoldInspector
	case h%9 == 0:
		s.State, s.By = work.Talking, work.ByPlatform
	}
	return s, true
}

// Healthy implements api.Health.
func (w *world) Healthy() error { return nil }

// Status implements api.Webhooks: there are none.
func (w *world) Status(context.Context) []webhook.Status { return nil }

// Ready implements api.Health.
func (w *world) Ready() error { return nil }

// Service implements api.Health.
func (w *world) Service() api.Service {
	return api.ServiceOf("test", api.PhaseRunning, time.Time{}, nil)
}

// pretended is a platform.
type pretended struct {
	w    *world
	name string
}

// SignIn implements session.Platform.
func (p *pretended) SignIn(ctx context.Context, a session.Account, _ bool) (session.Session, error) {
	select {
	case <-time.After(time.Duration(50+rand.IntN(500)) * time.Millisecond):
	case <-ctx.Done():
		return nil, &session.Fault{Kind: session.Outage, Err: ctx.Err()}
	}
	switch h := hashOf(a.ID); {
	case h%400 == 0:
		return nil, &session.Fault{Kind: session.Refused, Cause: session.CauseSetting, Code: "100-004", Text: "the number does not exist", Action: "correct the agent's number"}
	case h%150 == 0:
		return nil, &session.Fault{Kind: session.Taken, Code: "100-015", Text: "another client holds the number"}
	}
	s := &held{w: p.w, id: a.ID}
	p.w.mu.Lock()
	p.w.kicks[a.ID] = &s.kick
	p.w.mu.Unlock()
	return s, nil
}

// Adopt implements session.Platform.
func (p *pretended) Adopt(session.Account, session.Key) (session.Session, error) {
	return nil, &session.Fault{Kind: session.Lost}
}

// Probe implements session.Platform.
func (p *pretended) Probe(context.Context, session.Account) error { return nil }

func hashOf(id session.ID) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id.String()))
	return h.Sum32()
}

// held is a session that is answered every ten seconds.
type held struct {
	w    *world
	id   session.ID
	kick session.Signal
	due  time.Time // of the next answer; zero: it was not asked for
}

// Step implements session.Session.
func (h *held) Step(ctx context.Context) (b session.Batch, w session.Wait, err error) {
	if h.kick.Clear() {
		return b, w, &session.Fault{Kind: session.Lost, Code: "100-006", Text: "the agent is not signed in"}
	}
	if h.due.IsZero() {
		h.due = time.Now().Add(time.Duration(5000+rand.IntN(10000)) * time.Millisecond)
	}
	if w, err = session.Rest(ctx, h.due); !w.None() {
		w.Signal = &h.kick
		return b, w, nil
	}
	h.due = time.Time{}
	if err != nil || rand.IntN(20) > 0 {
		return b, w, err
	}
	data, err := json.Marshal(map[string]any{"workNo": h.id.Login, "status": rand.IntN(8)})
	return session.Batch{Events: []session.Event{{Type: "AgentState_Ready", Data: data}}}, w, err
}

// SignOut implements session.Session.
func (h *held) SignOut(context.Context) error { return nil }

// Key implements session.Session.
func (h *held) Key() session.Key { return session.NewKey([]byte("key of " + h.id.Login)) }

// Info implements session.Session.
func (h *held) Info() session.Info { return session.Info{} }

// Close implements session.Session.
func (h *held) Close() error { return nil }

func vendorOf(platform string) string {
	all := places()
	return all[slices.IndexFunc(all, func(p place) bool { return p.name == platform })].vendor
}

// sink counts for the page, as the daemon's does.
type sink struct {
	*events.Stream
	activity *page.Activity
}

// Note implements keeper.Sink.
func (s sink) Note(id session.ID, e keeper.Event) {
	s.activity.Note(id.Platform, e.Type)
	s.Stream.Note(id, e)
}

// nothing counts nothing.
type nothing struct{}

func (nothing) SignIn(string, session.Kind, time.Duration)  {}
func (nothing) SignOut(string, session.Kind)                {}
func (nothing) FirstContact(string, time.Duration)          {}
func (nothing) Contact(string, session.Kind, time.Duration) {}
func (nothing) SessionLost(string, string)                  {}
func (nothing) Adopted(string, session.Kind)                {}
func (nothing) EventsReceived(string, int)                  {}
func (nothing) EventsDropped(string, int)                   {}
func (nothing) EventsDelivered(string, int)                 {}
func (nothing) EventDelivery(string, time.Duration)         {}
func (nothing) SetPlatforms(map[string]time.Duration)       {}
func (nothing) FollowerCame(string)                         {}
func (nothing) FollowerLeft(string)                         {}
func (nothing) FollowerRefused(string)                      {}
func (nothing) Delivered([]*store.Event, time.Time)         {}
