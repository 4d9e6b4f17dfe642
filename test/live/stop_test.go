package live

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestStopped ends the service with TERM and INT: every agent is signed out.
func TestStopped(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			names := logins(1000, 50)
			s := newSite(t, simulate(t, "huawei", names, "--hold", "3s"), names)
			s.place = []string{"options: {hold: 3s}"}
			s.write()
			k := s.runOnline()
			began := time.Now()
			k.signal(signal)
			k.wantCode(patience, 0)
			after := s.platform.huawei()
			if n := signedIn(after); n != 0 || after.Total.SignOuts != 50 {
				t.Errorf("%d agents signed in after %d sign-outs, want none after 50", n, after.Total.SignOuts)
			}
			if _, err := os.Stat(k.socket()); err == nil {
				t.Error("the control socket is still there")
			}
			t.Logf("50 agents signed out in %v", time.Since(began).Round(time.Millisecond))
		})
	}
}

// inCall is a service of five agents of which the first is in a call.
func inCall(t *testing.T, stopTimeout string) (*site, *service) {
	t.Helper()
	names := logins(291, 5)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place, s.stopTimeout = []string{"options: {hold: 1s}"}, stopTimeout
	s.write()
	k := s.runOnline()
	s.platform.order("agents/291/call", "{}")
	return s, k
}

// TestStoppedInCall stops while an agent talks: it is left and named.
func TestStoppedInCall(t *testing.T) {
	t.Parallel()
	s, k := inCall(t, "4s")
	began := time.Now()
	k.signal(syscall.SIGTERM)
	k.wantCode(patience, 0)
	took := time.Since(began)
	after := s.platform.huawei()
	if a := after.Agents["291"]; !a.SignedIn || !a.InCall {
		t.Errorf("the agent in the call is %+v, want it signed in and in its call", a)
	}
	if n := signedIn(after); n != 1 {
		t.Errorf("%d agents are signed in, want the one in the call", n)
	}
	left := k.logged("still signed in at the end")
	if len(left) != 1 || left[0].text("agent") != "hq/291" || left[0].text("reason") != "busy" {
		t.Errorf("the log says of agents left: %v", left)
	}
	if took < 3*time.Second || took > patience {
		t.Errorf("the stop took %v with a stop_timeout of 4s", took)
	}
}

// TestStoppedTwice sends a second signal while the first still waits.
func TestStoppedTwice(t *testing.T) {
	t.Parallel()
	for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(second.String(), func(t *testing.T) {
			t.Parallel()
			s, k := inCall(t, "5m")
			k.signal(syscall.SIGTERM)
			within(t, patience, "the others' sign-out", func() error { return signedInError(s.platform, 1) })
			// Two signals within a quarter of a second count as one.
			time.Sleep(time.Second)
			began := time.Now()
			k.signal(second)
			k.wantCode(patience, 1)
			t.Logf("ended %v after the second signal", time.Since(began).Round(time.Millisecond))
		})
	}
}

// TestStoppedWithoutPlatform stops while the platform is away: within
// stop_timeout, with exit code 1, because agents are left signed in.
func TestStoppedWithoutPlatform(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"refuse", "hang"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			names := logins(291, 10)
			s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
			s.place, s.stopTimeout = []string{"options: {hold: 1s}"}, "4s"
			s.write()
			k := s.runOnline()
			s.platform.order("outage", fmt.Sprintf(`{"for":"5m","mode":%q}`, mode))
			began := time.Now()
			k.signal(syscall.SIGTERM)
			k.wantCode(patience, 1)
			if left := k.logged("still signed in at the end"); len(left) != 10 {
				t.Errorf("the log names %d agents that are left, want 10", len(left))
			}
			t.Logf("ended after %v with a stop_timeout of 4s", time.Since(began).Round(time.Millisecond))
		})
	}
}
