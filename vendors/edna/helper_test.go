package edna

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/vendortest"
	"agentkeeper/vendors/option"
)

// The secrets of the dialogues; none may show in any error.
const (
	pass   = "Hunter2-pass"
	token1 = "opaque-token-one"
	token2 = "opaque-token-two"
)

// leaky is a platform's message that repeats every secret.
const leaky = "pass " + pass + " token " + token1

// settingsOf decodes options as a person would write them.
func settingsOf(t *testing.T, options map[string]string) Settings {
	t.Helper()
	set := option.Set{}
	for name, text := range options {
		set[name] = option.Value{Text: text}
	}
	decoded, _, problems := decode(set, window)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, ok := decoded.(Settings)
	if !ok {
		t.Fatalf("decode made a %T", decoded)
	}
	return s
}

func account(t *testing.T, options map[string]string) session.Account {
	t.Helper()
	return session.Account{ID: session.ID{Platform: "chat", Login: "keeper"}, Password: session.NewSecret(pass), Options: settingsOf(t, options)}
}

// withProbe are the options of an account that has a probe.
var withProbe = map[string]string{"probe": "/api/v1/threads/1?x=1"}

// reply is one answer of a scripted platform.
type reply struct {
	status int // 0 = 200
	header http.Header
	body   string
	came   func() // called when the request arrived
	wait   time.Duration
	reset  bool
	cut    bool // the connection breaks in the middle of the body
}

// script is a platform that gives its answers in order, log-ins and other
// requests apart; the last one of each is repeated.
type script struct {
	mu      sync.Mutex
	logIns  []reply
	probes  []reply
	arrived []arrival
}

type arrival struct {
	at     time.Time
	line   string
	header http.Header
	body   string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	next := s.next(r, arrival{time.Now(), r.Method + " " + r.URL.RequestURI(), r.Header.Clone(), string(body)})
	if next.came != nil {
		next.came()
	}
	select {
	case <-time.After(next.wait):
	case <-r.Context().Done():
		return
	}
	if next.reset {
		panic(http.ErrAbortHandler)
	}
	for name, values := range next.header {
		w.Header()[name] = values
	}
	if next.cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(next.body)+10))
	}
	if next.status != 0 {
		w.WriteHeader(next.status)
	}
	_, _ = io.WriteString(w, next.body)
}

func (s *script) next(r *http.Request, a arrival) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = append(s.arrived, a)
	list := &s.probes
	if r.Method == http.MethodPost {
		list = &s.logIns
	}
	if len(*list) == 0 {
		return reply{status: http.StatusTeapot}
	}
	first := (*list)[0]
	if len(*list) > 1 {
		*list = (*list)[1:]
	}
	return first
}

func (s *script) seen() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]arrival(nil), s.arrived...)
}

// good is a log-in's answer in the dialect of the Russian page.
func good(token string) reply {
	return reply{
		header: http.Header{"Authorization": {"Bearer " + token}},
		body:   `{"userId":0,"login":"keeper","token":"` + token + `","role":"INTEGRATION"}`,
	}
}

// open puts the adapter before the script.
func open(t *testing.T, s *script) session.Platform {
	t.Helper()
	return newPlatform(vendortest.Place(t, s, window))
}

// enter signs in.
func enter(t *testing.T, p session.Platform, a session.Account) session.Session {
	t.Helper()
	return vendortest.SignIn(t, p, a)
}

// secrets are what no error may show.
var secrets = []string{pass, token1, token2}

// faultOf returns err as a *session.Fault and checks that it shows no secret.
func faultOf(t *testing.T, err error) *session.Fault {
	t.Helper()
	return vendortest.Fault(t, err, secrets...)
}

func noSecret(t *testing.T, shown string) {
	t.Helper()
	vendortest.NoSecret(t, shown, secrets...)
}

// codesOf lists the warnings' codes.
func codesOf(s session.Session) []string {
	var codes []string
	for _, w := range s.Info().Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}
