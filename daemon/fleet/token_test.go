package fleet_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
)

// A token that changes in its file is told to the platform by a new sign-in,
// one session out and in; one that the vendor does not take changes nothing, and
// a restart with the same one adopts.
func TestTokenChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 2)
		a := &s.cfg.Agents[0]
		a.TokenSource, a.Token = &config.Source{Key: "service_token_file", Path: path}, session.NewSecret("first")
		s.start()
		time.Sleep(time.Minute)
		if ins, _, _ := s.operations(); ins != 2 {
			t.Fatalf("%d sign-ins", ins)
		}
		write("a token that is too bad")
		time.Sleep(time.Minute)
		if ins, outs, _ := s.operations(); ins+outs != 0 {
			t.Errorf("a bad token: %d sign-ins, %d sign-outs", ins, outs)
		}
		write("second")
		time.Sleep(10 * time.Second)
		if ins, outs, _ := s.operations(); ins != 1 || outs != 1 || s.token("1") != "second" {
			t.Errorf("%d sign-ins, %d sign-outs, token %q", ins, outs, s.token("1"))
		}
		a.Token = session.NewSecret("second")
		s.restart()
		time.Sleep(time.Minute)
		if ins, outs, _ := s.operations(); ins+outs != 0 {
			t.Errorf("a restart: %d sign-ins, %d sign-outs", ins, outs)
		}
		write("third") // while nobody looks
		a.Token = session.NewSecret("third")
		s.restart()
		time.Sleep(time.Minute)
		if ins, outs, _ := s.operations(); ins != 1 || outs != 1 || s.token("1") != "third" {
			t.Errorf("a restart with another token: %d sign-ins, %d sign-outs, token %q", ins, outs, s.token("1"))
		}
		if left := s.stop(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}

// A plan of a configuration without its secrets takes a token to be the one of
// now where it comes from the same file, and another where it does not.
func TestPlanWithoutSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.cfg.Agents[0].TokenSource = &config.Source{Key: "service_token_file", Path: path}
		s.cfg.Agents[0].Token = session.NewSecret("first")
		s.start()
		time.Sleep(time.Minute)
		for from, want := range map[string]int{path: 0, path + "2": 1, "": 1} {
			cfg := s.cfg
			cfg.SecretsUnread, cfg.Agents = true, slices.Clone(cfg.Agents)
			a := &cfg.Agents[0]
			a.Password, a.Token = session.Secret{}, session.Secret{}
			a.TokenSource = &config.Source{Key: "service_token_file", Path: from}
			if plan := s.fleet.Plan(&cfg); len(plan.Change) != want || len(plan.Change)+len(plan.Leave) != 1 {
				t.Errorf("the token from %q: %+v", from, plan)
			}
		}
		if left := s.stop(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}
