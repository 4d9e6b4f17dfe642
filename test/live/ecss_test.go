package live

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"agentkeeper/test/sim"
)

// ecssSite is a site of ECSS agents over websockets with TLS.
func ecssSite(t *testing.T, agents int, flags ...string) *site {
	t.Helper()
	names := logins(101, agents)
	s := newSite(t, simulate(t, "ecss", names, append([]string{"--tls"}, flags...)...), names)
	s.place = []string{"backoff: {initial: 500ms, max: 3s}"}
	s.write()
	return s
}

// seated returns nil when every agent has exactly one session with a websocket.
func (s *site) seated() error {
	n := 0
	for login, a := range s.platform.ecss().Agents {
		if a.Sessions != 1 || a.Sockets != 1 {
			return fmt.Errorf("agent %s has %d sessions and %d websockets", login, a.Sessions, a.Sockets)
		}
		n++
	}
	if n != len(s.members) {
		return fmt.Errorf("%d agents, want %d", n, len(s.members))
	}
	return nil
}

// TestForcedLogout has a supervisor log one agent out, by each signal that its
// websocket may get.
func TestForcedLogout(t *testing.T) {
	t.Parallel()
	s := ecssSite(t, 10)
	k := s.runOnline()
	for i, signal := range []string{"push_close", "close"} {
		login := s.members[i].login
		before := s.platform.ecss()
		began := time.Now()
		s.platform.order("agents/"+login+"/kick", fmt.Sprintf(`{"signal":%q}`, signal))
		within(t, patience, "the return after "+signal, s.seated)
		took := time.Since(began)
		s.awaitOnline(k)
		after := s.platform.ecss()
		for name, c := range after.Counts {
			want := 0
			if name == login {
				want = 1
			}
			if got := c.SignIns - before.Counts[name].SignIns; got != want {
				t.Errorf("%s: agent %s logged in %d times, want %d", signal, name, got, want)
			}
		}
		t.Logf("logged out by %s: back after %v with 1 log-in", signal, took.Round(time.Millisecond))
	}
	k.stop()
	if got := s.platform.ecss(); got.Total.SignOuts != 10 {
		t.Errorf("the platform counts %d log-outs at the stop, want 10", got.Total.SignOuts)
	}
}

// TestProxyRestarted restarts the proxy, with a word and without.
func TestProxyRestarted(t *testing.T) {
	t.Parallel()
	const agents = 30
	s := ecssSite(t, agents)
	k := s.runOnline()
	for _, clean := range []bool{true, false} {
		before := s.platform.ecss()
		s.platform.order("restart", fmt.Sprintf(`{"clean":%v,"for":"3s"}`, clean))
		within(t, patience, "a lost websocket", func() error {
			if k.online(agents) == nil {
				return fmt.Errorf("all are online still")
			}
			return nil
		})
		began := time.Now()
		s.awaitOnline(k)
		within(t, patience, "every agent's session", s.seated)
		after := s.platform.ecss()
		if got := after.Total.SignIns - before.Total.SignIns; got != agents {
			t.Errorf("clean %v: %d log-ins, want one of each of %d agents", clean, got, agents)
		}
		t.Logf("proxy away for 3 s, clean %v: %d log-ins of %d agents, all back after %v", clean, after.Total.SignIns-before.Total.SignIns,
			agents, time.Since(began).Round(time.Millisecond))
	}
}

// TestAutoLogout runs against a platform that logs inactive agents out after
// six seconds: harmless requests keep them in; where nothing helps they come
// back.
func TestAutoLogout(t *testing.T) {
	t.Parallel()
	s := ecssSite(t, 5, "--auto-logout", "0.1")
	k := s.runOnline()
	before := s.platform.ecss()
	throughout(t, 13*time.Second, "agents kept active", s.seated)
	after := s.platform.ecss()
	if after.Total.SignIns != before.Total.SignIns || autoLogouts(s) != 0 {
		t.Errorf("%d log-ins and %d automatic log-outs within two timeouts, want none", after.Total.SignIns-before.Total.SignIns, autoLogouts(s))
	}
	s.platform.send("PATCH", "switches", `{"auto_logout_reset":"nothing"}`)
	within(t, patience, "automatic log-outs", func() error {
		if autoLogouts(s) < 5 {
			return fmt.Errorf("%d", autoLogouts(s))
		}
		return nil
	})
	s.platform.send("PATCH", "switches", `{"auto_logout_reset":"any"}`)
	within(t, patience, "every agent's return", s.seated)
	s.awaitOnline(k)
	t.Logf("13 s against a timeout of 6 s: 0 log-outs; without a remedy: %d log-outs, all 5 agents back", autoLogouts(s))
}

func autoLogouts(s *site) (n int) {
	for _, a := range s.platform.ecss().Agents {
		n += a.Record.AutoLogouts
	}
	return n
}

// TestWrongAuthority trusts an authority that did not sign the platform's
// certificate: the agents wait, the reason is clear, and a reload with the
// right one mends it.
func TestWrongAuthority(t *testing.T) {
	t.Parallel()
	for _, vendor := range []string{"ecss", "huawei"} {
		t.Run(vendor, func(t *testing.T) {
			t.Parallel()
			names := logins(101, 3)
			s := newSite(t, simulate(t, vendor, names, "--tls"), names)
			s.place = []string{"backoff: {initial: 500ms, max: 2s}"}
			right, foreign := s.tls, filepath.Join(t.TempDir(), "foreign")
			if _, err := sim.OpenCA(foreign); err != nil {
				t.Fatal(err)
			}
			s.tls = "ca_file: " + filepath.Join(foreign, "ca.pem")
			s.write()
			k := s.run()
			s.awaitWaiting(k, "certificate")
			s.tls = right
			s.write()
			k.signal(syscall.SIGHUP)
			s.awaitOnline(k)
			within(t, patience, "the log of the reload", func() error { return k.says("reloaded", 1) })
			if counts := k.logged("reloaded"); len(counts) != 1 {
				t.Errorf("%d reloads, want 1", len(counts))
			}
		})
	}
}

// TestWrongCertificate shows the service a certificate that it must not take.
func TestWrongCertificate(t *testing.T) {
	t.Parallel()
	for _, vendor := range []string{"ecss", "huawei"} {
		for _, kind := range []string{"expired", "wrong-name", "self-signed"} {
			t.Run(vendor+" "+kind, func(t *testing.T) {
				t.Parallel()
				names := logins(101, 2)
				s := newSite(t, simulate(t, vendor, names, "--tls", "--cert", kind), names)
				s.place = []string{"backoff: {initial: 500ms, max: 2s}"}
				s.write()
				k := s.run()
				s.awaitWaiting(k, "certificate")
				if c := s.counts(); len(c) != 0 {
					t.Errorf("requests to a platform that nobody vouches for: %v", c)
				}
				s.tls = "insecure_skip_verify: true"
				s.write()
				k.signal(syscall.SIGHUP)
				s.awaitOnline(k)
			})
		}
	}
}

// counts are the platform's, whatever the vendor.
func (s *site) counts() map[string]sim.Count {
	s.t.Helper()
	var st state[any]
	if err := s.platform.look(&st); err != nil {
		s.t.Fatal(err)
	}
	return st.Counts
}

// awaitWaiting waits until every agent waits for the end of an outage, and
// wants the word in what one of them tells about it: the others may be queued
// behind the one sign-in that goes first by then, and tell of that.
func (s *site) awaitWaiting(k *service, word string) {
	s.t.Helper()
	var told agent
	within(s.t, patience, "every agent's wait", func() error {
		list, err := k.list()
		if err != nil {
			return err
		}
		for _, a := range list {
			if a.State != "waiting" || a.Reason != "outage" {
				return fmt.Errorf("agent %s is %s %q: %q", a.Login, a.State, a.Reason, a.Detail)
			}
			if strings.Contains(a.Detail, word) {
				told = a
			}
		}
		if told.Detail == "" {
			return fmt.Errorf("no agent tells of a %s: %q", word, list[0].Detail)
		}
		return nil
	})
	s.t.Logf("told to people: %s (%s)", told.Detail, told.Action)
}
