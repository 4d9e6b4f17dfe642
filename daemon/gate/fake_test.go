package gate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

var (
	errRefused = &session.Fault{Kind: session.Refused, Cause: session.CauseCredential, Code: "100-004"}
	errSetting = &session.Fault{Kind: session.Refused, Cause: session.CauseSetting, Code: "000-002"}
	errTaken   = &session.Fault{Kind: session.Taken, Code: "100-002"}
	errLost    = &session.Fault{Kind: session.Lost, Code: "100-006"}
	errGone    = &session.Fault{Kind: session.Outage, Text: "connection refused"}
	errBan     = &session.Fault{Kind: session.Outage, Cause: session.CauseBan, Code: "http 403"}
	err503     = &session.Fault{Kind: session.Outage, Cause: session.CauseThrottled, Code: "http 503"}
	errBusy    = &session.Fault{Kind: session.Busy}
	errDoubt   = &session.Fault{Kind: session.Doubt, Text: "no answer"}
	errStore   = &session.Fault{Kind: session.Outage, Cause: session.CauseStore}
)

// call is one operation as the platform saw it.
type call struct {
	login string
	at    time.Duration // since the fake was made
}

// fake is a platform that counts. Its answers are scripted by the fields,
// which are set before it is used or under its mutex.
type fake struct {
	begin  time.Time
	answer func(login string) error // to a sign-in; nil: good
	poll   func(login string) error
	probe  error
	takes  time.Duration // every operation

	mu       sync.Mutex
	signIns  []call
	signOuts []call
	probes   []call
	inFlight int
	probing  int
	// mostProbing is how many probes were in flight at once.
	mostProbing int
	most        int
}

func newFake() *fake { return &fake{begin: time.Now()} }

func (f *fake) SignIn(ctx context.Context, a session.Account, _ bool) (session.Session, error) {
	defer f.enter(&f.signIns, a.ID.Login)()
	time.Sleep(f.takes)
	if f.answer != nil {
		if err := f.answer(a.ID.Login); err != nil {
			return nil, err
		}
	}
	return &fakeSession{fake: f, login: a.ID.Login}, nil
}

func (f *fake) enter(calls *[]call, login string) (leave func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*calls = append(*calls, call{login, time.Since(f.begin)})
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	return func() {
		f.mu.Lock()
		f.inFlight--
		f.mu.Unlock()
	}
}

func (f *fake) Adopt(a session.Account, k session.Key) (session.Session, error) {
	if k.IsZero() {
		return nil, errLost
	}
	return &fakeSession{fake: f, login: a.ID.Login}, nil
}

func (f *fake) Probe(_ context.Context, a session.Account) error {
	f.mu.Lock()
	f.probes = append(f.probes, call{a.ID.Login, time.Since(f.begin)})
	f.probing++
	f.mostProbing = max(f.mostProbing, f.probing)
	f.mu.Unlock()
	time.Sleep(f.takes)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probing--
	return f.probe
}

// fail makes probes end with err from now on.
func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probe = err
}

// asked returns the probes so far.
func (f *fake) asked() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]call(nil), f.probes...)
}

// seen returns the sign-ins so far.
func (f *fake) seen() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]call(nil), f.signIns...)
}

// peak returns how many operations were in flight at once since the last call.
func (f *fake) peak() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	most := f.most
	f.most = f.inFlight
	return most
}

type fakeSession struct {
	session.Session
	fake  *fake
	login string
}

func (s *fakeSession) Step(ctx context.Context) (b session.Batch, w session.Wait, err error) {
	if err = ctx.Err(); err == nil && s.fake.poll != nil {
		err = s.fake.poll(s.login)
	}
	return b, w, err
}

func (s *fakeSession) SignOut(context.Context) error {
	defer s.fake.enter(&s.fake.signOuts, s.login)()
	time.Sleep(s.fake.takes)
	return nil
}

func (s *fakeSession) Close() error { return nil }

// agent returns the n-th account.
func agent(n int) session.Account { return named(fmt.Sprintf("%05d", n)) }

func named(login string) session.Account {
	return session.Account{ID: session.ID{Platform: "hq", Login: login}}
}

// wide are settings that limit nothing.
func wide() Settings {
	return Settings{Rate: 1e6, Concurrent: 1e6, Lockout: Lockout{Failures: 1e6}}
}

// seeded makes the jitter repeatable.
func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, n)) }

// memory is a store for one gate.
type memory struct {
	mu    sync.Mutex
	state []byte
	saves int
	err   error
	takes time.Duration
}

func (m *memory) save(_ context.Context, state []byte) error {
	time.Sleep(m.takes)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saves++
	if m.err == nil {
		m.state = append([]byte(nil), state...)
	}
	return m.err
}

// saved returns what is durable, and how often it was written.
func (m *memory) saved() ([]byte, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.saves
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// fleet signs agents from to to-1 in at once, each one trying again every
// pause after what may be tried again, until each is in, parked or ctx ends.
func fleet(ctx context.Context, p session.Platform, from, to int, pause time.Duration) *sync.WaitGroup {
	var wg sync.WaitGroup
	for n := from; n < to; n++ {
		wg.Go(func() { persist(ctx, p, agent(n), pause) })
	}
	return &wg
}

func persist(ctx context.Context, p session.Platform, a session.Account, pause time.Duration) {
	for ctx.Err() == nil {
		_, err := p.SignIn(ctx, a, false)
		if kind := session.KindOf(err); kind == session.OK || kind == session.Refused {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// signIn signs one agent in and fails the test on another kind than want.
func signIn(t *testing.T, p session.Platform, login string, want session.Kind) session.Session {
	t.Helper()
	s, err := p.SignIn(t.Context(), named(login), false)
	if got := session.KindOf(err); got != want {
		t.Fatalf("sign-in of %s ended with %v (%v), want %v", login, got, err, want)
	}
	return s
}

// refusing answers the logins given with a refusal.
func refusing(logins ...string) func(string) error {
	return func(login string) error {
		for _, l := range logins {
			if l == login {
				return errRefused
			}
		}
		return nil
	}
}

func always(err error) func(string) error { return func(string) error { return err } }

var errDisk = errors.New("disk full")

// blocking returns inner behind g, with calls that block while they wait.
func blocking(g *Gate, inner session.Platform) session.Platform {
	return sessiontest.Blocking(func() session.Guarded { return g.Platform(inner) })
}
