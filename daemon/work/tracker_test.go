package work_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/huawei"
)

func TestRestored(t *testing.T) {
	in(t, configured{n: 3, policy: wishing(work.WishReady), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		s.busy(agent(0), 2)
		began := time.Now()
		pass(0)
		if got := s.of(0); got.State != work.Busy || got.By != work.ByPlatform || got.Code != "2" || got.Reason != "call not answered" || got.NextAttempt.IsZero() || got.RestoresLeft != 6 {
			t.Errorf("%+v", got)
		}
		pass(10 * time.Second)
		sent := s.commands()
		if len(sent) != 1 || sent[0].do != "ready" || sent[0].at.Sub(began) > 10*time.Second {
			t.Fatalf("%+v", sent)
		}
		if got := s.of(0); got.State != work.Ready || got.By != work.ByKeeper || got.RestoresLeft != 5 {
			t.Errorf("%+v", got)
		}
		if s.kinds["restored"] != 1 || s.force[work.ByPlatform] != 1 || s.told(0, "work.restored") != 1 || s.told(0, "work.restored") != 0 {
			t.Errorf("%v %v", s.kinds, s.force)
		}
	})
}

// A wish that a schedule changes is brought about without a platform's doing.
func TestScheduledWish(t *testing.T) {
	in(t, configured{n: 1, rate: 10, until: func(now time.Time) (work.Policy, time.Time) {
		next := now.Truncate(time.Hour).Add(time.Hour)
		if now.Hour()%2 == 1 {
			return wishing(work.WishBusy), next
		}
		return wishing(work.WishReady), next
	}}, func(t *testing.T, s *site) {
		s.signIn()
		pass(4*time.Hour + time.Minute)
		var did []string
		for _, c := range s.commands() {
			did = append(did, c.do)
		}
		if len(did) != 4 || did[0] == did[1] || did[1] == did[2] || did[2] == did[3] {
			t.Errorf("%v", did)
		}
	})
}

// When a whole fleet is made busy at once, one agent is restored first, and the others
// follow in the platform's pace; while it fails, only single ones are tried, less and
// less often.
func TestMass(t *testing.T) {
	const n = 200
	in(t, configured{n: n, policy: wishing(work.WishReady), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		for i := range n {
			s.desks[agent(i)].deaf = true
			s.busy(agent(i), 2)
		}
		pass(5 * time.Minute)
		failed := s.commands()
		if len(failed) < 3 || len(failed) > 8 {
			t.Fatalf("%d restores in the first five minutes of an outage", len(failed))
		}
		for i := 2; i < len(failed); i++ {
			if failed[i].at.Sub(failed[i-1].at) < failed[i-1].at.Sub(failed[i-2].at) {
				t.Errorf("the pauses do not grow: %v", failed)
			}
		}
		if tally := s.Tally(platformName); tally.HeldBack[work.HoldCanary] < n-len(failed)-1 || tally.States[work.Busy] != n || tally.Ready != 0 || tally.WishedReady != n {
			t.Errorf("%+v", tally)
		}
		s.mu.Lock()
		for _, d := range s.desks {
			d.deaf = false
		}
		s.mu.Unlock()
		pass(6 * time.Minute) // the longest pause, and all after it
		if tally := s.Tally(platformName); tally.States[work.Ready] != n || tally.Ready != n || len(tally.HeldBack) != 0 {
			t.Errorf("%+v", tally)
		}
		sent := s.commands()[len(failed):]
		if len(sent) != n {
			t.Errorf("%d restores for %d agents", len(sent), n)
		}
		for i := 1; i < len(sent); i++ {
			if pause := sent[i].at.Sub(sent[i-1].at); pause < 80*time.Millisecond { // 10 a second, after a save
				t.Errorf("restores %v apart", pause)
			}
		}
	})
}

// What is refused again and again is held back at the limit, and told.
func TestLimit(t *testing.T) {
	in(t, configured{n: 1, policy: wishing(work.WishReady), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		s.desks[agent(0)].denied = true
		s.busy(agent(0), 7)
		pass(30 * time.Minute)
		if got := s.of(0); got.HeldBack != work.HoldLimit || got.HeldUntil.IsZero() || got.RestoresLeft != 0 {
			t.Errorf("%+v", got)
		}
		if n := len(s.commands()); n != 6 || s.kinds["rejected"] != 6 || s.told(0, "work.held_back") == 0 {
			t.Errorf("%d commands, %v", n, s.kinds)
		}
		s.Close() // over a restart
		s.start()
		s.own(agent(0), "adopted")
		pass(20 * time.Minute)
		if n := len(s.commands()); n != 6 {
			t.Errorf("%d commands", n)
		}
		if got := s.of(0); got.State != work.Busy || got.By != work.ByPlatform || got.HeldBack != work.HoldLimit {
			t.Errorf("%+v", got)
		}
		if err := s.Wish(t.Context(), agent(0), work.Word{Wish: work.WishReady, By: "uid 0", Reason: "mended"}); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		s.desks[agent(0)].denied = false
		s.mu.Unlock()
		pass(time.Minute)
		if got := s.of(0); got.State != work.Ready || got.HeldBack != work.HoldNone {
			t.Errorf("%+v", got)
		}
	})
}

// A command that waits behind others is dropped when a call comes.
func TestCallMeanwhile(t *testing.T) {
	in(t, configured{n: 1, policy: wishing(work.WishReady), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		s.hold = make(chan struct{})
		s.busy(agent(0), 2)
		pass(6 * time.Second) // it waits
		s.mu.Lock()
		s.desks[agent(0)].offer = true
		s.mu.Unlock()
		s.event(agent(0), "AgentEvent_Ringing", `{"callid":"1"}`)
		close(s.hold)
		pass(time.Minute)
		if sent := s.commands(); len(sent) != 0 {
			t.Errorf("%+v", sent)
		}
		if got := s.of(0); got.State != work.Offered || got.HeldBack != work.HoldInCall || got.RestoresLeft != 6 {
			t.Errorf("%+v", got)
		}
	})
}

// A try that could not be stored does not leave.
func TestStoreAway(t *testing.T) {
	in(t, configured{n: 1, policy: wishing(work.WishReady), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		s.mu.Lock()
		s.full = errors.New("full")
		s.mu.Unlock()
		s.busy(agent(0), 2)
		pass(time.Minute)
		if sent := s.commands(); len(sent) != 0 {
			t.Errorf("%+v", sent)
		}
		if err := s.Wish(t.Context(), agent(0), work.Word{Wish: work.WishBusy}); err == nil {
			t.Error("a wish is taken that is not durable")
		}
		s.mu.Lock()
		s.full = nil
		s.mu.Unlock()
		pass(time.Minute)
		if got := s.of(0); got.State != work.Ready {
			t.Errorf("%+v", got)
		}
	})
}

// After an adoption the states are read back, spread over a quarter of the window and
// at most 200 a second; what agrees goes on as it was.
func TestAdoption(t *testing.T) {
	const n = 2000
	in(t, configured{n: n, policy: wishing(work.WishReady), rate: 100}, func(t *testing.T, s *site) {
		s.signIn()
		s.busy(agent(0), 3) // an inspector
		s.busy(agent(1), 2)
		pass(0)
		s.Close()
		s.start()
		for i := range n {
			s.own(agent(i), "adopted")
		}
		pass(0)
		if got := s.Tally(platformName).States[work.Unknown]; got != n {
			t.Errorf("%d are unknown", got)
		}
		pass(40 * time.Second)
		if got := s.of(0); got.By != work.ByInspector || got.HeldBack != work.HoldInspector {
			t.Errorf("%+v", got)
		}
		tally := s.Tally(platformName)
		if len(s.looks) < n || tally.States[work.Ready] != n-1 {
			t.Errorf("%d were read back, %+v", len(s.looks), tally)
		}
		for i := 200; i < len(s.looks); i++ {
			if s.looks[i].Sub(s.looks[i-200]) < 990*time.Millisecond {
				t.Fatal("more than 200 a second")
			}
		}
	})
}

// Where nothing is wished nothing is sent, but the states are told, and a program's
// rest is the program's.
func TestAsIs(t *testing.T) {
	in(t, configured{n: 2, policy: wishing(work.AsIs), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		s.busy(agent(0), 2)
		s.Sent(agent(1), "rest", "uid 0")
		s.event(agent(1), "AgentState_SetRest_Success", `{"reason":"4"}`)
		pass(time.Hour)
		if len(s.commands())+len(s.looks) != 0 {
			t.Errorf("%v %v", s.sent, s.looks)
		}
		if got := s.of(1); got.State != work.Rest || got.By != work.ByProgram || got.Code != "4" || got.HeldBack != work.HoldNone {
			t.Errorf("%+v", got)
		}
		s.own(agent(1), "signed_out")
		if got := s.Tally(platformName); got.States[work.Rest] != 0 || got.States[work.Busy] != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// Events that no answer of the platform comes for are not kept without bound.
func TestUntold(t *testing.T) {
	in(t, configured{n: 2, policy: wishing(work.AsIs), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		for i := range 100 {
			s.busy(agent(0), 200+i%50)
		}
		events := s.Pending(agent(0))
		var last struct{ Code string }
		if err := json.Unmarshal(events[len(events)-1].Data, &last); err != nil || len(events) != 16 || last.Code != "249" {
			t.Errorf("%d events, %+v, %v", len(events), last, err)
		}
		if events := s.Pending(agent(1)); len(events) != 1 {
			t.Errorf("%d events", len(events))
		}
	})
}

// An agent of which nothing is wished is soon kept in little memory, shown and counted
// as before, and followed again when something happens, or is wished.
func TestSettled(t *testing.T) {
	const n = 100
	in(t, configured{n: n, policy: wishing(work.AsIs), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		s.busy(agent(0), 2)
		pass(time.Second)
		for i := range n {
			s.Pending(agent(i)) // as the keepers do
		}
		pass(59 * time.Second)
		if left := s.Followed(); left != 0 {
			t.Errorf("%d are followed", left)
		}
		if got := s.of(0); got.State != work.Busy || got.By != work.ByPlatform || got.Code != "2" || time.Since(got.Since) != time.Minute {
			t.Errorf("%+v", got)
		}
		if got := s.Standing(agent(0)); got.State != work.Busy {
			t.Errorf("%+v", got)
		}
		tally := work.Tally{States: map[work.State]int{work.Ready: n - 1, work.Busy: 1}, HeldBack: map[work.Hold]int{}}
		if diff := cmp.Diff(tally, s.Tally(platformName)); diff != "" {
			t.Error(diff)
		}
		if err := s.Wish(t.Context(), agent(0), work.Word{Wish: work.WishReady, For: time.Minute}); err != nil {
			t.Fatal(err)
		}
		pass(30 * time.Second)
		if got := s.of(0); got.State != work.Ready || got.By != work.ByKeeper {
			t.Errorf("%+v", got)
		}
		pass(2 * time.Hour) // the word is over, and the try counts no more
		s.busy(agent(1), 7)
		pass(time.Minute)
		wished := s.config
		wished.policy = wishing(work.WishReady)
		wished.n = n / 2
		s.Apply(wished)
		pass(time.Minute)
		tally = work.Tally{States: map[work.State]int{work.Ready: n / 2}, HeldBack: map[work.Hold]int{}, WishedReady: n / 2, Ready: n / 2}
		if diff := cmp.Diff(tally, s.Tally(platformName)); diff != "" {
			t.Error(diff)
		}
		if values, err := s.store.All(t.Context(), store.Works); len(values) != n/2 || err != nil {
			t.Errorf("%d records, %v", len(values), err)
		}
	})
}

func TestWishErrors(t *testing.T) {
	in(t, configured{n: 1, policy: wishing(work.AsIs), rate: 10}, func(t *testing.T, s *site) {
		for want, wish := range map[error]struct {
			id session.ID
			w  work.Word
		}{
			fleet.ErrUnknownAgent: {session.ID{Platform: platformName, Login: "?"}, work.Word{Wish: work.WishReady}},
			work.ErrWish:          {agent(0), work.Word{Wish: "lazy"}},
			work.ErrCode:          {agent(0), work.Word{Wish: work.WishBusy, Code: "7"}},
		} {
			if err := s.Wish(t.Context(), wish.id, wish.w); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		without := s.config
		without.vendor.WrongWish = nil
		s.Apply(without)
		if err := s.Wish(t.Context(), agent(0), work.Word{Wish: work.WishReady}); !errors.Is(err, work.ErrNoWay) {
			t.Error(err)
		}
	})
}

// A person's word survives a restart, holds no longer than it was to, and then what is
// configured holds again. An agent that is configured no longer is forgotten.
func TestWordAndRestart(t *testing.T) {
	in(t, configured{n: 1, policy: wishing(work.WishReady), rate: 10}, func(t *testing.T, s *site) {
		s.signIn()
		if err := s.Wish(t.Context(), agent(0), work.Word{Wish: work.WishBusy, Code: "200", For: time.Hour, By: "uid 0", Reason: "a lesson"}); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if got := s.of(0); got.State != work.Busy || got.By != work.ByKeeper || got.Wish != work.WishBusy || got.Wished.Reason != "a lesson" {
			t.Errorf("%+v", got)
		}
		s.Close()
		s.start()
		s.own(agent(0), "adopted")
		pass(30 * time.Minute)
		if got := s.of(0); got.State != work.Busy || got.By != work.ByKeeper || got.Wish != work.WishBusy {
			t.Errorf("%+v", got)
		}
		pass(31 * time.Minute)
		if got := s.of(0); got.State != work.Ready || got.Wished != nil {
			t.Errorf("%+v", got)
		}
		s.Apply(configured{vendor: huawei.Vendor})
		if _, ok := s.Of(agent(0)); ok {
			t.Error("it is shown all the same")
		}
		pass(time.Minute)
		values, err := s.store.All(t.Context(), store.Works)
		if diff := cmp.Diff(map[string][]byte{}, values); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}

// A day of a fleet that takes calls: every minute that an agent is not ready and should
// be has its reason, the tally is that of the agents, nothing is sent in a call, and no
// agent's restores exceed the limit.
func TestDay(t *testing.T) {
	const n = 40
	policy := wishing(work.WishReady)
	policy.WrapUpMax = 2 * time.Minute
	in(t, configured{n: n, policy: policy, rate: 5}, func(t *testing.T, s *site) {
		s.signIn()
		random := rand.New(rand.NewPCG(1, 2))
		for range 24 * 60 {
			for range 6 {
				s.turn(agent(random.IntN(n)), random.IntN(100))
				pass(10 * time.Second)
			}
			s.checkMinute()
		}
		byAgent := map[session.ID][]time.Time{}
		for _, c := range s.commands() {
			byAgent[c.id] = append(byAgent[c.id], c.at)
		}
		if len(byAgent) < n/2 {
			t.Errorf("only %d agents were restored: a dull day", len(byAgent))
		}
		if s.kinds["restored"] < 100 {
			t.Errorf("%v", s.kinds)
		}
	})
}

// turn lets something happen to an agent.
func (s *site) turn(id session.ID, what int) {
	s.mu.Lock()
	d := s.desks[id]
	state, call := d.state, d.offer
	s.mu.Unlock()
	set := func(state string, call bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		d.state, d.offer = state, call
	}
	switch {
	case call && what < 30:
		s.busy(id, 2)
	case call && what < 60:
		s.event(id, "AgentEvent_Talking", `{"callid":"1"}`)
	case call && what < 80:
		set("5", false)
		s.event(id, "AgentState_Work", "")
	case call:
		set("4", false)
		s.event(id, "AgentState_Ready", "")
	case what < 2:
		s.busy(id, 3)
	case what < 4:
		s.busy(id, 200)
	case what < 6:
		s.own(id, "adopted")
	case what < 20 && state != "4":
		set("4", false)
		s.event(id, "AgentState_Ready", "")
	case what < 70 && state == "4":
		set("4", true)
		s.event(id, "AgentEvent_Ringing", `{"callid":"1"}`)
	}
}

func (s *site) checkMinute() {
	want := work.Tally{States: map[work.State]int{}, HeldBack: map[work.Hold]int{}}
	for n := range s.config.n {
		shown := s.of(n)
		want.States[shown.State]++
		want.WishedReady++
		if shown.HeldBack != work.HoldNone {
			want.HeldBack[shown.HeldBack]++
		}
		if shown.State.Able() {
			want.Ready++
		}
		if shown.State != work.Ready && shown.HeldBack == work.HoldNone && shown.NextAttempt.IsZero() && time.Since(shown.Since) > time.Minute {
			s.t.Errorf("%v is not ready, and no reason is shown: %+v", agent(n), shown)
		}
	}
	if diff := cmp.Diff(want, s.Tally(platformName)); diff != "" {
		s.t.Fatalf("the tally is wrong: %s", diff)
	}
}
