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
	"testing/synctest"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/edna"
	"agentkeeper/test/sim/huaweiconfig"
	"agentkeeper/test/sim/runtel"
)

// issuer is a platform that hands credentials out.
type issuer struct {
	handler http.Handler
	alive   func(k keeper.Handed) bool
	logins  func() int
	close   func()
}

// hostile is a platform that makes it hard to keep a credential valid.
type hostile struct {
	name    string
	vendor  string
	options string
	make    func(line sim.Line, fail func(string)) issuer
	perDay  int // log-ins a day, at most
	// dead is how long a consumer may hold a dead credential in all, in a day:
	// only where the platform ends it without a word.
	dead time.Duration
}

func onRuntel(w runtel.Switches) func(sim.Line, func(string)) issuer {
	return func(line sim.Line, fail func(string)) issuer {
		s := runtel.New(runtel.Config{Agents: []runtel.Agent{{Login: "1", Password: password}}, Switches: w, Line: line, OnViolation: fail})
		return issuer{s, func(h keeper.Handed) bool { return s.Alive(h.Credential.Token.Reveal()) },
			func() int { return s.Ops.Total().SignIns }, func() {}}
	}
}

func onConfig(w huaweiconfig.Switches) func(sim.Line, func(string)) issuer {
	return func(line sim.Line, fail func(string)) issuer {
		s := huaweiconfig.New(huaweiconfig.Config{Accounts: huaweiconfig.Range(1, 1, password), Switches: w, Line: line, OnViolation: fail})
		return issuer{s, func(h keeper.Handed) bool { return s.Alive(h.Credential.Header.Get("Guid")) },
			func() int { return s.Ops.Total().SignIns }, func() {}}
	}
}

func onEdna(w edna.Switches) func(sim.Line, func(string)) issuer {
	return func(line sim.Line, fail func(string)) issuer {
		s := edna.New(edna.Config{Accounts: []edna.Account{{Login: "1", Password: password}}, Switches: w, Line: line, OnViolation: fail})
		return issuer{s, func(h keeper.Handed) bool { return s.Living(h.Credential.Token.Reveal()) },
			func() int { return s.Ops.Total().SignIns }, func() {}}
	}
}

func hours(n int) sim.Duration { return sim.Duration(time.Duration(n) * time.Hour) }

var hostiles = []hostile{
	{"runtel, exp in UTC", "runtel", "", onRuntel(runtel.Switches{}), 40, 0},
	{"runtel, exp in the user's zone", "runtel", "", onRuntel(runtel.Switches{Zone: runtel.ZoneTZ}), 60, 0},
	{"runtel, exp in Moscow's zone", "runtel", "", onRuntel(runtel.Switches{Zone: runtel.ZoneMoscow}), 60, 0},
	{"runtel, one hour, no fraction", "runtel", "", onRuntel(runtel.Switches{Life: hours(1), NoFraction: true}), 60, 0},
	{"runtel, no Date", "runtel", "", onRuntel(runtel.Switches{NoDate: true}), 60, 0},
	{"runtel, Date two hours ahead", "runtel", "", onRuntel(runtel.Switches{DateFast: hours(2)}), 60, 0},
	{"runtel, clock an hour ahead", "runtel", "", onRuntel(runtel.Switches{ClockFast: hours(1)}), 60, 0},
	{"runtel, JWT, sliding", "runtel", "", onRuntel(runtel.Switches{JWT: true, Sliding: true}), 60, 0},
	{"runtel, a log-in ends the token before", "runtel", "", onRuntel(runtel.Switches{SecondLogin: runtel.SecondKills}), 40, 0},
	{"runtel, types wander", "runtel", "", onRuntel(runtel.Switches{Wander: true, Extra: true, Notifies: true, Exp: runtel.ExpEpoch}), 40, 0},
	{"runtel, probe refused though the token lives", "runtel", "", onRuntel(runtel.Switches{Rejected: true}), 60, 0},
	{"edna, the Russian dialect", "edna", "", onEdna(edna.Switches{}), 40, 0},
	{"edna, the English dialect", "edna", "probe: /api/v1/threads/1", onEdna(edna.Switches{Dialect: "en"}), 40, 0},
	{"edna, token in the header alone", "edna", "probe: /api/v1/threads/1", onEdna(edna.Switches{Dialect: "header"}), 40, 0},
	{"edna, a log-in ends the token before", "edna", "", onEdna(edna.Switches{OneToken: true}), 40, 0},
	{"edna, probe 403", "edna", "probe: /api/v1/threads/1", onEdna(edna.Switches{Forbidden: true}), 40, 0},
	{"edna, lives for 10 minutes, empty 401", "edna", "probe: /api/v1/threads/1", onEdna(edna.Switches{Life: sim.Duration(10 * time.Minute), Unauthorized: "empty"}), 240, 15 * time.Minute},
	{"edna, lives for 10 minutes, max_age tells", "edna", "max_age: 10m", onEdna(edna.Switches{Life: sim.Duration(10 * time.Minute)}), 220, 0},
	{"edna, every token is refused", "edna", "probe: /api/v1/threads/1", onEdna(edna.Switches{DeadToken: true}), 40, 24 * time.Hour},
	{"huawei-config, kept alive", "huawei-config", "probe: /config/agents", onConfig(huaweiconfig.Switches{}), 2, 0},
	{"huawei-config, rotating Guid", "huawei-config", "probe: /config/agents", onConfig(huaweiconfig.Switches{Rotate: sim.Duration(time.Minute)}), 2, 0},
	{"huawei-config, no probe", "huawei-config", "", onConfig(huaweiconfig.Switches{}), 1100, 0},
	{"huawei-config, probe denied though the Guid lives", "huawei-config", "probe: /config/agents", onConfig(huaweiconfig.Switches{Query: huaweiconfig.QueryDenied}), 1100, 0},
}

// TestNeverADeadCredential asks for the credential twenty times a second, as a
// consumer would, and asks the platform itself whether it is alive. It prints
// how many log-ins a day each platform provokes. AGENTKEEPER_HOURS makes it
// longer.
func TestNeverADeadCredential(t *testing.T) {
	hours := size(t, "AGENTKEEPER_HOURS", 12)
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { consume(t, h, hours) }) })
	}
}

func consume(t *testing.T, h hostile, hours int) {
	line := sim.Pipe()
	p := h.make(line, func(text string) { t.Errorf("violation: %s", text) })
	server := sim.Serve(line, p.handler, nil)
	defer func() {
		p.close()
		_ = server.Close()
	}()
	f := startOne(t, line, h.vendor, h.options, storetest.NewMemory())
	id := session.ID{Platform: "p", Login: "1"}
	time.Sleep(10 * time.Second)
	checks := 0
	dead := 0
	none := 0
	for end := time.Now().Add(time.Duration(hours) * time.Hour); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		handed, err := f.Credential(id)
		if err != nil {
			t.Fatal(err)
		}
		checks++
		switch {
		case !handed.Live:
			none++
		case !p.alive(handed):
			dead++
		}
	}
	perDay := float64(p.logins()) * 24 / float64(hours)
	t.Logf("%-50s %6.1f log-ins a day, %d checks, %d dead, %d none", h.name, perDay, checks, dead, none)
	if none > 0 {
		t.Errorf("there was no credential %d times", none)
	}
	if limit := int(h.dead.Seconds() * 20 * float64(hours) / 24); dead > limit {
		t.Errorf("the consumer held a dead credential %d times, want at most %d", dead, limit)
	}
	if perDay > float64(h.perDay) {
		t.Errorf("%.1f log-ins a day, want at most %d", perDay, h.perDay)
	}
	f.Stop(t.Context(), "test")
}

// startOne starts a fleet of one agent.
func startOne(t *testing.T, line *sim.PipeListener, vendor, options string, s *storetest.Memory) *fleet.Fleet {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agentkeeper.yaml")
	text := fmt.Sprintf("allow_inline_secrets: true\nplatforms:\n  p: {vendor: %s, url: \"http://p.test\", options: {%s}}\ngroups:\n  - name: g\n    platform: p\n    agents: [{login: \"1\", password: %s}]\n",
		vendor, strings.TrimSpace(options), password)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, _, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c := newCounts()
	log := slog.DiscardHandler
	if os.Getenv("AGENTKEEPER_LOG") != "" {
		log = slog.NewTextHandler(os.Stderr, nil)
	}
	f, err := fleet.New(t.Context(), fleet.Options{Store: s, Sink: c, Observer: c, Seed: 1, Log: slog.New(log),
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return line.DialContext(ctx, network, address)
		}})
	if err != nil {
		t.Fatal(err)
	}
	f.Apply(cfg, "test")
	return f
}
