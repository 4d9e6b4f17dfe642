package fleet_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

func in(t *testing.T, what string, s *site, want map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, s.signedIn()); diff != "" {
		t.Errorf("%s: signed in (-want +got):\n%s", what, diff)
	}
}

// A secret file that changes with the configuration does not bring the old
// configuration back while the agent is on its way out and in.
func TestSecretChangesDuringReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "1")
		write(t, path, "good\n")
		s := newSite(t, 1)
		s.takes = 8 * time.Second
		s.cfg.Agents[0].Source = config.Source{Key: "password_file", Path: path}
		s.start()
		time.Sleep(time.Minute)
		write(t, path, "better\n")
		s.change(func() { s.passwords["1"] = "better" })
		s.cfg.Agents[0].Number, s.cfg.Agents[0].Password = "200", session.NewSecret("better")
		s.apply()
		time.Sleep(time.Minute)
		in(t, "after the reload", s, map[string]string{"1": "200"})
		s.stop()
	})
}

// A secret that could not be read is read as soon as it can be, though the
// file's stamp is the same.
func TestSecretReadableLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "1")
		write(t, path, "\n")
		s := newSite(t, 1)
		s.passwords["1"] = "x"
		s.cfg.Agents[0].Source = config.Source{Key: "password_file", Path: path}
		s.start()
		time.Sleep(time.Minute)
		in(t, "with the old password", s, map[string]string{})
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, "x")
		if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		in(t, "ten seconds later", s, map[string]string{"1": "100"})
		s.stop()
	})
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// While one keeper hands an agent over to the next, other orders come: none of
// them may leave it signed in.
func TestOrdersDuringHandOver(t *testing.T) {
	for name, order := range map[string]struct {
		give func(*site)
		want map[string]string
	}{
		"stop":    {func(s *site) { s.stop() }, map[string]string{}},
		"removal": {func(s *site) { s.cfg.Agents = nil; s.apply() }, map[string]string{}},
		"number":  {func(s *site) { s.cfg.Agents[0].Number = "200"; s.apply() }, map[string]string{"1": "200"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, 1)
				s.start()
				time.Sleep(time.Minute)
				s.change(func() { s.closing = 2 * time.Second })
				s.cfg.Agents[0].Options = "b" // adopted by the next keeper
				s.apply()
				time.Sleep(time.Second)
				order.give(s)
				time.Sleep(time.Minute)
				in(t, "in the end", s, order.want)
				s.stop()
				in(t, "after the stop", s, map[string]string{})
			})
		})
	}
}

// An agent that comes back while its record is being removed keeps the new one.
func TestBackWhileForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.start()
		time.Sleep(time.Minute)
		s.store.slow.Store(int64(5 * time.Second))
		agents := s.cfg.Agents
		s.cfg.Agents = nil
		s.apply()
		time.Sleep(2 * time.Second)
		s.cfg.Agents = agents
		s.apply()
		time.Sleep(time.Minute)
		in(t, "back", s, map[string]string{"1": "100"})
		s.operations()
		s.restart()
		time.Sleep(time.Minute)
		if ins, outs, _ := s.operations(); ins != 0 || outs != 0 {
			t.Errorf("after the restart: %d sign-ins and %d sign-outs, want adoption", ins, outs)
		}
		s.stop()
	})
}

// A credential file goes with the session, however that ends.
func TestCredentialFileGoes(t *testing.T) {
	for name, end := range map[string]func(*site){
		"removed": func(s *site) { s.cfg.Agents = nil; s.apply() },
		"lost over a restart": func(s *site) {
			s.fleet.HandOver(s.t.Context(), "test")
			s.store.Memory = s.store.Restart()
			s.change(func() { s.numbers, s.passwords["1"] = map[string]string{}, "changed" })
			s.start()
		},
		"signed out by a person over a restart": func(s *site) {
			id := session.ID{Platform: "hq", Login: "1"}
			s.fleet.HandOver(s.t.Context(), "test")
			s.store.Memory = s.store.Restart()
			if err := s.store.Put(s.t.Context(), store.Wishes, id.String(), []byte(`{"verb":"pause"}`)); err != nil {
				s.t.Fatal(err)
			}
			s.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "credential.json")
				s := newSite(t, 1)
				s.cfg.Agents[0].Credential.Path = path
				s.start()
				time.Sleep(time.Minute)
				if _, err := os.Stat(path); err != nil {
					t.Fatalf("while online: %v", err)
				}
				s.restart()
				if _, err := os.Stat(path); err != nil {
					t.Fatalf("right after a hand-over: %v", err)
				}
				time.Sleep(time.Minute)
				end(s)
				time.Sleep(time.Minute)
				if _, err := os.Stat(path); err == nil {
					t.Error("the file of a dead credential is still there")
				}
				s.stop()
			})
		})
	}
}

// A credential file that another agent takes over stays.
func TestCredentialFileTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "credential.json")
		s := newSite(t, 2)
		s.cfg.Agents[0].Credential.Path = path
		s.start()
		time.Sleep(time.Minute)
		s.cfg.Agents[1].Credential.Path = path
		s.cfg.Agents[0].Credential.Path, s.cfg.Agents[0].Number = "", "200"
		s.change(func() { s.takes = 2 * time.Second }) // the file is the other's before the first one is out
		s.apply()
		time.Sleep(time.Second)
		if err := s.fleet.WriteCredential(s.cfg.Agents[0].ID); err != nil { // as when it changes meanwhile
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "token of 2") {
			t.Errorf("%q, %v", text, err)
		}
		s.stop()
	})
}

// After a mass change of secrets one agent goes first: by a reload, and by a
// restart.
func TestMassChange(t *testing.T) {
	for name, again := range map[string]func(*site){"reload": (*site).apply, "restart": (*site).restart} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, 2)
				s.cfg.Platforms[0].Lockout.Failures = 20 // whose budget is not what is tested
				s.passwords["1"], s.passwords["2"] = "new", "new"
				s.start()
				time.Sleep(time.Minute)
				s.operations()
				s.change(func() { s.takes = 2 * time.Second })
				s.cfg.Agents[0].Password, s.cfg.Agents[1].Password = session.NewSecret("new"), session.NewSecret("new")
				again(s)
				time.Sleep(time.Minute)
				if ins, _, most := s.operations(); ins != 2 || most != 1 {
					t.Errorf("%d sign-ins, %d at once; want 2, one after the other", ins, most)
				}
				in(t, "in the end", s, map[string]string{"1": "100", "2": "101"})
				s.stop()
			})
		})
	}
}

// A refused password is not tried again for a change that is none of its
// agent's.
func TestRefusedStaysParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.passwords["1"] = "other"
		s.start()
		time.Sleep(time.Minute)
		for _, step := range []struct {
			name   string
			change func()
			ins    int
		}{
			{"start", func() {}, 1},
			{"the platform's window", func() { s.cfg.Platforms[0].Window = time.Minute }, 0},
			{"an option of the agent's", func() { s.cfg.Agents[0].Options = "b" }, 1},
			{"its number", func() { s.cfg.Agents[0].Number = "200" }, 1},
		} {
			step.change()
			s.apply()
			time.Sleep(20 * time.Minute)
			if ins, _, _ := s.operations(); ins != step.ins {
				t.Errorf("%s: %d sign-ins, want %d", step.name, ins, step.ins)
			}
		}
		s.stop()
	})
}

// A platform that goes, with its agents or after them, and comes back is as
// quarantined as it was.
func TestPlatformGoesAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 4)
		for _, login := range []string{"1", "2", "3", "4"} {
			s.passwords[login] = "other"
		}
		s.start()
		time.Sleep(time.Minute)
		if ins, _, _ := s.operations(); ins != 3 {
			t.Fatalf("%d sign-ins, want 3", ins)
		}
		platforms, agents := s.cfg.Platforms, s.cfg.Agents
		s.cfg.Platforms, s.cfg.Agents = nil, nil
		s.apply()
		time.Sleep(time.Second)
		if left := s.fleet.Platforms(); len(left) != 0 {
			t.Errorf("the platform without agents is still there: %+v", left)
		}
		s.cfg.Platforms, s.cfg.Agents = platforms, agents
		s.apply()
		time.Sleep(10 * time.Minute)
		if ins, _, _ := s.operations(); ins != 0 {
			t.Errorf("%d sign-ins in the quarantine", ins)
		}
		s.cfg.Agents = nil
		s.apply()
		time.Sleep(time.Second)
		s.cfg.Platforms = nil
		s.apply()
		if left := s.fleet.Platforms(); len(left) != 0 {
			t.Errorf("the platform that had no agents is still there: %+v", left)
		}
		s.cfg.Platforms, s.cfg.Agents = platforms, agents
		s.apply()
		time.Sleep(time.Second)
		if a, _ := s.fleet.Agent(agents[0].ID); a.View.Reason != session.ReasonQuarantine {
			t.Errorf("reason %q, want quarantine", a.View.Reason)
		}
		s.stop()
	})
}

// A person's word counts though the agent is on its way out and in.
func TestCommandDuringReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.start()
		time.Sleep(time.Minute)
		s.change(func() { s.takes = 10 * time.Second })
		s.cfg.Agents[0].Number = "200"
		s.apply()
		time.Sleep(time.Second)
		if err := s.fleet.Command(t.Context(), session.ID{Platform: "hq", Login: "1"}, fleet.Pause, "tester", "a test", 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		in(t, "paused", s, map[string]string{})
		if ins, outs, _ := s.operations(); ins != 1 || outs != 1 {
			t.Errorf("%d sign-ins and %d sign-outs, want 1 and 1", ins, outs)
		}
		s.stop()
	})
}

// A changed back-off acts on agents that run, without an end of their sessions.
func TestBackoffOfAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 1)
		s.cfg.Platforms[0].Backoff = config.Backoff{Initial: time.Second, Max: time.Second}
		s.start()
		attempts := func(d time.Duration) int { // of an agent whose sessions do not last
			s.operations()
			for range d / time.Second {
				time.Sleep(time.Second)
				s.change(func() { delete(s.numbers, "1") })
			}
			ins, _, _ := s.operations()
			return ins
		}
		if n := attempts(45 * time.Second); n < 3 {
			t.Errorf("%d sign-ins with a back-off of a second", n)
		}
		s.cfg.Platforms[0].Backoff = config.Backoff{Initial: time.Hour, Max: time.Hour}
		s.apply()
		if n := attempts(time.Minute); n > 2 {
			t.Errorf("%d sign-ins in the minute after a back-off of an hour was configured", n)
		}
		if left := s.stop(); len(left) > 0 {
			t.Errorf("left %v", left)
		}
	})
}
