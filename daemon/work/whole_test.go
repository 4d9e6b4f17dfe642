package work_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store/storetest"
	tracking "agentkeeper/daemon/work"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
	"agentkeeper/test/raced"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/vendors"
	"agentkeeper/vendors/adapter"
)

const wholePassword = "secret-of-agents"

// whole is a platform of the simulator, and everything of the service between it and
// the tracker.
type whole struct {
	t     *testing.T
	n     int
	line  *sim.PipeListener
	sim   *huawei.Sim
	serve *sim.Server
	store *storetest.Memory
	cfg   *config.Config

	process
	mu     sync.Mutex
	counts map[string]int
}

// process is what a crash ends.
type process struct {
	tracker *tracking.Tracker
	fleet   *fleet.Fleet
	service *command.Service
}

// restoresPerHour is the default of restore_limit.
const restoresPerHour = 6

// inWhole runs a test in virtual time, with n agents signed in of which ready is
// wished. What breaks the simulator's rules for keepers is a violation, and so are more
// restores within an hour than that, 0 for any number.
func inWhole(t *testing.T, n int, w huawei.Work, restores int, options string, test func(w *whole)) {
	synctest.Test(t, func(t *testing.T) {
		line := sim.Pipe()
		s := &whole{t: t, n: n, line: line, store: storetest.NewMemory(), counts: map[string]int{}}
		s.sim = huawei.New(huawei.Config{Agents: huawei.Range(1001, n, wholePassword, 40001), Line: line,
			Switches:    huawei.Switches{Work: w, Rules: huawei.Rules{Keeper: true, Restores: restores}},
			OnViolation: func(text string) { t.Errorf("%v: violation: %s", time.Now().Format(time.TimeOnly), text) }})
		s.serve = sim.Serve(line, s.sim, nil)
		s.cfg = s.configure(options)
		s.start()
		for range 600 {
			if pass(100 * time.Millisecond); s.tracker.Tally(platformName).States[work.Ready] == n {
				break
			}
		}
		test(s)
		s.end()
		if err := s.serve.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (s *whole) configure(options string) *config.Config {
	var b strings.Builder
	fmt.Fprintf(&b, "allow_inline_secrets: true\nplatforms:\n  hq: {vendor: huawei, url: \"http://hq.test:8043\", options: {autoanswer: false}, sign_in: {rate: 20}, work: {wish: ready%s}}\n", options)
	b.WriteString("groups:\n  - name: bots\n    platform: hq\n    agents:\n")
	for i := range s.n {
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"%d\", password: %s}\n", 1001+i, 40001+i, wholePassword)
	}
	path := filepath.Join(s.t.TempDir(), "agentkeeper.yaml")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cfg, _, err := config.Load(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return cfg
}

// note counts an event of ours.
func (s *whole) note(e keeper.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[e.Type]++
}

// start starts a process on what the store has.
func (s *whole) start() {
	var p process
	var err error
	p.tracker, err = tracking.New(s.t.Context(), tracking.Options{
		Store: s.store, Observer: s,
		Send: func(ctx context.Context, id session.ID, r command.Request) command.Result {
			return p.service.Do(ctx, id, r, command.Caller{Name: tracking.By, Keeper: true})
		},
		Online: func(id session.ID) bool {
			h, err := p.fleet.Credential(id)
			return err == nil && h.Live
		},
	})
	s.must(err)
	p.fleet, err = fleet.New(s.t.Context(), fleet.Options{Store: s.store, Sink: wholeSink{p.tracker, func(id session.ID, e []keeper.Event) { p.service.Saw(id, e) }, s.note},
		Observer: wholeObserver{}, Seed: 1, Pending: p.tracker.Pending,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return s.line.DialContext(ctx, network, address)
		}})
	s.must(err)
	p.service, err = command.New(s.t.Context(), command.Options{
		Fleet: p.fleet, Settings: noLimits{}, Values: s.store, Observer: wholeObserver{},
		Vendors:  func(name string) (adapter.Vendor, bool) { v, ok := vendors.Table[name]; return v, ok },
		Standing: p.tracker.Standing,
		Sent:     func(id session.ID, sent command.Sent) { p.tracker.Sent(id, sent.Verb, sent.By) },
	})
	s.must(err)
	s.process = p
	p.tracker.Apply(wholePolicies{s.cfg})
	p.fleet.Apply(s.cfg, "test")
}

func (s *whole) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// end hands the agents over.
func (s *whole) end() {
	s.service.Drain()
	s.fleet.HandOver(s.t.Context(), "test")
	s.service.Close(time.Second)
	s.tracker.Close()
}

// crash ends the process as kill -9 does and starts another one: what was not stored
// is gone.
func (s *whole) crash() {
	next, old := s.store.Restart(), s.process
	s.line.DropAll()
	old.service.Close(time.Millisecond)
	old.fleet.HandOver(s.t.Context(), "crash")
	old.tracker.Close()
	s.store = next
	s.start()
}

func (s *whole) WorkRestored(_, result string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[result]++
}

func (s *whole) WorkForced(_ string, by work.By) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts["forced by "+string(by)]++
}

func login(i int) string { return fmt.Sprint(1001 + i) }

func (s *whole) of(i int) work.Shown {
	shown, ok := s.tracker.Of(session.ID{Platform: platformName, Login: login(i)})
	if !ok {
		s.t.Fatal("not known")
	}
	return shown
}

type wholeSink struct {
	tracker *tracking.Tracker
	saw     func(session.ID, []keeper.Event)
	note    func(keeper.Event)
}

func (k wholeSink) Take(_ context.Context, id session.ID, events []keeper.Event) error {
	k.tracker.Saw(id, events)
	k.saw(id, events)
	return nil
}

func (k wholeSink) Note(id session.ID, e keeper.Event) {
	k.tracker.Note(id, e)
	k.note(e)
}

type noLimits struct{}

func (noLimits) Limits(session.ID) (command.Limits, bool) { return command.Limits{Enabled: true}, true }

type wholeObserver struct{}

func (wholeObserver) SignIn(string, session.Kind, time.Duration)     {}
func (wholeObserver) SignOut(string, session.Kind)                   {}
func (wholeObserver) FirstContact(string, time.Duration)             {}
func (wholeObserver) Contact(string, session.Kind, time.Duration)    {}
func (wholeObserver) SessionLost(string, string)                     {}
func (wholeObserver) Adopted(string, session.Kind)                   {}
func (wholeObserver) EventsReceived(string, int)                     {}
func (wholeObserver) SetPlatforms(map[string]time.Duration)          {}
func (wholeObserver) Command(string, command.Outcome, time.Duration) {}

// wholePolicies are those of a configuration.
type wholePolicies struct{ cfg *config.Config }

func (p wholePolicies) Work(id session.ID, now time.Time) (policy work.Policy, next time.Time, ok bool) {
	for i := range p.cfg.Agents {
		if a := &p.cfg.Agents[i]; a.ID == id {
			policy, next = a.Work.At(now)
			return policy, next, true
		}
	}
	return policy, next, false
}

func (p wholePolicies) Wished() (ids []session.ID) {
	for i := range p.cfg.Agents {
		ids = append(ids, p.cfg.Agents[i].ID)
	}
	return ids
}

func (p wholePolicies) Platform(name string) (tracking.Platform, bool) {
	c, ok := p.cfg.Platform(name)
	return tracking.Platform{Vendor: vendors.Table[c.Vendor], Agents: len(p.cfg.Agents), Rate: c.SignIn.Rate, Window: c.Window}, ok
}

// One call that nobody answers: the agent is ready again within restore_after and 5 s.
func TestWholeRestore(t *testing.T) {
	inWhole(t, 1, huawei.Work{}, restoresPerHour, "", func(s *whole) {
		_, err := s.sim.Ring(login(0))
		s.must(err)
		pass(22 * time.Second) // nobody answers
		if got := s.of(0); got.State != work.Busy || got.Code != "2" || got.By != work.ByPlatform {
			s.t.Fatalf("%+v", got)
		}
		pass(10 * time.Second)
		if got := s.of(0); got.State != work.Ready || got.By != work.ByKeeper || s.counts["restored"] != 1 {
			s.t.Errorf("%+v, %v", got, s.counts)
		}
		_, err = s.sim.Ring(login(0))
		s.must(err)
		pass(time.Second)
		s.must(s.sim.Answer(login(0)))
		pass(time.Second)
		if got := s.of(0); got.State != work.Talking || got.RestoresLeft != 6 {
			s.t.Errorf("%+v", got)
		}
	})
}

// What an inspector or a program did is left alone; a person's word goes over the
// program's.
func TestWholeLeftAlone(t *testing.T) {
	inWhole(t, 2, huawei.Work{}, restoresPerHour, "", func(s *whole) {
		s.must(s.sim.Force(login(0), huawei.ForceBusy))
		s.must(s.sim.Asked(login(1), 1))
		id := session.ID{Platform: platformName, Login: login(1)}
		r := s.service.Do(s.t.Context(), id, command.Request{Do: "busy", Code: "201", Reason: "a test"}, command.Caller{Name: "uid 0"})
		if r.Outcome != command.Done {
			s.t.Fatalf("%+v", r)
		}
		pass(2 * time.Hour)
		if got := s.of(0); got.HeldBack != work.HoldInspector {
			s.t.Errorf("%+v", got)
		}
		if got := s.of(1); got.HeldBack != work.HoldProgram || got.By != work.ByProgram || got.Code != "201" {
			s.t.Errorf("%+v", got)
		}
		s.must(s.sim.Asked(login(1), 1))
		s.must(s.tracker.Wish(s.t.Context(), id, work.Word{Wish: work.WishReady, By: "uid 0", Reason: "a test"}))
		pass(time.Minute)
		if got := s.of(1); got.State != work.Ready {
			s.t.Errorf("%+v", got)
		}
	})
}

// What a person wishes is brought about as the platform takes it, for as long as it is
// wished; then what is configured holds again.
func TestWholeWord(t *testing.T) {
	for want, word := range map[string]work.Word{
		"POST onlineagent/1001/saybusy?reason=210&prolong=false": {Wish: work.WishBusy, Code: "210", For: 5 * time.Minute},
		"POST onlineagent/1001/rest/300/3?prolong=false":         {Wish: work.WishRest, Code: "3", For: 5 * time.Minute},
	} {
		inWhole(t, 1, huawei.Work{}, restoresPerHour, "", func(s *whole) {
			word.By, word.Reason = "uid 0", "a test"
			s.must(s.tracker.Wish(s.t.Context(), session.ID{Platform: platformName, Login: login(0)}, word))
			pass(time.Minute)
			if got := s.of(0); got.State != word.Wish.State() || got.By != work.ByKeeper || got.HeldBack != work.HoldNone {
				s.t.Errorf("%+v", got)
			}
			if sent := s.sim.Commands(login(0)); len(sent) != 1 || sent[0].Text != want {
				s.t.Errorf("%+v, want %s", sent, want)
			}
			pass(5 * time.Minute)
			if got := s.of(0); got.State != work.Ready || got.By != work.ByKeeper {
				s.t.Errorf("%+v", got)
			}
		})
	}
}

// However the platform answers a restore, it ends well when the platform does.
func TestWholeSpoiled(t *testing.T) {
	for _, how := range []string{huawei.SpoilDenied, huawei.SpoilIgnored, huawei.SpoilUnheard, huawei.SpoilRenewed} {
		t.Run(how, func(t *testing.T) {
			inWhole(t, 1, huawei.Work{}, restoresPerHour, "", func(s *whole) {
				s.must(s.sim.Spoil(login(0), how, 1))
				_, err := s.sim.Ring(login(0))
				s.must(err)
				pass(2 * time.Minute)
				if got := s.of(0); got.State != work.Ready || got.By != work.ByKeeper {
					s.t.Errorf("%+v, %v, %+v", got, s.counts, s.sim.Commands(login(0)))
				}
			})
		})
	}
}

// A whole fleet that does not answer: one agent is tried first, and when its event came
// all are ready in the pace of the platform.
func TestWholeFleetBusied(t *testing.T) {
	const n = 60
	inWhole(t, n, huawei.Work{CommandTime: sim.Duration(500 * time.Millisecond)}, restoresPerHour, "", func(s *whole) {
		for i := range n {
			_, err := s.sim.Ring(login(i))
			s.must(err)
		}
		pass(time.Minute)
		if got := s.tracker.Tally(platformName); got.Ready != n {
			s.t.Errorf("%+v", got)
		}
		var sent []time.Time
		for i := range n {
			for _, c := range s.sim.Commands(login(i)) {
				sent = append(sent, c.At)
			}
		}
		slices.SortFunc(sent, time.Time.Compare)
		if len(sent) != n || sent[1].Sub(sent[0]) < 500*time.Millisecond {
			s.t.Errorf("%d restores, the second one %v after the first", len(sent), sent[1].Sub(sent[0]))
		}
	})
}

// An agent that never answers is not made ready more often than the limit says, over
// crashes too, however many calls there are.
func TestWholeEndless(t *testing.T) {
	hours := 8
	if testing.Short() {
		hours = 3
	}
	inWhole(t, 1, huawei.Work{RingTime: sim.Duration(5 * time.Second)}, restoresPerHour, "", func(s *whole) {
		for n := range hours * 60 * 4 {
			_, _ = s.sim.Ring(login(0)) // where it gets one
			pass(15 * time.Second)
			if n%211 == 210 {
				s.crash()
			}
		}
		if got := s.counts["restored"]; got < 3*hours || got > hours*restoresPerHour {
			s.t.Errorf("%d restores in %d hours: %v", got, hours, s.counts)
		}
	})
}

// Half a day of calls, with crashes: nothing that the platform calls a violation, and every
// agent that is not ready has its reason.
func TestWholeDay(t *testing.T) {
	const n = 12
	hours := 12
	if testing.Short() || raced.Enabled { // the suite runs it without the detector, too
		hours = 2
	}
	inWhole(t, n, huawei.Work{}, 0, ", wrap_up_max: 1m", func(s *whole) {
		random := rand.New(rand.NewPCG(3, 5))
		for minute := range hours * 60 {
			for range 4 {
				s.happen(login(random.IntN(n)), random.IntN(100))
				pass(15 * time.Second)
			}
			if minute%97 == 50 {
				s.crash()
				pass(time.Minute)
			}
			for i := range n {
				shown := s.of(i)
				if shown.State != work.Ready && shown.HeldBack == work.HoldNone && shown.NextAttempt.IsZero() {
					s.t.Errorf("%s is not ready, and no reason is shown: %+v", login(i), shown)
				}
			}
		}
		if s.counts["restored"] < hours {
			s.t.Errorf("a dull day: %v", s.counts)
		}
		s.t.Log(s.counts)
	})
}

// happen lets people do something to an agent; what cannot be now is left.
func (s *whole) happen(login string, what int) {
	switch {
	case what < 50:
		_, _ = s.sim.Ring(login)
	case what < 65:
		_ = s.sim.Answer(login)
	case what < 90:
		_ = s.sim.Hangup(login)
	case what < 92:
		_ = s.sim.Force(login, huawei.ForceBusy)
	case what < 97:
		_ = s.sim.Force(login, huawei.ForceIdle)
	}
}
