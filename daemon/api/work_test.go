package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

func (s *service) Of(id session.ID) (work.Shown, bool) {
	shown, ok := s.works[id]
	return shown, ok
}

func (s *service) Wish(_ context.Context, id session.ID, w work.Word) error {
	if _, ok := s.Agent(id); !ok {
		return fmt.Errorf("%w: %s", fleet.ErrUnknownAgent, id)
	}
	s.words = append(s.words, fmt.Sprintf("%s %q code %q for %v %q by %s", id, w.Wish, w.Code, w.For, w.Reason, w.By))
	return s.wish
}

// busied is what is known of an agent that the platform busied.
func busied() work.Shown {
	return work.Shown{
		Standing: work.Standing{State: work.Busy, By: work.ByPlatform, Code: "2", Reason: "call not answered", Since: noon.Add(-time.Minute)},
		Wish:     work.WishReady, NextAttempt: noon.Add(4 * time.Second), RestoresLeft: 4,
	}
}

// The agent tells its working state, what is wished of it and who said so; one that
// is not online does nothing.
func TestWorkIsShown(t *testing.T) {
	s := newService()
	shown := busied()
	shown.Wished = &work.Word{Wish: work.WishReady, Until: noon.Add(time.Hour), By: "root (uid 0)", Reason: "the bot is back", At: noon}
	s.works = map[session.ID]work.Shown{s.agents[0].ID: shown, s.agents[1].ID: shown}
	h := s.controller().Reader.Handler()
	var list struct{ Agents []map[string]any }
	if err := json.Unmarshal(call(h, "GET", "/api/v1/agents", "").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	word := map[string]any{"wish": "ready", "until": "2026-03-02T10:00:00.000Z", "by": "root (uid 0)", "reason": "the bot is back", "at": "2026-03-02T09:00:00.000Z"}
	online := map[string]any{"wish": "ready", "state": "busy", "by": "platform", "code": "2", "reason": "call not answered", "since": "2026-03-02T08:59:00.000Z",
		"held_back": "", "held_until": nil, "next_attempt": "2026-03-02T09:00:04.000Z", "restores_left": 4.0, "word": word}
	parked := map[string]any{"wish": "ready", "state": "unknown", "by": "unknown", "code": "", "reason": "", "since": nil,
		"held_back": "", "held_until": nil, "next_attempt": "2026-03-02T09:00:04.000Z", "restores_left": 4.0, "word": word}
	if diff := cmp.Diff([]any{online, parked, nil}, []any{list.Agents[0]["work"], list.Agents[1]["work"], list.Agents[2]["work"]}); diff != "" {
		t.Error(diff)
	}
	if body := call(h, "GET", "/api/v1/agents/hq/291", "").Body.String(); !strings.Contains(body, `"work":{"wish":"ready","state":"busy"`) || !strings.Contains(body, "It gets no calls: the platform, by its own rules, made it busy") {
		t.Error(body)
	}
}

// The filter finds agents by what they do, and those that are online and get no calls.
func TestWorkFilter(t *testing.T) {
	s := newService()
	s.works = map[session.ID]work.Shown{s.agents[0].ID: busied(), s.agents[1].ID: busied()}
	h := s.controller().Reader.Handler()
	for target, want := range map[string]string{
		"work=busy": "hq/291", "work=not_ready": "hq/291", "work=busy&state=online": "hq/291", "work=busy&state=parked": "", "work=ready": "",
		"work=unknown": "", "work=idle": "unknown working state", "work=": "pbx/7",
	} {
		body := call(h, "GET", "/api/v1/agents?"+target, "").Body.String()
		if !strings.Contains(body, want) || (want == "hq/291" && strings.Contains(body, "a b@c")) || (want == "" && body != "{\"agents\":[]}\n") {
			t.Errorf("%s: %s, want %q", target, body, want)
		}
	}
}

// A person's wish is stored with who said it, or refused with what to write.
func TestWishWork(t *testing.T) {
	const agent = "/api/v1/agents/hq/291/work"
	for _, tt := range []struct {
		target, body string
		err          error
		status       int
		want         string
	}{
		{agent, `{"wish":"ready","reason":"back"}`, nil, 202, `hq/291 "ready" code "" for 0s "back" by root (uid 0)`},
		{agent, `{"wish":"busy","code":"210","for":"30m","reason":"reload"}`, nil, 202, `hq/291 "busy" code "210" for 30m0s "reload" by root (uid 0)`},
		{agent, `{"wish":"as-is","reason":"x"}`, nil, 202, `"as_is"`},
		{agent, `{"wish":"configured","reason":"x"}`, nil, 202, `hq/291 "" code`},
		{"/api/v1/agents/hq/9/work", `{"wish":"ready","reason":"x"}`, nil, 404, "no such agent: hq/9"},
		{agent, `{"wish":"asleep","reason":"x"}`, nil, 400, "unknown wish"},
		{agent, `{"reason":"x"}`, nil, 400, "unknown wish"},
		{agent, `{"wish":"ready"}`, nil, 400, "a reason is required"},
		{agent, `{"wish":"ready","code":"210","reason":"x"}`, nil, 400, "a code goes with busy and rest"},
		{agent, `{"wish":"busy","code":"` + strings.Repeat("2", codeLimit+1) + `","reason":"x"}`, nil, 400, "the code has 65 bytes"},
		{agent, `{"wish":"rest","for":"soon","reason":"x"}`, nil, 400, "no duration"},
		{agent, `{"wish":"configured","for":"1h","reason":"x"}`, nil, 400, "for no time"},
		{agent, `{"wish":"ready","reason":"x","until":"later"}`, nil, 400, "unknown field"},
		{agent, `{"wish":"ready","reason":"x"}`, work.ErrNoWay, 501, "no way"},
		{agent, `{"wish":"busy","code":"7","reason":"x"}`, fmt.Errorf("%w: 7", work.ErrCode), 400, "no such code"},
		{agent, `{"wish":"ready","reason":"x"}`, store.ErrUnavailable, 503, "store"},
		{agent, `{"wish":"ready","reason":"x"}`, fleet.ErrEnding, 503, "stopping"},
		{agent, `{"wish":"ready","reason":"x"}`, errors.New("odd"), 500, "odd"},
	} {
		s := newService()
		s.wish = tt.err
		w := call(s.controller().Handler(), "POST", tt.target, tt.body)
		said := w.Body.String()
		if tt.status == 202 {
			said = strings.Join(s.words, "\n")
		}
		if w.Code != tt.status || !strings.Contains(said, tt.want) {
			t.Errorf("%s: %d %s, want %d %s", tt.body, w.Code, said, tt.status, tt.want)
		}
	}
	if w := call(newService().controller().Reader.Handler(), "POST", agent, `{"wish":"ready","reason":"x"}`); w.Code != 405 && w.Code != 404 {
		t.Errorf("the public half answers %d", w.Code)
	}
}

// Every state by whoever set it, wished or not, held back or not, gets sentences that
// say why no calls come and what a person can do.
func TestExplainWork(t *testing.T) {
	for _, state := range append(work.States(), "") {
		for _, by := range []work.By{"", work.ByUnknown, work.ByPlatform, work.ByInspector, work.ByProgram, work.ByKeeper} {
			for _, wish := range append(work.Wishes(), "") {
				for _, hold := range append(work.Holds(), "") {
					s := work.Shown{Standing: work.Standing{State: state, By: by, Since: noon.Add(-time.Minute)}, Wish: wish, HeldBack: hold}
					told := strings.Join(explainedWork(s), "\n")
					if strings.Contains(told, "%!") || strings.Contains(told, "  ") || strings.Contains(told, "..") || strings.Contains(told, " .") {
						t.Errorf("%+v: no sentences:\n%s", s, told)
					}
					helps := strings.Contains(told, "`agentkeeper work ready hq/291 --reason …` makes it ready for calls")
					if helps != (s.NotReady() && hold != work.HoldNoWay) {
						t.Errorf("%+v: tells of the command: %v", s, helps)
					}
					reached := s.State == wish.State() || (wish == work.WishReady && s.State.Able())
					if hold != "" && wish.State() != "" && !reached && !strings.Contains(told, hold.Text()) {
						t.Errorf("%+v: not why the wish is held back:\n%s", s, told)
					}
				}
			}
		}
	}
	for _, tt := range []struct {
		change func(s *work.Shown)
		want   string
	}{
		{func(*work.Shown) {}, "It gets no calls: the platform, by its own rules, made it busy, since 11:59:00 MSK (1 min 0 s ago) (2: call not answered). It is wished ready; this service makes it so at 12:00:04 MSK (in 4.0 s). 4 such tries are left before it is held back."},
		{func(s *work.Shown) {
			s.HeldBack, s.HeldUntil = work.HoldLimit, noon.Add(time.Hour)
			s.NextAttempt = time.Time{}
		}, "It is wished ready; that is held back until 13:00:00 MSK (1 h 0 min more): " + work.HoldLimit.Text() + "."},
		{func(s *work.Shown) {
			s.Wish = work.AsIs
			s.By, s.Code = work.ByInspector, ""
		}, "It gets no calls: an inspector made it busy, since 11:59:00 MSK (1 min 0 s ago) (call not answered). Its working state is left as it is: no wish for it is configured."},
		{func(s *work.Shown) {
			s.Wish, s.By = work.AsIs, work.ByUnknown
			s.Wished = &work.Word{Wish: work.AsIs, By: "olga (uid 7)", Reason: "by hand", At: noon.Add(-time.Minute)}
		}, `It gets no calls: somebody, nobody knows who, made it busy, since 11:59:00 MSK (1 min 0 s ago) (2: call not answered). olga (uid 7) said as-is at 11:59:00 MSK (1 min 0 s ago): "by hand". That holds until somebody says something else.` + "\nWhat you can do"},
		{func(s *work.Shown) {
			s.Wish, s.By = work.WishBusy, work.ByKeeper
			s.Code, s.Reason = "210", ""
			s.Wished = &work.Word{Wish: work.WishBusy, By: "olga (uid 7)", Reason: "model reload", At: noon.Add(-time.Minute), Until: noon.Add(time.Minute)}
		}, `It gets no calls: this service made it busy, since 11:59:00 MSK (1 min 0 s ago) (210). olga (uid 7) said busy at 11:59:00 MSK (1 min 0 s ago): "model reload". That holds until 12:01:00 MSK (1 min 0 s more), then what is configured.`},
		{func(s *work.Shown) { s.State = work.Ready }, "It is ready for calls, since 11:59:00 MSK (1 min 0 s ago)."},
		{func(s *work.Shown) { s.Standing = work.Standing{} }, "Whether calls come to it is not known: nothing has told its working state yet. It is wished ready; this service makes it so at 12:00:04 MSK (in 4.0 s)."},
		{func(s *work.Shown) { s.RestoresLeft = 1 }, "That is the last such try before it is held back."},
		{func(s *work.Shown) { s.NextAttempt = time.Time{} }, "It is wished ready; this service waits for the platform to say that it is so."},
	} {
		s := busied()
		tt.change(&s)
		if told := strings.Join(explainedWork(s), "\n"); !strings.Contains(told, tt.want) {
			t.Errorf("said\n%s\nwant\n%s", told, tt.want)
		}
	}
	offline := explanation{a: fleet.Agent{ID: session.ID{Platform: "hq", Login: "291"}}, now: noon, work: &work.Shown{Standing: busied().Standing}}
	if told := strings.Join(explain(offline), "\n"); strings.Contains(told, "calls") {
		t.Errorf("an agent that is not online: %s", told)
	}
}

func explainedWork(s work.Shown) []string {
	a := newService().agents[0]
	return explain(explanation{a: a, p: fleet.Platform{Name: "hq", Vendor: "huawei"}, now: noon, work: &s})
}

// What is shown is what is counted: online, and no calls.
func TestAgentNotReady(t *testing.T) {
	a := newService().agents[0]
	now := view.AgentOf(a, noon)
	if now.NotReady() || now.Able() {
		t.Error("an agent of which no working state is told")
	}
	now.Work = view.WorkOf(a, busied())
	if !now.NotReady() || now.Able() {
		t.Error("a busy one")
	}
	now.Work.State = "wrap_up"
	if now.NotReady() || !now.Able() {
		t.Error("one after a call")
	}
	now.State = "waiting"
	if now.NotReady() || now.Able() {
		t.Error("one that is not online")
	}
}
