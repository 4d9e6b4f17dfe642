package live

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"agentkeeper/test/sim/runtel"
)

const wrong = "not-the-password"

// runtelSite is a Runtel site; the first of its agents have a wrong password.
func runtelSite(t *testing.T, agents, mistaken int, flags ...string) *site {
	t.Helper()
	names := logins(101, agents)
	s := newSite(t, simulate(t, "runtel", names, flags...), names)
	for _, login := range names[:mistaken] {
		s.password(login, wrong)
	}
	s.place = []string{"backoff: {initial: 500ms, max: 1s}"}
	s.write()
	return s
}

// runtel is the state of a Runtel simulator.
func (pl *platform) runtel() (s state[runtel.AgentState]) {
	pl.t.Helper()
	if err := pl.look(&s); err != nil {
		pl.t.Fatal(err)
	}
	return s
}

// quarantined returns nil when the API and the metrics say that of a platform.
func (s *service) quarantined(name string, want bool) error {
	_, body, err := s.get("/api/v1/platforms")
	if err != nil {
		return err
	}
	var list struct {
		Platforms []struct {
			Name        string     `json:"name"`
			Quarantined bool       `json:"quarantined"`
			Until       *time.Time `json:"quarantined_until"`
		} `json:"platforms"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		return err
	}
	for _, p := range list.Platforms {
		if p.Name == name && p.Quarantined == want && (p.Until != nil) == want {
			return s.shows(fmt.Sprintf("agentkeeper_quarantined{platform=%q}", name), map[bool]float64{true: 1}[want])
		}
	}
	return fmt.Errorf("quarantine of %s is not %v: %s", name, want, body)
}

// TestLockoutOverRestarts has wrong passwords for ten accounts: three attempts, though the
// service is started four times.
func TestLockoutOverRestarts(t *testing.T) {
	t.Parallel()
	s := runtelSite(t, 10, 10)
	for i, end := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGUSR2, syscall.SIGTERM} {
		k := s.run()
		within(t, patience, "the quarantine", func() error { return k.quarantined("hq", true) })
		throughout(t, 3*time.Second, "no further attempt", func() error {
			if n := s.platform.runtel().Total.SignIns; n > 3 {
				return fmt.Errorf("%d attempts after %d starts, want at most 3", n, i+1)
			}
			return nil
		})
		k.signal(end)
		k.code(patience)
	}
	for login, a := range s.platform.runtel().Agents {
		if a.Repeated != 0 || a.Refusals > 1 {
			t.Errorf("agent %s: %d refusals, want at most one", login, a.Refusals)
		}
	}
}

// TestBanned has the platform ban the service's address after the first refused
// log-in: what vanishes then is taken for what it is.
func TestBanned(t *testing.T) {
	t.Parallel()
	for _, ban := range []string{"drop", "refuse", "http", "code"} {
		t.Run(ban, func(t *testing.T) {
			t.Parallel()
			s := runtelSite(t, 8, 1, "--fail-limit", "1", "--ban", ban)
			all := s.members
			s.members, s.signIn = all[:1], "rate: 20, concurrent: 2, timeout: 3s"
			s.write()
			k := s.run()
			within(t, patience, "the parking", func() error { return k.is("101", "parked", "refused") })
			s.members = all
			s.write()
			k.signal(syscall.SIGHUP)
			within(t, patience, "the quarantine", func() error { return k.quarantined("hq", true) })
			within(t, patience, "an agent's reason", func() error { return k.is("108", "waiting", "quarantine") })
			tried := s.platform.runtel().Total.SignIns
			throughout(t, 3*time.Second, "no further attempt", func() error {
				if n := s.platform.runtel().Total.SignIns; n > tried+2 { // those in flight
					return fmt.Errorf("%d attempts, %d when the quarantine began", n, tried)
				}
				return nil
			})
			t.Logf("banned by %s: quarantined after %d log-ins", ban, tried)
		})
	}
}

// TestSharedService has two platforms at one host and port: what one refuses
// counts at the other, and not at a third at another port.
func TestSharedService(t *testing.T) {
	t.Parallel()
	s := runtelSite(t, 3, 3)
	far := simulate(t, "runtel", []string{"201"})
	s.password("201", secret)
	s.platforms = []string{"branch: {vendor: runtel, url: " + s.platform.url + "}", "far: {vendor: runtel, url: " + far.url + "}"}
	s.groups = []string{
		`{name: branch, platform: branch, passwords_dir: secrets, agents: [{login: "201"}]}`,
		`{name: far, platform: far, passwords_dir: secrets, agents: [{login: "201"}]}`,
	}
	s.write()
	k := s.run()
	for _, name := range []string{"hq", "branch"} {
		within(t, patience, "the quarantine of "+name, func() error { return k.quarantined(name, true) })
	}
	if n := s.platform.runtel().Total.SignIns; n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
	within(t, patience, "the sign-in at another port", func() error {
		if n := far.runtel().Total.SignIns; n != 1 {
			return fmt.Errorf("%d attempts, want 1", n)
		}
		return k.quarantined("far", false)
	})
}

// TestSecretFile empties, removes and corrects password files.
func TestSecretFile(t *testing.T) {
	t.Parallel()
	s := runtelSite(t, 2, 1)
	k := s.run()
	within(t, patience, "the parking", func() error { return k.is("101", "parked", "refused") })
	within(t, patience, "the good agent", func() error { return k.is("102", "online", "") })
	path := filepath.Join(s.dir, "secrets", "102")
	const warning = "a changed secret cannot be read; the old one stays in use"
	for i, spoil := range []func() error{func() error { return os.Truncate(path, 0) }, func() error { return os.Remove(path) }} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		within(t, patience, "the warning", func() error { return k.says(warning, i+1) })
		throughout(t, 7*time.Second, "one warning", func() error {
			if n := len(k.logged(warning)); n > i+1 {
				return fmt.Errorf("%d warnings, want %d", n, i+1)
			}
			return k.is("102", "online", "")
		})
	}
	k.refusedByAll("102", k.credential("102"), 1) // a new log-in, with the old password
	s.password("101", secret)
	began := time.Now()
	s.awaitOnline(k)
	t.Logf("a corrected secret acted after %v", time.Since(began).Round(time.Millisecond))
	if n := s.platform.runtel().Agents["102"].Refusals; n != 0 {
		t.Errorf("the old password was not used: %d refusals", n)
	}
	k.stop()
}
