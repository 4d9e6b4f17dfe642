package fleet_test

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// site is a platform, and the service's fleet on it.
type site struct {
	t     *testing.T
	store *rigStore
	fleet *fleet.Fleet
	cfg   config.Config

	mu        sync.Mutex
	passwords map[string]string // by login; others take any
	numbers   map[string]string // of those signed in, by login
	tokens    map[string]string // likewise
	ins, outs int
	inFlight  int
	most      int                  // sign-ins in flight at once
	takes     time.Duration        // a sign-in or sign-out
	closing   time.Duration        // Close takes as long
	asleep    atomic.Int64         // nanoseconds for which the machine has slept
	renews    bool                 // its sessions are renewed by a log-in beside the old one
	polled    map[string]time.Time // when each login's first poll came, since the last start
}

// rigStore can be slow to forget.
type rigStore struct {
	*storetest.Memory
	slow atomic.Int64 // nanoseconds
	salt string       // of the hashes: another one is another key
}

func (s *rigStore) Hash(secret session.Secret) string {
	if h := s.Memory.Hash(secret); h != "" {
		return h + s.salt
	}
	return ""
}

func (s *rigStore) Forget(ctx context.Context, id session.ID) error {
	time.Sleep(time.Duration(s.slow.Load()))
	return s.Memory.Forget(ctx, id)
}

// newSite returns a site whose configuration has one platform and n agents.
func newSite(t *testing.T, n int) *site {
	s := &site{t: t, store: &rigStore{Memory: storetest.NewMemory()}, passwords: map[string]string{}, numbers: map[string]string{}, tokens: map[string]string{},
		takes: 100 * time.Millisecond}
	s.cfg.Platforms = []config.Platform{{
		Name: "hq", Vendor: "rig", URL: &url.URL{Scheme: "http", Host: "hq.test"}, Window: 2 * time.Minute,
		SignIn: config.SignIn{Rate: 20, Concurrent: 10, Timeout: 30 * time.Second}, Backoff: config.Backoff{Initial: time.Second, Max: time.Minute},
		Lockout: config.Lockout{Failures: 3, Within: 10 * time.Minute, Quiet: 15 * time.Minute},
	}}
	for i := range n {
		s.cfg.Agents = append(s.cfg.Agents, config.Agent{ID: session.ID{Platform: "hq", Login: fmt.Sprint(i + 1)},
			Number: fmt.Sprint(100 + i), Password: session.NewSecret("good"), Options: "a", Credential: config.CredentialFile{GID: -1, Mode: 0o600}})
	}
	return s
}

// start starts a process on what the store has.
func (s *site) start() {
	s.t.Helper()
	s.open(s.t)
}

func (s *site) open(t testing.TB) {
	t.Helper()
	f, err := fleet.New(t.Context(), fleet.Options{Store: s.store, Sink: rigSink{}, Observer: rigObserver{}, Seed: 1,
		Asleep: func() (time.Duration, bool) { return time.Duration(s.asleep.Load()), true },
		Vendors: map[string]vendors.Vendor{"rig": {
			Adopts: true, Renews: s.renews, Fingerprint: func(any) string { return "" },
			Open: func(wire.Place) session.Platform { return s },
			Options: []option.Spec{{Name: "token", SecretFile: true, CheckSecret: func(text string) string {
				if strings.Contains(text, " ") {
					return "a space"
				}
				return ""
			}}},
		}}})
	if err != nil {
		t.Fatal(err)
	}
	s.fleet = f
	s.change(func() { s.polled = map[string]time.Time{} })
	s.apply()
}

// restart hands over to a next process.
func (s *site) restart() {
	s.fleet.HandOver(s.t.Context(), "test")
	s.store.Memory = s.store.Restart()
	s.start()
}

func (s *site) stop() []fleet.Agent {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	return s.fleet.Stop(ctx, "test")
}

// apply reloads; what was applied before stays as it was.
func (s *site) apply() {
	cfg := s.cfg
	cfg.Platforms, cfg.Agents = slices.Clone(cfg.Platforms), slices.Clone(cfg.Agents)
	s.fleet.Apply(&cfg, "test")
}

// change changes what the platform does.
func (s *site) change(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *site) work(takes *time.Duration) {
	s.mu.Lock()
	d := *takes
	s.mu.Unlock()
	time.Sleep(d)
}

// signedIn returns the numbers of the signed in, by login.
func (s *site) signedIn() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.numbers)
}

// polls returns when each login's first poll came, since the last start.
func (s *site) polls() map[string]time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.polled)
}

// token returns what an agent was last signed in with.
func (s *site) token(login string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens[login]
}

// operations returns how many there were since the last call, and how many
// sign-ins were in flight at once.
func (s *site) operations() (ins, outs, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ins = s.ins
	outs = s.outs
	most = s.most
	s.ins = 0
	s.outs = 0
	s.most = 0
	return ins, outs, most
}

func (s *site) SignIn(_ context.Context, a session.Account, _ bool) (session.Session, error) {
	s.mu.Lock()
	s.ins++
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	s.mu.Unlock()
	s.work(&s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if want, ok := s.passwords[a.ID.Login]; ok && want != a.Password.Reveal() {
		return nil, &session.Fault{Kind: session.Refused, Cause: session.CauseCredential, Code: "wrong"}
	}
	s.numbers[a.ID.Login], s.tokens[a.ID.Login] = a.Number, a.Token.Reveal()
	return &rigSession{site: s, login: a.ID.Login}, nil
}

func (s *site) Adopt(a session.Account, _ session.Key) (session.Session, error) {
	return &rigSession{site: s, login: a.ID.Login}, nil
}

func (s *site) Probe(context.Context, session.Account) error { return nil }

type rigSession struct {
	site  *site
	login string
	due   time.Time // of the answer to the poll under way; zero: there is none
}

func (r *rigSession) Step(ctx context.Context) (b session.Batch, w session.Wait, err error) {
	if r.due.IsZero() {
		r.due = time.Now().Add(10 * time.Second)
		r.site.change(func() {
			if r.site.polled[r.login].IsZero() {
				r.site.polled[r.login] = time.Now()
			}
		})
	}
	if w, err = session.Rest(ctx, r.due); !w.None() {
		return b, w, nil
	}
	r.due = time.Time{}
	if _, ok := r.site.signedIn()[r.login]; err == nil && !ok {
		err = &session.Fault{Kind: session.Lost, Code: "gone"}
	}
	return b, w, err
}

func (r *rigSession) SignOut(context.Context) error {
	r.site.work(&r.site.takes)
	r.site.mu.Lock()
	defer r.site.mu.Unlock()
	r.site.outs++
	delete(r.site.numbers, r.login)
	return nil
}

func (r *rigSession) Key() session.Key { return session.NewKey([]byte("key of " + r.login)) }

func (r *rigSession) Info() session.Info {
	return session.Info{Credential: session.Credential{Token: session.NewSecret("token of " + r.login)}}
}

func (r *rigSession) Close() error {
	r.site.work(&r.site.closing)
	return nil
}

type rigSink struct{}

func (rigSink) Take(context.Context, session.ID, []keeper.Event) error { return nil }
func (rigSink) Note(session.ID, keeper.Event)                          {}

type rigObserver struct{}

func (rigObserver) SignIn(string, session.Kind, time.Duration)  {}
func (rigObserver) SignOut(string, session.Kind)                {}
func (rigObserver) FirstContact(string, time.Duration)          {}
func (rigObserver) Contact(string, session.Kind, time.Duration) {}
func (rigObserver) SessionLost(string, string)                  {}
func (rigObserver) Adopted(string, session.Kind)                {}
func (rigObserver) EventsReceived(string, int)                  {}
func (rigObserver) SetPlatforms(map[string]time.Duration)       {}
