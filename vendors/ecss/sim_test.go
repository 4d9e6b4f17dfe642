package ecss_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	platform "agentkeeper/test/sim/ecss"
)

// site is the simulated platform with the agent 291.
type site struct {
	*proxy
	*platform.Sim
}

func simulate(t *testing.T, w platform.Switches, f func(t *testing.T, s site)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		simulator := platform.New(platform.Config{
			Agents:  []platform.Agent{{Login: "291", Password: password, Number: "40038"}},
			Numbers: []string{"40039"}, Inactive: []string{"40040"}, Switches: w,
		})
		s := site{serve(t, simulator), simulator}
		t.Cleanup(simulator.Close)
		f(t, s)
		if v := simulator.Ops().Violations(); len(v) > 0 {
			t.Errorf("violations: %s", strings.Join(v, "; "))
		}
	})
}

// TestEverySwitchOfThePlatform runs a day's dialogue against each reading of
// what the vendor leaves open: sign in, an hour of life, a call, sign out.
func TestEverySwitchOfThePlatform(t *testing.T) {
	switches := map[string]platform.Switches{
		"plain":                  {},
		"N1, object":             {NotifyEnvelope: "n1", NotifyPayload: "object"},
		"N2, array":              {NotifyEnvelope: "n2", NotifyPayload: "array"},
		"N3, full":               {NotifyEnvelope: "n3", NotifyPayload: "full"},
		"no auto logout":         {AutoLogout: 0},
		"auto logout 5 min":      {AutoLogout: 5},
		"auto logout 0.5 min":    {AutoLogout: 0.5},
		"string booleans":        {StringBooleans: true, StringStatus: true, RequestID: "text"},
		"extra keys":             {ExtraKeys: true, Permissions: "payload", OmitAgentID: true},
		"permissions within":     {Permissions: "capabilities"},
		"unreadable":             {Garbage: true, Padding: 100 << 10},
		"server pings":           {ServerPing: sim.Duration(10 * time.Second)},
		"slow login":             {LoginDelay: sim.Duration(25 * time.Second)},
		"logout unknown, 404":    {LogoutAction: "operator/exit", UnknownAction: "404"},
		"logout unknown, 500":    {LogoutAction: "operator/exit", UnknownAction: "500"},
		"logout unknown, silent": {LogoutAction: "operator/exit", UnknownAction: "silence"},
		"logout closes":          {LogoutCloses: true},
		"close is a logout":      {CleanClose: "logout"},
	}
	for name, w := range switches {
		t.Run(name, func(t *testing.T) { simulate(t, w, aDay) })
	}
	for _, tokenIn := range []string{"header", "query", "message", "none"} {
		t.Run("by POST, token in "+tokenIn, func(t *testing.T) {
			simulate(t, platform.Switches{LoginOver: "http", LoginPath: "/login", TokenIn: tokenIn}, func(t *testing.T, s site) {
				s.set("login_over", "http").set("login_path", "/login").set("token_in", tokenIn)
				aDay(t, s)
			})
		})
	}
}

func aDay(t *testing.T, s site) {
	t.Helper()
	live := s.signIn(t)
	if err := forAnHour(t, live); err != nil {
		t.Fatalf("lost: %v", err)
	}
	id, err := s.Call("291", platform.CallSpec{})
	if err != nil {
		t.Fatal(err)
	}
	if !told(t, live, id) {
		t.Errorf("call %s was never heard of", id)
	}
	if err := live.SignOut(t.Context()); err != nil {
		t.Errorf("sign-out: %v", err)
	}
	synctest.Wait()
	if state, _ := s.Agent("291"); state.Sessions != 0 || state.State != "stopped" {
		t.Errorf("afterwards the platform has %+v", state)
	}
}

// told waits for an event about call id.
func told(t *testing.T, s session.Session, id string) bool {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Minute; {
		for _, e := range next(t, s) {
			if strings.Contains(string(e.Data), fmt.Sprintf("%q", id)) {
				return true
			}
		}
	}
	return false
}

func TestRefusalsOfThePlatform(t *testing.T) {
	tests := map[string]struct {
		arrange func(*testing.T, site, *session.Account)
		kind    session.Kind
		code    string
	}{
		"password": {func(_ *testing.T, _ site, a *session.Account) { a.Password = session.NewSecret("wrong") }, session.Refused, "401 credentials"},
		"login":    {func(_ *testing.T, _ site, a *session.Account) { a.ID.Login = "999" }, session.Refused, "401 credentials"},
		"locked":   {func(_ *testing.T, s site, _ *session.Account) { _ = s.Lock("291", 0) }, session.Refused, "401 credentials"},
		"number":   {func(_ *testing.T, _ site, a *session.Account) { a.Number = "1" }, session.Refused, "401 no-number"},
		"inactive": {func(_ *testing.T, _ site, a *session.Account) { a.Number = "40040" }, session.Refused, "401 not-activated"},
		"occupied": {func(_ *testing.T, s site, _ *session.Account) { _ = s.Occupy("40038", true) }, session.Taken, "401 occupied"},
		"domain": {func(t *testing.T, s site, a *session.Account) {
			*a = s.set("domain", "nowhere").account(t)
		}, session.Refused, "401 no-domain"},
		"core":   {func(_ *testing.T, s site, _ *session.Account) { _ = s.Core(platform.CoreGateway, 0, false) }, session.Outage, "401 gateway-timeout"},
		"system": {func(_ *testing.T, s site, _ *session.Account) { _ = s.Core(platform.CoreSystemError, 0, false) }, session.Outage, "401 system"},
	}
	for _, at := range []string{"payload", "payload.message", "payload.error", "message", "error"} {
		for name, tt := range tests {
			t.Run(name+" in "+at, func(t *testing.T) {
				simulate(t, platform.Switches{ErrorAt: at}, func(t *testing.T, s site) {
					a := s.account(t)
					tt.arrange(t, s, &a)
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					_, err := s.platform.SignIn(ctx, a, false)
					if f := faultOf(t, err); f.Kind != tt.kind || f.Code != tt.code {
						t.Errorf("got %v", f)
					}
				})
			})
		}
	}
}

func TestADomainThatLooksLikeATimeout(t *testing.T) {
	simulate(t, platform.Switches{NoDomain: "timeout", NoDomainDelay: sim.Duration(10 * time.Second)}, func(t *testing.T, s site) {
		_, err := s.set("domain", "nowhere").trySignIn(t)
		is(t, err, session.Outage, session.CauseAnswered, "401 timeout")
	})
}

// TestEndsOfASession has the platform end a session in every way it knows.
func TestEndsOfASession(t *testing.T) {
	kick := func(s site) { _ = s.Kick("291", "") }
	tests := map[string]struct {
		w      platform.Switches
		end    func(site)
		kind   session.Kind
		code   string
		within time.Duration
	}{
		"kick, push and close": {platform.Switches{Signal: "push_close"}, kick, session.Lost, "socket-closed", 0},
		"kick, close":          {platform.Switches{Signal: "close", CloseCode: 4001}, kick, session.Lost, "socket-closed", 0},
		"kick, silent":         {platform.Switches{Signal: "silent", AutoLogout: 3}, kick, session.Lost, "session-gone", time.Minute},
		"silent, 403":          {platform.Switches{Signal: "silent", AutoLogout: 3, BeforeLogin: "403"}, kick, session.Lost, "session-gone", time.Minute},
		"clean restart":        {platform.Switches{}, func(s site) { s.Restart(true, 0) }, session.Lost, "socket-closed", 0},
		"hard restart":         {platform.Switches{}, func(s site) { s.Restart(false, 0) }, session.Lost, "socket-closed", 0},
		"reset":                {platform.Switches{}, func(s site) { s.line.DropAll() }, session.Lost, "socket-closed", 0},
		"displaced":            {platform.Switches{OnlyOneSession: true}, func(s site) { _ = s.Displace("291") }, session.Taken, "evicted", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			simulate(t, tt.w, func(t *testing.T, s site) {
				live := s.signIn(t)
				if err := forAnHour(t, live); err != nil {
					t.Fatal(err)
				}
				tt.end(s)
				begin := time.Now()
				err := forAnHour(t, live)
				if f := faultOf(t, err); f.Kind != tt.kind || f.Code != tt.code {
					t.Errorf("got %v", f)
				}
				if took := time.Since(begin); took > tt.within {
					t.Errorf("noticed after %s", took)
				}
			})
		})
	}
}

func TestAnAutoLogoutThatNothingPreventsIsNoticed(t *testing.T) {
	simulate(t, platform.Switches{AutoLogout: 5, AutoLogoutReset: "nothing"}, func(t *testing.T, s site) {
		begin := time.Now()
		err := forAnHour(t, s.signIn(t))
		if session.KindOf(err) != session.Lost || time.Since(begin) > 5*time.Minute {
			t.Errorf("got %v after %s", err, time.Since(begin))
		}
	})
}

func TestAFullGraceLetsTheAgentBackIn(t *testing.T) {
	simulate(t, platform.Switches{DropGrace: sim.Duration(time.Minute)}, func(t *testing.T, s site) {
		live := s.signIn(t)
		s.Restart(false, 0)
		if _, err := sessiontest.Next(t.Context(), live); session.KindOf(err) != session.Lost {
			t.Fatal(err)
		}
		_ = live.Close()
		if err := forAnHour(t, s.signIn(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestALostAnswerIsInDoubtAndTheProbeAnswers(t *testing.T) {
	simulate(t, platform.Switches{}, func(t *testing.T, s site) {
		s.Faults().Add(sim.Fault{Op: sim.OpSignIn, Mode: sim.ModeLost, Count: 1})
		_, err := s.trySignIn(t)
		is(t, err, session.Doubt, session.CauseNone, "no-answer")
		if err := s.platform.Probe(t.Context(), s.account(t)); err != nil {
			t.Error(err)
		}
		if err := forAnHour(t, s.signIn(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestACutNextAgainstThePlatform(t *testing.T) {
	simulate(t, platform.Switches{AutoLogout: 1}, func(t *testing.T, s site) {
		live := s.signIn(t)
		for range 1000 {
			ctx, cancel := context.WithTimeout(t.Context(), 1300*time.Millisecond)
			_, err := sessiontest.Next(ctx, live)
			cancel()
			if err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
	})
}
