package runtel_test

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
	"agentkeeper/test/raced"
	"agentkeeper/test/sim"
	simulator "agentkeeper/test/sim/runtel"
	"agentkeeper/vendors/runtel"

	"github.com/google/go-cmp/cmp"
)

// next is one Next that must succeed.
func next(t *testing.T, s session.Session) session.Batch {
	t.Helper()
	b, err := sessiontest.Next(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// live calls Next until d is over.
func live(t *testing.T, s session.Session, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		next(t, s)
	}
}

func warnings(s session.Session) string {
	var codes []string
	for _, w := range s.Info().Warnings {
		codes = append(codes, w.Code+": "+w.Text)
	}
	return strings.Join(codes, ",")
}

// The first probe leaves with the sign-in's answer, the others two or three
// times in a window.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{})
		in := s.enter(t, account(t, nil))
		begin := time.Now()
		next(t, in)
		if time.Since(begin) != 0 || s.Ops.Count(login).Messages != 1 {
			t.Errorf("first probe after %v", time.Since(begin))
		}
		pauses := map[time.Duration]bool{}
		for range 15 { // 37 minutes at most, before the earliest renewal of an hour's token
			begin := time.Now()
			if b := next(t, in); b.Renew || len(b.Events) > 0 {
				t.Errorf("%+v", b)
			}
			pause := time.Since(begin)
			if pause < window/3 || pause > window/2 {
				t.Errorf("a pause of %v", pause)
			}
			pauses[pause] = true
		}
		if len(pauses) < 12 {
			t.Errorf("no jitter: %v", pauses)
		}
	})
}

func TestCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{})
		in := s.enter(t, account(t, nil))
		c := in.Info().Credential
		header := c.Header.Get("Authorization")
		if header != "Bearer "+c.Token.Reveal() || len(c.Token.Reveal()) != 256 || !c.IssuedAt.Equal(time.Now()) || warnings(in) != "" {
			t.Errorf("%d characters of header, issued %v, %s", len(header), c.IssuedAt, warnings(in))
		}
		// In winter Moscow's reading is the shortest: three hours less than UTC's.
		if life := c.ExpiresAt.Sub(c.IssuedAt).Round(time.Minute); life != time.Hour {
			t.Errorf("the shortest plausible life is %v", life)
		}
		none := open(t, simulator.Switches{Exp: simulator.ExpNone}).enter(t, account(t, nil))
		if got := none.Info().Credential.ExpiresAt; !got.IsZero() {
			t.Errorf("an end that nobody told: %v", got)
		}
	})
}

// Renewal is due at 70 to 90 % of the shortest plausible life and is asked for
// again with growing pauses; the token stays in use.
func TestRenewalIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{Zone: simulator.ZoneMoscow, Life: sim.Duration(time.Hour)})
		in := s.enter(t, account(t, nil))
		begin := time.Now()
		var asked []time.Duration
		for len(asked) < 4 {
			if next(t, in).Renew {
				asked = append(asked, time.Since(begin))
			}
		}
		if asked[0] < 42*time.Minute || asked[0] > 54*time.Minute {
			t.Errorf("first asked after %v", asked[0])
		}
		for i, pause := range []time.Duration{10, 20, 40} {
			if got := asked[i+1] - asked[i]; got < pause*time.Second || got > window/2+pause*time.Second {
				t.Errorf("asked again after %v, want %d s", got, pause)
			}
		}
		// Nobody renews it: it is used to its end, which is noticed at once.
		var err error
		for err == nil {
			_, err = sessiontest.Next(t.Context(), in)
		}
		if f := session.AsFault(err); f.Kind != session.Lost || f.Cause != session.CauseExpired || time.Since(begin) > time.Hour+5*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		if got := s.Agent(login); got.DeadUses != 1 || len(got.Logins) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// What a witness taught is remembered for all accounts and over restarts: the
// second token's shortest life is the true one.
func TestReadingIsLearned(t *testing.T) {
	for zone, life := range map[string]time.Duration{
		simulator.ZoneMoscow: 2 * time.Hour, simulator.ZoneTZ: 2 * time.Hour, simulator.ZoneUTC: 5 * time.Hour,
	} {
		t.Run(zone, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, simulator.Switches{Zone: zone, Life: sim.Duration(life)})
				a := account(t, nil)
				n := s.drive(t, a, 6*time.Hour)
				for name, p := range map[string]session.Platform{"same process": s.platform, "restarted": runtel.Vendor.Open(s.place)} {
					adopted, err := p.Adopt(a, n.last.Key())
					if err != nil {
						t.Fatal(err)
					}
					fresh, err := p.SignIn(t.Context(), a, false)
					if err != nil {
						t.Fatal(err)
					}
					c := fresh.Info().Credential
					if got := c.ExpiresAt.Sub(c.IssuedAt).Round(time.Minute); got != life {
						t.Errorf("%s: the shortest plausible life is %v, want %v", name, got, life)
					}
					_ = errors.Join(adopted.Close(), fresh.Close())
				}
			})
		})
	}
}

// However a token dies, the next probe tells.
func TestLoss(t *testing.T) {
	for name, tt := range map[string]struct {
		switches simulator.Switches
		end      func(s *site, t *testing.T)
	}{
		"by hand":             {simulator.Switches{}, func(s *site, t *testing.T) { _ = s.Expire(login) }},
		"restart":             {simulator.Switches{Failures: simulator.FailHTTP}, func(s *site, t *testing.T) { s.Restart() }},
		"without envelope":    {simulator.Switches{Failures: simulator.FailBare}, func(s *site, t *testing.T) { s.Restart() }},
		"by another's log-in": {simulator.Switches{SecondLogin: simulator.SecondKills}, func(s *site, t *testing.T) { s.enter(t, account(t, nil)) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, tt.switches)
				in := s.enter(t, account(t, nil))
				live(t, in, 10*time.Minute)
				tt.end(s, t)
				begin := time.Now()
				_, err := sessiontest.Next(t.Context(), in)
				if f := session.AsFault(err); f == nil || f.Kind != session.Lost || f.Cause != session.CauseExpired || time.Since(begin) > window/2 {
					t.Errorf("after %v: %v", time.Since(begin), err)
				}
			})
		})
	}
}

// A probe that a fresh token cannot pass is switched off and said; one that it
// passed before is believed.
func TestUnfitProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		switches simulator.Switches
		operator bool
		want     string
	}{
		"401":               {simulator.Switches{Rejected: true}, false, "answered 401"},
		"HTTP 401":          {simulator.Switches{Rejected: true, Failures: simulator.FailBare}, false, "answered http 401"},
		"403":               {simulator.Switches{Forbidden: true}, false, "answered 403"},
		"operator's 400":    {simulator.Switches{NoDomainID: 400}, true, "answered 400"},
		"nobody to ask for": {simulator.Switches{NoUserID: true}, false, "names no user_id"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, tt.switches, simulator.Agent{Login: login, Password: password, Operator: tt.operator})
				in := s.enter(t, account(t, nil))
				live(t, in, 30*time.Minute)
				if !strings.Contains(warnings(in), "probe_off: ") || !strings.Contains(warnings(in), tt.want) {
					t.Error(warnings(in))
				}
				if n := s.Ops.Count(login).Messages; n > 1 {
					t.Errorf("%d probes", n)
				}
				adopted, err := s.platform.Adopt(account(t, nil), in.Key())
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if next(t, adopted); time.Since(begin) != 0 || warnings(adopted) != warnings(in) {
					t.Errorf("adopted: contact after %v, %s", time.Since(begin), warnings(adopted))
				}
			})
		})
	}
}

// A token that was good and is answered 403 may be dead, or its account may have
// lost a right: it is kept, and one log-in is asked for, not a second.
func TestForbiddenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{})
		in := s.enter(t, account(t, nil))
		live(t, in, 10*time.Minute)
		w := s.Switches()
		w.Forbidden = true
		if err := s.Switch(w); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			batch, err := sessiontest.Next(t.Context(), in)
			if f := session.AsFault(err); f == nil || f.Kind != session.Outage || f.Cause != session.CauseForbidden || f.Code != "403" {
				t.Error(err)
			}
			if batch.Renew != (n == 0) {
				t.Errorf("probe %d: renewal asked for: %v", n, batch.Renew)
			}
		}
		w.Forbidden = false
		if err := s.Switch(w); err != nil {
			t.Fatal(err)
		}
		live(t, in, 10*time.Minute)
	})
}

// Without a probe a token is given up when its last plausible end is over.
func TestNoProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{})
		in := s.enter(t, account(t, map[string]string{"probe": "none"}))
		begin, renew := time.Now(), time.Duration(0)
		for {
			b, err := sessiontest.Next(t.Context(), in)
			if err != nil {
				if f := session.AsFault(err); f.Kind != session.Lost || f.Cause != session.CauseExpired || f.Code != "expired" {
					t.Error(err)
				}
				break
			}
			if b.Renew && renew == 0 {
				renew = time.Since(begin)
			}
		}
		if lived := time.Since(begin).Round(time.Second); lived != 4*time.Hour || renew < 42*time.Minute || renew > 54*time.Minute {
			t.Errorf("given up after %v, renewal after %v", lived, renew)
		}
		if n := s.Ops.Count(login).Messages; n != 0 || warnings(in) != "" {
			t.Errorf("%d probes, %s", n, warnings(in))
		}
		if _, err := s.platform.Adopt(account(t, nil), session.NewKey([]byte(`{"guid":"x"}`))); session.KindOf(err) != session.Lost {
			t.Errorf("a foreign key: %v", err)
		}
	})
}

// An outage is no loss while the token may live, and one when it cannot any
// more.
func TestOutage(t *testing.T) {
	for _, mode := range []string{sim.ModeRefuse, sim.ModeHang, sim.ModeReset, sim.ModeStatus} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, simulator.Switches{})
				in := s.enter(t, account(t, nil))
				live(t, in, 10*time.Minute)
				if err := s.Outage(mode, 100*time.Minute); err != nil {
					t.Fatal(err)
				}
				outages := failing(t, in, session.OK)
				live(t, in, 10*time.Minute)
				if err := s.Outage(mode, 0); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if failing(t, in, session.Lost); time.Since(begin) < time.Hour {
					t.Errorf("given up after %v", time.Since(begin))
				}
				s.EndOutage()
				if n := len(s.Agent(login).Logins); n != 1 || outages < 10 {
					t.Errorf("%d log-ins, %d outages", n, outages)
				}
			})
		})
	}
}

// failing calls Next through outages until it ends with kind.
func failing(t *testing.T, s session.Session, kind session.Kind) (outages int) {
	t.Helper()
	for {
		_, err := sessiontest.Next(t.Context(), s)
		switch f := session.AsFault(err); {
		case session.KindOf(err) == session.Outage:
			if outages++; f.Cause == session.CauseAnswered {
				t.Fatalf("an outage is taken for an answer: %v", err)
			}
			time.Sleep(window / 24)
		case session.KindOf(err) == kind && outages > 0:
			return outages
		case err != nil:
			t.Fatal(err)
		}
	}
}

func TestSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{})
		in := s.enter(t, account(t, nil))
		live(t, in, 10*time.Minute)
		if err := in.Close(); err != nil || s.Agent(login).Tokens != 1 {
			t.Errorf("Close ended the token: %v", err)
		}
		s.Faults.Add(sim.Fault{Op: sim.OpSignOut, Mode: sim.ModeLost, Count: 1})
		if err := in.SignOut(t.Context()); session.KindOf(err) != session.Doubt {
			t.Errorf("lost answer: %v", err)
		}
		if err := in.SignOut(t.Context()); err != nil || s.Agent(login).Tokens != 0 {
			t.Errorf("again: %v", err)
		}
	})
}

// Next can be cut at any moment and goes on where it was.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{})
		in := s.enter(t, account(t, nil))
		next(t, in)
		for range 2000 {
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			if _, err := sessiontest.Next(ctx, in); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
		}
		if gap := time.Duration(s.Ops.Count(login).LargestGap); gap > window/2 {
			t.Errorf("a gap of %v", gap)
		}
		s.Faults.Add(sim.Fault{Op: sim.OpMessage, Mode: sim.ModeHang, For: sim.Duration(time.Hour)})
		ctx, cancel := context.WithTimeout(t.Context(), window/2+time.Second)
		defer cancel()
		if _, err := sessiontest.Next(ctx, in); !errors.Is(err, context.DeadlineExceeded) && session.KindOf(err) != session.Outage {
			t.Errorf("cut in a probe: %v", err)
		}
	})
}

// What log-ins meet, as the simulator plays it.
func TestSignIn(t *testing.T) {
	for name, tt := range map[string]struct {
		switches simulator.Switches
		password string
		fault    sim.Fault
		before   func(*site)
		want     string
	}{
		"wrong password":    {password: "wrong", want: "refused credential 401"},
		"by HTTP status":    {switches: simulator.Switches{Failures: simulator.FailHTTP}, password: "wrong", want: "refused credential 401"},
		"without envelope":  {switches: simulator.Switches{Failures: simulator.FailBare}, password: "wrong", want: "refused credential http 401"},
		"no e-mail address": {switches: simulator.Switches{RequireEmail: true}, want: ""},
		"answer lost":       {fault: sim.Fault{Mode: sim.ModeLost}, want: "doubt closed"},
		"answer cut":        {fault: sim.Fault{Mode: sim.ModeTruncate}, want: "doubt closed"},
		"slow":              {fault: sim.Fault{Mode: sim.ModeSlow, Delay: sim.Duration(time.Minute)}, want: "doubt timeout"},
		"a page":            {fault: sim.Fault{Mode: sim.ModeHTML}, want: "doubt unreadable"},
		"huge":              {fault: sim.Fault{Mode: sim.ModeBig}, want: "doubt too large"},
		"crossed":           {switches: simulator.Switches{Crossed: true}, want: "outage crossed"},
		"banned, page":      {switches: simulator.Switches{Ban: simulator.BanHTTP}, before: banned, want: "outage forbidden http 403"},
		"banned, code":      {switches: simulator.Switches{Ban: simulator.BanCode}, before: banned, want: "outage forbidden 403"},
		"banned, reset":     {switches: simulator.Switches{Ban: simulator.BanRefuse}, before: banned, want: "doubt closed"},
		"banned, silence":   {switches: simulator.Switches{Ban: simulator.BanDrop}, before: banned, want: "doubt timeout"},
		"on the white list": {switches: simulator.Switches{WhiteList: true}, before: banned, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, tt.switches)
				if tt.before != nil {
					tt.before(s)
				}
				if tt.fault.Mode != "" {
					s.Faults.Add(tt.fault)
				}
				a := account(t, nil)
				if tt.password != "" {
					a.Password = session.NewSecret(tt.password)
				}
				_, err := s.signIn(t, a)
				if got := classOf(err); got != tt.want {
					t.Errorf("%q (%v), want %q", got, err, tt.want)
				}
				if err != nil && strings.Contains(err.Error(), password) {
					t.Errorf("the error shows the password: %v", err)
				}
			})
		})
	}
}

func banned(s *site) { s.Ban("127.0.0.1", time.Hour) }

func classOf(err error) string {
	f := session.AsFault(err)
	if f == nil {
		return ""
	}
	cause := map[session.Cause]string{session.CauseCredential: " credential", session.CauseBan: " ban", session.CauseAnswered: " answered", session.CauseForbidden: " forbidden"}[f.Cause]
	return f.Kind.String() + cause + " " + f.Code
}

// The key changes when there is something new to save, and only then.
func TestKeyIsStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{})
		in := s.enter(t, account(t, nil))
		keys := []session.Key{in.Key()}
		for end := time.Now().Add(61 * time.Minute); time.Now().Before(end); {
			next(t, in)
			if k := in.Key(); k != keys[len(keys)-1] {
				keys = append(keys, k)
			}
		}
		// Once that the token is proven, once that it outlived Moscow's reading.
		if len(keys) != 3 {
			t.Errorf("%d keys in an hour", len(keys))
		}
		adopted, err := s.platform.Adopt(account(t, nil), keys[len(keys)-1])
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		next(t, adopted)
		if diff := cmp.Diff(in.Info().Credential.Token.Reveal(), adopted.Info().Credential.Token.Reveal()); diff != "" || time.Since(begin) != 0 {
			t.Errorf("adopted after %v: %s", time.Since(begin), diff)
		}
		if n := len(s.Agent(login).Logins); n != 1 {
			t.Errorf("%d log-ins", n)
		}
	})
}

// Many accounts learn one platform's ways together.
func TestFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var agents []simulator.Agent
		size := 20
		if raced.Enabled {
			size = 6
		}
		for i := range size {
			agents = append(agents, simulator.Agent{Login: fmt.Sprintf("bot%d@example.com", i), Password: password})
		}
		s := open(t, simulator.Switches{Zone: simulator.ZoneTZ}, agents...)
		done := make(chan struct{})
		for i := range agents {
			go func() {
				a := account(t, nil)
				a.ID.Login = agents[i].Login
				s.drive(t, a, day)
				done <- struct{}{}
			}()
		}
		for range agents {
			<-done
		}
		for name, state := range s.Agents() {
			if len(state.Logins) > 9 || state.LongestUncovered > 0 {
				t.Errorf("%s: %d log-ins, uncovered for %v", name, len(state.Logins), time.Duration(state.LongestUncovered))
			}
		}
	})
}

// The earliest reading of exp rules however short it is: the renewal is asked for
// before the token can be dead, and one that outlives the reading refutes it.
func TestShortLifeIsRenewedInTime(t *testing.T) {
	for _, life := range []time.Duration{time.Minute, 5 * time.Minute, 9 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, simulator.Switches{Zone: simulator.ZoneMoscow, Life: sim.Duration(life)})
			in := s.enter(t, account(t, nil))
			begin := time.Now()
			for !next(t, in).Renew {
			}
			if took := time.Since(begin); took >= life*9/10+time.Second {
				t.Errorf("a token of %v is to be renewed after %v", life, took)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s := open(t, simulator.Switches{Zone: simulator.ZoneUTC, Life: sim.Duration(3*time.Hour + 5*time.Minute)}) // five minutes by Moscow's reading
		s.drive(t, account(t, nil), 24*time.Hour)
		if n := len(s.Agent(login).Logins); n > 16 {
			t.Errorf("%d log-ins a day with tokens of three hours: the short reading was not refuted", n)
		}
	})
}
