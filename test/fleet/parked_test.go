package fleet

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/edna"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/test/sim/huaweiconfig"
	"agentkeeper/test/sim/runtel"
)

// street is a platform of every vendor on a socket of its own, and one that pushes
// its events, with n agents each.
type street struct {
	*world
	pushing *huawei.Sim
}

// silence is the window of all platforms of a street.
const silence = 12 * time.Second

func openStreet(t *testing.T, n int) *street {
	t.Helper()
	fail := func(text string) { t.Errorf("violation: %s", text) }
	s := &street{world: &world{t: t, store: storetest.NewMemory(), counts: newCounts(), path: filepath.Join(t.TempDir(), "agentkeeper.yaml")}}
	var platforms, groups strings.Builder
	serve := func(h http.Handler) string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.servers = append(s.servers, sim.Serve(l, h, nil))
		return l.Addr().String()
	}
	settle := func(name, vendor, options string, h http.Handler) {
		scheme := map[bool]string{true: "ws", false: "http"}[vendor == "ecss"]
		fmt.Fprintf(&platforms, "  %s: {vendor: %s, url: \"%s://%s\", window: %v, sign_in: {rate: 1000, concurrent: 50}, options: {%s}}\n", name, vendor, scheme, serve(h), silence, options)
		fmt.Fprintf(&groups, "  - name: %s\n    platform: %s\n    agents:\n", name, name)
		for i := range n {
			number := ""
			if vendor == "ecss" || vendor == "huawei" {
				number = fmt.Sprintf("number: \"%d\", ", 40001+i)
			}
			fmt.Fprintf(&groups, "      - {login: \"%d\", %spassword: %s}\n", 1001+i, number, password)
		}
	}
	agents := huawei.Range(1001, n, password, 40001)
	s.huawei = huawei.New(huawei.Config{Agents: agents, OnViolation: fail, Switches: huawei.Switches{Hold: sim.Duration(2 * time.Second)}})
	settle("hq", "huawei", "hold: 2s", s.huawei)
	var clerks []ecss.Agent
	var people []runtel.Agent
	for _, a := range agents {
		clerks = append(clerks, ecss.Agent{Login: a.Login, Password: password, Number: a.Phone})
		people = append(people, runtel.Agent{Login: a.Login, Password: password})
	}
	s.ecss = ecss.New(ecss.Config{Agents: clerks, OnViolation: fail})
	settle("pbx", "ecss", "ping: 2s", s.ecss)
	settle("config", "huawei-config", "probe: /config/agents, keep_alive: 3s", huaweiconfig.New(huaweiconfig.Config{Accounts: huaweiconfig.Range(1001, n, password), OnViolation: fail}))
	settle("crm", "runtel", "", runtel.New(runtel.Config{Agents: people, OnViolation: fail}))
	settle("chat", "edna", "probe: /api/v1/threads/1", edna.New(edna.Config{Accounts: edna.Range(1001, n, password), OnViolation: fail}))
	inbound := serve(callback.New(callback.Options{Counter: newNumbers(), Log: slog.New(slog.DiscardHandler),
		Find: func(name string) (session.Receiver, bool) { return s.fleet.Receiver(name) }}))
	s.pushing = huawei.New(huawei.Config{Agents: agents, OnViolation: fail})
	settle("pushed", "huawei", fmt.Sprintf("events: push, callback_url: \"http://%s/callback/pushed\", service_token_file: token", inbound), s.pushing)
	for path, text := range map[string]string{
		s.path: "allow_inline_secrets: true\ncallback: {listen: \"0.0.0.0:9466\", plain_http: true}\nplatforms:\n" + platforms.String() + "groups:\n" + groups.String(),
		filepath.Join(filepath.Dir(s.path), "token"): "t0ken",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *street) close() {
	s.pushing.Close()
	s.world.close()
}

// Agents of every vendor wait, are woken and leave in each room. On sockets no
// goroutine stands in one that waits; on goroutines one stands in each, so that the
// count is known to count.
func TestAgentsOfEveryVendorWait(t *testing.T) {
	const n, platforms = 100, 6
	for name, room := range rooms(t) {
		t.Run(name, func(t *testing.T) {
			s := openStreet(t, n)
			defer s.close()
			s.startIn(room)
			s.within("all online", s.all(platforms*n))
			time.Sleep(silence / 2) // a contact of each
			if room == nil {
				if standing := len(sessiontest.Standing()); standing < platforms*n {
					t.Errorf("%d goroutines stand in %d agents", standing, platforms*n)
				}
			} else {
				s.within("agents that hold no goroutine", func() bool { return len(sessiontest.Standing()) <= 8 }) // those that step just now
			}
			s.within("all online for longer than half the window", s.all(platforms*n))
			s.wake(n * platforms)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if left := s.fleet.Stop(ctx, "test"); len(left) > 0 {
				t.Errorf("%d left signed in", len(left))
			}
			if standing := sessiontest.Standing(); len(standing) > 0 {
				t.Errorf("%d goroutines are left:\n%s", len(standing), standing[0])
			}
		})
	}
}

// Agents that wait for their turn to sign in hold no goroutine on sockets, leave the
// queue by an order, and sign in once their turn comes.
func TestAgentsInTheQueueWait(t *testing.T) {
	const n, platforms = 100, 6
	for name, room := range rooms(t) {
		t.Run(name, func(t *testing.T) {
			s := openStreet(t, n)
			defer s.close()
			s.replace("rate: 1000", "rate: 0.01")
			s.startIn(room)
			s.within("all but the first of each platform in the queue", s.queued((n-1)*platforms))
			if room != nil {
				s.within("agents that hold no goroutine", func() bool { return len(sessiontest.Standing()) <= 8 }) // those that step just now
			}
			for i := range n {
				s.order(fmt.Sprintf("hq/%d", 1001+i), fleet.Pause)
			}
			s.within("those of one platform out of the queue", s.queued((n-1)*(platforms-1)))
			for i := range n {
				s.order(fmt.Sprintf("hq/%d", 1001+i), fleet.Resume)
			}
			s.replace("rate: 0.01", "rate: 1000")
			s.apply()
			s.within("all online", s.all(platforms*n))
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if left := s.fleet.Stop(ctx, "test"); len(left) > 0 {
				t.Errorf("%d left signed in", len(left))
			}
		})
	}
}

// queued tells whether so many agents wait for a turn.
func (s *street) queued(n int) func() bool {
	return func() bool {
		sum := 0
		for _, p := range s.fleet.Platforms() {
			sum += p.Gate.Queue
		}
		return sum == n
	}
}

// wake wakes agents that wait: by what is pushed, and by orders.
func (s *street) wake(agents int) {
	before := s.counts.eventsReceived()
	if err := s.pushing.Emit("1001", "AgentState_Ready", nil); err != nil {
		s.t.Fatal(err)
	}
	s.within("what was pushed", func() bool { return s.counts.eventsReceived() > before })
	platforms := []string{"hq", "pbx", "config", "crm", "chat", "pushed"}
	for _, platform := range platforms {
		s.order(platform+"/1002", fleet.Pause)
	}
	s.within("one of each paused", s.all(agents-len(platforms)))
	for _, platform := range platforms {
		s.order(platform+"/1002", fleet.Resume)
	}
	s.within("all online again", s.all(agents))
}
