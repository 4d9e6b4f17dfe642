package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"agentkeeper/test/sim"
)

// pushSite is a site whose platform pushes its events over TLS to a service that
// has a certificate of its own.
func pushSite(t *testing.T, names []string, flags ...string) (*site, string) {
	t.Helper()
	certs, address := t.TempDir(), freeAddress(t)
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Write(certs); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, simulate(t, "huawei", names, append([]string{"--tls", "--push-ca", filepath.Join(certs, "ca.pem"), "--push-pause", "200ms"}, flags...)...), names)
	s.top = []string{fmt.Sprintf("callback: {listen: %q, cert_file: %q, key_file: %q}", address, filepath.Join(certs, "good.pem"), filepath.Join(certs, "good-key.pem"))}
	s.place = []string{fmt.Sprintf("options: {events: push, callback_url: %q, service_token_file: token}", "https://"+address+"/callback/hq")}
	writeFile(t, filepath.Join(s.dir, "token"), "t0ken-1\n")
	s.write()
	return s, "https://" + address
}

// TestPushed kills a service whose events are pushed while they come, three
// times. Each time the sessions are adopted without a sign-in, and of the numbered
// events none is missing and the order of each agent is kept.
func TestPushed(t *testing.T) {
	t.Parallel()
	const (
		agents = 20
		events = 120
		rate   = 10
	)
	names := logins(1000, agents)
	s, _ := pushSite(t, names)
	k := s.runOnline()
	for _, login := range names {
		s.platform.order("agents/"+login+"/generate", fmt.Sprintf(`{"rate":%d,"count":%d}`, rate, events))
	}
	for i := range 3 {
		time.Sleep(2 * time.Second) // events come
		k.kill()
		before := s.platform.huawei()
		k = s.launch()
		s.wantAdopted(k, before, fmt.Sprintf("after kill -9 no. %d", i+1))
	}
	within(t, patience, "the numbered events", func() error { return s.handedOut(events) })
	total := s.platform.huawei().Total
	if total.Polls != 0 || total.SignIns != agents {
		t.Errorf("%d polls, %d sign-ins", total.Polls, total.SignIns)
	}
	all := follow(t, k, "0", "?type=huawei.AgentOther_Simulated")
	within(t, 4*patience, "the stream", func() error { return inOrder(all, agents, events, nil) })
	repeats := 0
	if err := inOrder(all, agents, events, &repeats); err != nil {
		t.Error(err)
	}
	t.Logf("%d agents, %d numbered events each: none missing, in order, %d repeats", agents, events, repeats)
	k.stop()
}

// handedOut returns nil when the platform has no event left.
func (s *site) handedOut(events int) error {
	for login, a := range s.platform.huawei().Agents {
		if a.Generated < events || a.HandedOut < events {
			return fmt.Errorf("%s: %d made, %d taken of %d", login, a.Generated, a.HandedOut, events)
		}
	}
	return nil
}

// inOrder returns nil when every agent's numbers came, each after the one before
// it; some may come again.
func inOrder(all *stream, agents, events int, repeats *int) error {
	last, again := map[string]int{}, 0
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, e := range all.events {
		var v struct {
			Content struct {
				Number int `json:"number"`
			} `json:"content"`
		}
		if err := json.Unmarshal(e.Data, &v); err != nil {
			return err
		}
		switch n := v.Content.Number; {
		case n == last[e.Source]+1:
			last[e.Source] = n
		case n <= last[e.Source]:
			again++
		default:
			return fmt.Errorf("%s: %d after %d", e.Source, n, last[e.Source])
		}
	}
	if repeats != nil {
		*repeats = again
	}
	for source, n := range last {
		if n != events {
			return fmt.Errorf("%s: %d of %d", source, n, events)
		}
	}
	if len(last) != agents {
		return fmt.Errorf("events of %d agents", len(last))
	}
	return nil
}

// TestPushedToken gives the service another token while it runs: the session goes
// out and in with it. Strangers and strays are turned away.
func TestPushedToken(t *testing.T) {
	t.Parallel()
	names := logins(1000, 1)
	s, address := pushSite(t, names)
	k := s.runOnline()
	within(t, patience, "the first events", func() error {
		return k.shows(`agentkeeper_events_received_total{platform="hq"}`, 2)
	})
	for body, want := range map[string]int{
		`{"workNo":"1000","eventList":[{"eventType":"Forged"}]}`: http.StatusUnauthorized,
		`{"workNo":"7","eventList":[{"eventType":"Stray"}]}`:     http.StatusServiceUnavailable,
		`nonsense`: http.StatusBadRequest,
	} {
		q, err := http.NewRequest(http.MethodPost, address+"/callback/hq", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("service_token", "guessed")
		res, err := (&http.Client{Transport: insecure(), Timeout: patience}).Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if _ = res.Body.Close(); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", body, res.StatusCode, want)
		}
	}
	within(t, patience, "the count of what was refused", func() error {
		return k.shows(`agentkeeper_events_dropped_total{reason="no_session"}`, 1)
	})
	writeFile(t, filepath.Join(s.dir, "token"), "t0ken-2\n")
	within(t, patience, "the session made anew", func() error {
		if total := s.platform.huawei().Total; total.SignIns != 2 || total.SignOuts != 1 {
			return fmt.Errorf("%d sign-ins, %d sign-outs", total.SignIns, total.SignOuts)
		}
		return k.online(1)
	})
	within(t, patience, "its first events", func() error {
		return k.shows(`agentkeeper_events_received_total{platform="hq"}`, 4)
	})
	k.stop()
}
