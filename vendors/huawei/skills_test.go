package huawei

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

// skilled is a gateway that holds polls for 10 s and answers resetskill by the
// function.
type skilled struct {
	answer func(n int) (status int, guid, body string)

	mu    sync.Mutex
	polls []string // their Guids
	asked []string
	at    []time.Duration // since the first request
	began time.Time
}

func (g *skilled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	switch {
	case strings.Contains(r.URL.Path, "/resetskill/"):
		g.reset(w, r)
	case r.Method == http.MethodPut:
		g.began = time.Now()
		w.Header().Set("Set-Guid", "JSESSIONID="+guid1)
		w.Header().Set("Set-Cookie", "elb="+elb)
		_, _ = io.WriteString(w, `{"retcode":"0"}`)
	default:
		g.mu.Lock()
		g.polls = append(g.polls, r.Header.Get("Guid"))
		g.mu.Unlock()
		time.Sleep(10 * time.Second)
		_, _ = io.WriteString(w, `{"retcode":"0"}`)
	}
}

func (g *skilled) reset(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.asked = append(g.asked, r.Method+" "+strings.TrimPrefix(r.URL.RequestURI(), ccgateway.Base+"/onlineagent/291/")+" "+r.Header.Get("Guid"))
	g.at = append(g.at, time.Since(g.began))
	n := len(g.asked)
	g.mu.Unlock()
	status, guid, body := g.answer(n)
	if status == 0 {
		time.Sleep(time.Hour)
	}
	if guid != "" {
		w.Header().Set("Set-Guid", "JSESSIONID="+guid)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (g *skilled) open(t *testing.T) session.Platform {
	t.Helper()
	l := sim.Pipe()
	server := sim.Serve(l, g, nil)
	t.Cleanup(func() { _ = server.Close() })
	return newPlatform(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}, DialContext: l.DialContext})
}

const granted = `{"message":"success","retcode":"0"}`

func TestSkillRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		options map[string]string
		want    []string
	}{
		"all":     {map[string]string{"reset_skills": "all"}, []string{"POST resetskill/true?phonelinkage=0 " + guid1}},
		"linkage": {map[string]string{"reset_skills": "all", "phonelinkage": "true"}, []string{"POST resetskill/true?phonelinkage=1 " + guid1}},
		"list":    {map[string]string{"reset_skills": "1;2;30"}, []string{"POST resetskill/false?skillid=1%3B2%3B30&phonelinkage=0 " + guid1}},
		"none":    {map[string]string{"reset_skills": "none"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &skilled{answer: func(int) (int, string, string) { return 200, "", granted }}
				s := enter(t, g.open(t), account(t, tt.options))
				for range 3 {
					if _, err := sessiontest.Next(t.Context(), s); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(tt.want, g.asked); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A failing resetskill is tried again with back-off, by polls that it neither
// delays nor ends, and stays a warning when it goes on.
func TestSkillsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &skilled{answer: func(n int) (int, string, string) {
			return 200, "", `{"retcode":"100-007","message":"` + leaky + `"}`
		}}
		s := enter(t, g.open(t), account(t, map[string]string{"reset_skills": "all"}))
		begin := time.Now()
		for range 10 {
			if _, err := sessiontest.Next(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took != 10*10*time.Second+9*200*time.Millisecond {
			t.Errorf("ten polls took %v: resetskill held them up", took)
		}
		want := []time.Duration{0, 10200 * time.Millisecond, 20400 * time.Millisecond, 30600 * time.Millisecond, 40800 * time.Millisecond}
		if diff := cmp.Diff(want, g.at); diff != "" {
			t.Error(diff)
		}
		warnings := s.Info().Warnings
		if len(warnings) != 1 || warnings[0].Code != "skills_not_set" || warnings[0].Action == "" {
			t.Fatalf("%+v", warnings)
		}
		fault(t, &session.Fault{Text: warnings[0].Text})
	})
}

func TestSkillsSucceedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &skilled{answer: func(n int) (int, string, string) {
			if n < 3 {
				return 503, "", ""
			}
			return 200, "", granted
		}}
		s := enter(t, g.open(t), account(t, map[string]string{"reset_skills": "all"}))
		for i, want := range []int{1, 1, 0, 0} {
			if _, err := sessiontest.Next(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if got := len(s.Info().Warnings); got != want {
				t.Errorf("after poll %d: %d warnings, want %d", i, got, want)
			}
		}
	})
}

// The key that resetskill brings becomes the session's only when a poll
// returns: the driver saves it before it is used.
func TestSkillsReplaceTheGuid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &skilled{answer: func(int) (int, string, string) {
			time.Sleep(10100 * time.Millisecond) // until between two polls
			return 200, guid2, granted
		}}
		s := enter(t, g.open(t), account(t, map[string]string{"reset_skills": "all"}))
		for i, want := range []string{guid1, guid1, guid2} {
			if got := s.Key().Reveal(); !strings.Contains(got, want) {
				t.Errorf("before poll %d the key is %s, want %s", i, got, want)
			}
			if _, err := sessiontest.Next(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			saved := s.Key()
			time.Sleep(time.Second)
			if _ = s.Info(); s.Key() != saved {
				t.Errorf("after poll %d the key changed unsaved", i)
			}
		}
		if diff := cmp.Diff([]string{guid1, guid1, guid2}, g.polls); diff != "" {
			t.Error(diff)
		}
	})
}

// A poll that meets the Guid that resetskill just replaced is no loss.
func TestSkillsRaceWithThePoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &skilled{answer: func(int) (int, string, string) { return 200, guid2, granted }}
		l := sim.Pipe()
		server := sim.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.Header.Get("Guid") == guid1 {
				time.Sleep(time.Second)
				_, _ = io.WriteString(w, `{"retcode":"100-006"}`)
				return
			}
			g.ServeHTTP(w, r)
		}), nil)
		defer server.Close()
		p := newPlatform(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}, DialContext: l.DialContext})
		s := enter(t, p, account(t, map[string]string{"reset_skills": "all"}))
		for i, want := range []session.Kind{session.Outage, session.OK} {
			if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != want {
				t.Fatalf("poll %d: %v", i, err)
			}
		}
	})
}

// Close ends a resetskill under way and waits for it, or the bubble would not
// end; an agent that must change its password is left alone.
func TestSkillsAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &skilled{answer: func(int) (int, string, string) { return 0, "", "" }}
		s := enter(t, g.open(t), account(t, map[string]string{"reset_skills": "all"}))
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("closing took %v", took)
		}
		time.Sleep(2 * time.Hour) // the gateway's end of it
	})
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, "> PUT onlineagent/291\n< Set-GUID: JSESSIONID="+guid1+"\n"+`{"retcode":"0","result":{"isForceChange":"true"}}
			> GET agentevent/291 guid=`+guid1+quiet)
		s := enter(t, p, account(t, map[string]string{"reset_skills": "all"}))
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Error(err)
		}
	})
}
