package ecss_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	platform "agentkeeper/test/sim/ecss"
)

func TestPingsAreContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) { p.admit("null"); p.idle() })
		s := p.signIn(t)
		next(t, s)
		last := time.Now()
		for range 100 {
			next(t, s)
			if gap := time.Since(last); gap < 20*time.Second || gap > 25*time.Second {
				t.Fatalf("a contact after %s", gap)
			}
			last = time.Now()
		}
	})
}

func TestADeadSocketIsNoticedWithinThreePings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("null")
			p.reply(p.hear(), 200, `[]`)
			time.Sleep(time.Hour) // reads nothing, so no ping is answered
		})
		s := p.signIn(t)
		next(t, s)
		begin := time.Now()
		_, err := sessiontest.Next(t.Context(), s)
		is(t, err, session.Lost, session.CauseClosed, "dead-socket")
		if took := time.Since(begin); took < 70*time.Second || took > 75*time.Second {
			t.Errorf("noticed after %s", took)
		}
		if _, again := sessiontest.Next(t.Context(), s); !errors.Is(again, err) {
			t.Errorf("afterwards %v", again)
		}
		is(t, s.SignOut(t.Context()), session.Lost, session.CauseClosed, "dead-socket")
	})
}

func TestTimeInWhichNobodyListenedIsNotHeldAgainstThePlatform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) { p.admit("null"); p.idle() })
		s := p.signIn(t)
		next(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		if _, err := sessiontest.Next(ctx, s); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(10 * time.Minute)
			next(t, s)
		}
	})
}

func TestNotificationsProveASocketWhosePongsAreMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("null")
			for n := 0; p.conn.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, `{"action":"n%d"}`, n)) == nil && n < 20; n++ {
				time.Sleep(40 * time.Second)
			}
		})
		s := p.signIn(t)
		for n := 0; n < 20; {
			n += len(next(t, s))
		}
	})
}

func TestKeepActive(t *testing.T) {
	tests := map[string]struct {
		timeout  string
		min, max time.Duration // pause between two requests; 0 = there is none
	}{
		"minutes":       {"5", 80 * time.Second, 100 * time.Second},
		"hours":         {"120", 32 * time.Minute, 40 * time.Minute},
		"a fraction":    {"0.5", 8 * time.Second, 10 * time.Second},
		"text":          {`"5"`, 80 * time.Second, 100 * time.Second},
		"tiny":          {"0.0001", 80 * time.Millisecond, 100 * time.Millisecond},
		"null":          {"null", 0, 0},
		"zero":          {"0", 0, 0},
		"negative":      {"-5", 0, 0},
		"not a number":  {`"soon"`, 0, 0},
		"an object":     {`{"minutes":5}`, 0, 0},
		"beyond a year": {"1e9", 0, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				p := scripted(t, func(p *peer) {
					p.admit(tt.timeout)
					for a := p.hear(); a.Action != ""; a = p.hear() {
						at = append(at, time.Now())
						p.reply(a, 200, `[]`)
					}
				})
				s := p.signIn(t)
				begin := time.Now()
				for time.Since(begin) < 3*time.Hour && len(at) < 100 {
					next(t, s)
					synctest.Wait()
				}
				gaps(t, at, tt.min, tt.max)
			})
		})
	}
}

func gaps(t *testing.T, at []time.Time, least, most time.Duration) {
	t.Helper()
	if (most == 0 && len(at) != 1) || (most > 0 && len(at) < 3) {
		t.Fatalf("%d requests", len(at))
	}
	for i := 1; i < len(at); i++ {
		if gap := at[i].Sub(at[i-1]); gap < least || gap > most {
			t.Fatalf("request %d after %s, want %s to %s", i, gap, least, most)
		}
	}
}

func TestKeepActiveCanBeSwitchedOff(t *testing.T) {
	for option, want := range map[string]int{"keep_active": 1, "subscribe": 12} {
		t.Run(option, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				p := scripted(t, func(p *peer) {
					p.admit("15")
					for a := p.hear(); a.Action != ""; a = p.hear() {
						requests++
						p.reply(a, 200, `[]`)
					}
				}).set(option, "false")
				s := p.signIn(t)
				for begin := time.Now(); time.Since(begin) < time.Hour; {
					next(t, s)
				}
				synctest.Wait()
				if requests < want || requests > 5*want/4 {
					t.Errorf("%d requests in an hour, want about %d", requests, want)
				}
			})
		})
	}
}

// TestAnswersToCallSubscribe tells a session that is gone from a refused
// subscription and from an outage behind the proxy.
func TestAnswersToCallSubscribe(t *testing.T) {
	const good = 200
	tests := map[string]struct {
		first, later int
		text         string
		lost         bool
		warned       bool
	}{
		"session gone":              {good, 401, "Unauthorized", true, false},
		"session gone, 403":         {good, 403, "Forbidden", true, false},
		"core down":                 {good, 401, "Gateway timeout", false, false},
		"core broken":               {good, 500, "error", false, false},
		"never allowed":             {401, 401, "no rights, " + token, false, true},
		"not allowed, 500":          {500, 500, "You are not allowed for this command", false, true},
		"allowed later":             {500, good, "not yet", false, false},
		"unknown action":            {404, 404, "Unknown action", false, true},
		"outage before the session": {401, good, "System error. Abonent manager is unavailable", false, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := scripted(t, func(p *peer) {
					p.admit("5")
					status := tt.first
					for a := p.hear(); a.Action != ""; a = p.hear() {
						p.reply(a, status, fmt.Sprintf(`{"message":%q}`, tt.text))
						status = tt.later
					}
				})
				s := p.signIn(t)
				err := forAnHour(t, s)
				if tt.lost {
					is(t, err, session.Lost, session.CauseExpired, "session-gone")
				} else if err != nil {
					t.Errorf("lost: %v", err)
				}
				warnings := s.Info().Warnings
				if (len(warnings) == 1) != tt.warned {
					t.Errorf("warnings %v", warnings)
				}
				for _, w := range warnings {
					noSecret(t, w.Text)
				}
			})
		})
	}
}

func forAnHour(t *testing.T, s session.Session) error {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < time.Hour; {
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			return err
		}
	}
	return nil
}

func TestUnansweredRequestsAreNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("5")
			for a := p.hear(); a.Action != ""; a = p.hear() {
			}
		})
		if err := forAnHour(t, p.signIn(t)); err != nil {
			t.Error(err)
		}
	})
}

// Where pings are swallowed and requests answered, the session lives, within the
// window, and a warning says so until a pong comes.
func TestSwallowedPings(t *testing.T) {
	for _, subscribe := range []string{"true", "false"} {
		t.Run("subscribe "+subscribe, func(t *testing.T) {
			simulate(t, platform.Switches{PongBlackhole: true}, func(t *testing.T, site site) {
				s := site.set("subscribe", subscribe).signIn(t)
				last := time.Now()
				for range 50 {
					next(t, s)
					if gap := time.Since(last); gap >= 75*time.Second {
						t.Fatalf("no contact for %s", gap)
					}
					last = time.Now()
				}
				if list := s.Info().Warnings; len(list) != 1 || list[0].Code != "no-pong" {
					t.Errorf("warnings %+v", list)
				}
				if err := site.Switch(func(w *platform.Switches) { w.PongBlackhole = false }); err != nil {
					t.Fatal(err)
				}
				for range 4 {
					next(t, s)
				}
				if list := s.Info().Warnings; len(list) != 0 {
					t.Errorf("pings are answered again, warnings %+v", list)
				}
			})
		})
	}
}

// With ping: 0 no ping leaves, requests prove the session alive, and a socket
// that does not answer them is dead within three times their pace.
func TestWithoutPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("null")
			for range 20 {
				p.reply(p.hear(), 200, `[]`)
			}
			p.hear()
			time.Sleep(time.Hour)
		})
		s := p.set("ping", "0").signIn(t)
		begin := time.Now()
		for range 20 {
			next(t, s)
		}
		if list := s.Info().Warnings; len(list) != 0 || time.Since(begin) < 5*time.Minute {
			t.Errorf("20 answers after %s, warnings %+v", time.Since(begin), list)
		}
		begin = time.Now()
		_, err := sessiontest.Next(t.Context(), s)
		is(t, err, session.Lost, session.CauseClosed, "dead-socket")
		if took := time.Since(begin); took > 75*time.Second {
			t.Errorf("noticed after %s", took)
		}
	})
}
