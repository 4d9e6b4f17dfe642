package runtel_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/raced"
	"agentkeeper/test/sim"
	simulator "agentkeeper/test/sim/runtel"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/runtel"
	"agentkeeper/vendors/wire"
)

const (
	login    = "bot@example.com"
	password = "Hunter2-pass"
	window   = 5 * time.Minute
	day      = 24 * time.Hour
)

// site is the simulated platform and the adapter before it.
type site struct {
	*simulator.Sim
	line     *sim.PipeListener
	place    wire.Place
	platform session.Platform
}

func open(t *testing.T, w simulator.Switches, agents ...simulator.Agent) *site {
	t.Helper()
	if len(agents) == 0 {
		agents = []simulator.Agent{{Login: login, Password: password}}
	}
	s := &site{line: sim.Pipe()}
	s.Sim = simulator.New(simulator.Config{Agents: agents, Switches: w, Line: s.line})
	s.place = wire.Place{
		Name: "pbx", URL: &url.URL{Scheme: "http", Host: "pbx.example"}, DialContext: s.line.DialContext,
		OperationTimeout: 30 * time.Second, Window: window,
	}
	server := sim.Serve(s.line, s.Sim, nil)
	s.platform = runtel.Vendor.Open(s.place)
	t.Cleanup(func() {
		_ = server.Close()
		if v := s.Ops.Violations(); len(v) > 0 {
			t.Errorf("violations: %v", v)
		}
	})
	return s
}

func account(t *testing.T, options map[string]string) session.Account {
	t.Helper()
	set := option.Set{}
	for name, text := range options {
		set[name] = option.Value{Text: text}
	}
	decoded, _, problems := runtel.Vendor.Decode(set, window)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return session.Account{ID: session.ID{Platform: "pbx", Login: login}, Password: session.NewSecret(password), Options: decoded}
}

func (s *site) enter(t *testing.T, a session.Account) session.Session {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in, err := s.platform.SignIn(ctx, a, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

// tally is what a driver saw.
type tally struct {
	losses, outages, refusals int
	largest                   time.Duration // between two contacts of a live session
	last                      session.Session
}

// drive keeps the account signed in for d as the program's driver does, in
// little: renewals at once, the first log-in after a loss at once, then with
// back-off.
func (s *site) drive(t *testing.T, a session.Account, d time.Duration) (n tally) {
	t.Helper()
	var in session.Session
	var contact, started time.Time
	shorts := 0
	for end := time.Now().Add(d); time.Now().Before(end); {
		renew := in == nil
		if in != nil {
			b, err := sessiontest.Next(t.Context(), in)
			switch f := session.AsFault(err); {
			case f == nil:
				n.largest = max(n.largest, time.Since(contact))
				contact, renew = time.Now(), b.Renew
			case f.Kind == session.Lost:
				n.losses++
				if shorts++; time.Since(started) >= window {
					shorts = 0
				}
				_ = in.Close()
				in, renew = nil, true
				time.Sleep(min(time.Minute<<min(shorts, 4), 15*time.Minute) * time.Duration(min(shorts, 1)))
			default:
				n.outages++
				time.Sleep(max(f.After, window/24))
			}
		}
		if !renew {
			continue
		}
		next, err := s.signIn(t, a)
		if err != nil {
			if session.KindOf(err) == session.Refused {
				n.refusals++
				return n
			}
			n.outages++
			time.Sleep(max(session.AsFault(err).After, 30*time.Second))
			continue
		}
		if in != nil {
			_ = in.Close()
		}
		in = next
		contact = time.Now()
		started = time.Now()
	}
	n.last = in
	return n
}

func (s *site) signIn(t *testing.T, a session.Account) (session.Session, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return s.platform.SignIn(ctx, a, false)
}

// hostile is a platform, and what is expected of a day on it.
type hostile struct {
	name      string
	switches  simulator.Switches
	options   map[string]string
	operator  bool
	least     int           // log-ins in the day
	most      int           // log-ins in the day
	uncovered time.Duration // the longest time without a living token, over all
	losses    int           // over all
}

func hours(h float64) sim.Duration { return sim.Duration(h * float64(time.Hour)) }

var hostiles = []hostile{
	{name: "defaults: UTC, 4 h", least: 6, most: 9},
	{name: "user's zone, 4 h", switches: simulator.Switches{Zone: simulator.ZoneTZ}, least: 6, most: 9},
	{name: "Moscow, 4 h", switches: simulator.Switches{Zone: simulator.ZoneMoscow}, least: 6, most: 9},
	{name: "Moscow, 4 h, users there too", switches: simulator.Switches{Zone: simulator.ZoneMoscow, TZ: "Europe/Moscow"}, least: 6, most: 9},
	{name: "UTC, users in New York", switches: simulator.Switches{TZ: "America/New_York"}, least: 6, most: 9},
	{name: "UTC, 4 h, a new log-in kills the old token", switches: simulator.Switches{SecondLogin: simulator.SecondKills}, least: 24, most: 36},
	{name: "UTC, 181 min: Moscow would be 1 min", switches: simulator.Switches{Life: hours(181. / 60)}, least: 8, most: 12},
	{name: "the same, a new log-in kills the old token", switches: simulator.Switches{Life: hours(181. / 60), SecondLogin: simulator.SecondKills}, least: 8, most: 36},
	{name: "Moscow, 1 h", switches: simulator.Switches{Zone: simulator.ZoneMoscow, Life: hours(1)}, least: 24, most: 36},
	{name: "24 h", switches: simulator.Switches{Life: hours(24)}, least: 1, most: 2},
	{name: "10 min", switches: simulator.Switches{Life: hours(1. / 6)}, least: 144, most: 210},
	{name: "2 min", switches: simulator.Switches{Life: hours(1. / 30)}, least: 700, most: 1100},
	{name: "1 s: dies at once", switches: simulator.Switches{Life: sim.Duration(time.Second)}, least: 50, most: 200, uncovered: 20 * time.Minute, losses: 1000},
	{name: "sliding, 4 h", switches: simulator.Switches{Sliding: true}, least: 6, most: 36},
	{name: "no fraction", switches: simulator.Switches{NoFraction: true}, least: 6, most: 9},
	{name: "exp with offset", switches: simulator.Switches{Exp: simulator.ExpZoned}, least: 6, most: 9},
	{name: "exp as a number", switches: simulator.Switches{Exp: simulator.ExpEpoch}, least: 6, most: 9},
	{name: "no exp", switches: simulator.Switches{Exp: simulator.ExpNone}, least: 24, most: 36},
	{name: "no exp, JWT", switches: simulator.Switches{Exp: simulator.ExpNone, JWT: true}, least: 6, most: 9},
	{name: "no Date", switches: simulator.Switches{NoDate: true}, least: 6, most: 9},
	{name: "Date 2 h fast", switches: simulator.Switches{DateFast: hours(2)}, least: 6, most: 9},
	{name: "Date 2 h slow", switches: simulator.Switches{DateSlow: hours(2)}, least: 6, most: 9},
	{name: "clock 5 h fast", switches: simulator.Switches{ClockFast: hours(5)}, least: 6, most: 9},
	{name: "clock 5 h slow", switches: simulator.Switches{ClockSlow: hours(5)}, least: 6, most: 9},
	{name: "types wander, more fields", switches: simulator.Switches{Wander: true, Extra: true, Notifies: true}, least: 6, most: 9},
	{name: "token of 16 KiB", switches: simulator.Switches{TokenLength: 16 << 10}, least: 6, most: 9},
	{name: "failures as HTTP status", switches: simulator.Switches{Failures: simulator.FailHTTP, Zone: simulator.ZoneMoscow}, least: 6, most: 9},
	{name: "failures without envelope", switches: simulator.Switches{Failures: simulator.FailBare, Zone: simulator.ZoneMoscow}, least: 6, most: 9},
	{name: "dead tokens are 403", switches: simulator.Switches{BadToken: 403, Zone: simulator.ZoneMoscow}, least: 6, most: 36},
	{name: "the probe is 401 always", switches: simulator.Switches{Rejected: true}, least: 24, most: 36},
	{name: "the probe is 403 always", switches: simulator.Switches{Forbidden: true}, least: 24, most: 36},
	{name: "no user_id", switches: simulator.Switches{NoUserID: true}, least: 24, most: 36},
	{name: "no user_id, list as probe", switches: simulator.Switches{NoUserID: true}, options: map[string]string{"probe": "list DomainUser"}, least: 6, most: 9},
	{name: "no probe", options: map[string]string{"probe": "none"}, least: 24, most: 36},
	{name: "operator without domain_id", operator: true, least: 24, most: 36},
	{name: "operator with domain_id", operator: true, options: map[string]string{"domain_id": "3"}, least: 6, most: 9},
	{name: "exp_zone right", options: map[string]string{"exp_zone": "UTC"}, least: 6, most: 9},
	{name: "max_lifetime", options: map[string]string{"max_lifetime": "2h"}, least: 12, most: 18},
	{name: "slow log-ins", switches: simulator.Switches{OperateTime: sim.Duration(20 * time.Second)}, least: 6, most: 9},
}

// Half a day to learn, a restart and a day on every platform: no token dies before its successor is there,
// log-ins are few, and contacts never rest for half the window. The log holds the
// table.
func TestDays(t *testing.T) {
	var table strings.Builder
	for _, h := range hostiles {
		if raced.LeaveOut(4) {
			continue
		}
		t.Run(h.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { h.run(t, &table) })
		})
	}
	t.Logf("log-ins of one account in the first half day, and in a day after it:\n%s", table.String())
}

func (h hostile) run(t *testing.T, table *strings.Builder) {
	s := open(t, h.switches, simulator.Agent{Login: login, Password: password, Operator: h.operator})
	a := account(t, h.options)
	first := s.drive(t, a, day/2)
	if first.last != nil { // what the key knows survives
		s.platform = runtel.Vendor.Open(s.place)
		adopted, err := s.platform.Adopt(a, first.last.Key())
		if err != nil {
			t.Fatal(err)
		}
		_ = adopted.Close()
	}
	before := s.Ops.Count(login).SignIns
	second := s.drive(t, a, day)
	logins := s.Ops.Count(login).SignIns - before
	state := s.Agent(login)
	fmt.Fprintf(table, "%-45s %5d, then %5d  lost %4d  uncovered at most %s\n", h.name, before, logins,
		first.losses+second.losses, time.Duration(state.LongestUncovered).Round(time.Second))
	if logins < h.least || logins > h.most {
		t.Errorf("%d log-ins in the day, want %d to %d", logins, h.least, h.most)
	}
	if got := time.Duration(state.LongestUncovered); got > h.uncovered {
		t.Errorf("without a living token for %v", got)
	}
	if lost := first.losses + second.losses; lost > h.losses {
		t.Errorf("%d losses", lost)
	}
	if largest := max(first.largest, second.largest); largest > window/2 {
		t.Errorf("no contact for %v", largest)
	}
	if state.Refusals > 0 {
		t.Errorf("%d refusals", state.Refusals)
	}
}
