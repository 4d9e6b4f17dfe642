package huawei

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/vendortest"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/option"
)

// The secrets of the dialogues; none may show in any error.
const (
	pass  = "Hunter2-pass"
	guid1 = "1111-aaaa.AgentGateway0"
	guid2 = "2222-bbbb.AgentGateway1"
	elb   = "elb-c00kie"
	tok   = "t0ken-of-ours"
)

// account is agent 291 with the options as a person would write them.
func account(t *testing.T, options map[string]string) session.Account {
	t.Helper()
	set := option.Set{"reset_skills": {Text: "none"}}
	for name, text := range options {
		set[name] = option.Value{Text: text}
	}
	decoded, _, problems := decode(set, window)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return session.Account{ID: session.ID{Platform: "hq", Login: "291"}, Number: "40038", Password: session.NewSecret(pass), Options: decoded}
}

// gateway plays a dialogue written as text: for every request a line
//
//	> METHOD path [guid=…] [cookie=…]
//
// then "< status", headers as further "< Name: value" lines and a body up to the
// next request. "< wait 5s" delays the answer, "< reset" drops the connection.
// A request that differs from the script fails the test.
type gateway struct {
	t *testing.T

	mu    sync.Mutex
	steps []step
	seen  []arrival
}

type step struct {
	want   string
	status int
	header http.Header
	body   string
	wait   time.Duration
	reset  bool
}

type arrival struct {
	at   time.Time
	line string
	body string
}

func script(t *testing.T, text string) []step {
	t.Helper()
	var steps []step
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if want, ok := strings.CutPrefix(line, "> "); ok {
			steps = append(steps, step{want: want, status: 200, header: http.Header{}})
			continue
		}
		if line == "" || len(steps) == 0 {
			continue
		}
		s := &steps[len(steps)-1]
		directive, ok := strings.CutPrefix(line, "< ")
		if !ok {
			s.body += line
			continue
		}
		s.direct(t, directive)
	}
	return steps
}

func (s *step) direct(t *testing.T, directive string) {
	t.Helper()
	if directive == "reset" {
		s.reset = true
		return
	}
	if text, ok := strings.CutPrefix(directive, "wait "); ok {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		s.wait = d
		return
	}
	if name, value, ok := strings.Cut(directive, ": "); ok {
		s.header.Add(name, value)
		return
	}
	status, err := strconv.Atoi(directive)
	if err != nil {
		t.Fatalf("script: %q: %v", directive, err)
	}
	s.status = status
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		g.t.Errorf("request body: %v", err)
	}
	line := describe(r)
	g.mu.Lock()
	g.seen = append(g.seen, arrival{time.Now(), line, string(body)})
	if len(g.steps) == 0 || g.steps[0].want != line {
		g.t.Errorf("unexpected request %q; the script's rest is %v", line, g.steps)
		g.mu.Unlock()
		w.WriteHeader(http.StatusTeapot)
		return
	}
	s := g.steps[0]
	g.steps = g.steps[1:]
	g.mu.Unlock()
	s.play(w, r)
}

func (s step) play(w http.ResponseWriter, r *http.Request) {
	select {
	case <-time.After(s.wait):
	case <-r.Context().Done():
		return
	}
	if s.reset {
		panic(http.ErrAbortHandler)
	}
	for name, values := range s.header {
		w.Header()[name] = values
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

func describe(r *http.Request) string {
	line := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), ccgateway.Base+"/")
	if g := r.Header.Get("Guid"); g != "" {
		line += " guid=" + g
	}
	if c := r.Header.Get("Cookie"); c != "" {
		line += " cookie=" + c
	}
	if token := r.Header.Get("service_token"); token != "" {
		line += " token=" + token
	}
	if ct := r.Header.Get("Content-Type"); ct != "application/json; charset=UTF-8" {
		line += " content-type=" + ct
	}
	return line
}

// arrivals returns what came so far.
func (g *gateway) arrivals() []arrival {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]arrival(nil), g.seen...)
}

// play opens the adapter before a gateway that follows text. The test fails if
// the script is not played to its end.
func play(t *testing.T, text string) (session.Platform, *gateway) {
	t.Helper()
	g := &gateway{t: t, steps: script(t, text)}
	t.Cleanup(func() { // after the server's end
		if len(g.steps) > 0 {
			t.Errorf("not played: %v", g.steps)
		}
	})
	return newPlatform(vendortest.Place(t, g, window)), g
}

const welcomed = `
> PUT onlineagent/291
< Set-GUID: JSESSIONID=` + guid1 + `
< Set-Cookie: huaweielbsession=` + elb + `; Path=/; HttpOnly
{"message":"success","retcode":"0","result":{"vdnid":1,"workno":"291","mediatype":"TTF","loginTime":"946684800000","isForceChange":"false","serverName":"AgentGateway","timeRemaining":"90"}}
`

// with1 and with2 end a script's request line with the session's key.
const (
	with1 = " guid=" + guid1 + " cookie=huaweielbsession=" + elb
	with2 = " guid=" + guid2 + " cookie=huaweielbsession=" + elb
)

// enter signs 291 in by the script's first exchange.
func enter(t *testing.T, p session.Platform, a session.Account) session.Session {
	t.Helper()
	return vendortest.SignIn(t, p, a)
}

// fault returns err as a *session.Fault and checks that it shows no secret.
func fault(t *testing.T, err error) *session.Fault {
	t.Helper()
	return vendortest.Fault(t, err, pass, guid1, guid2, elb, tok)
}

// leaky is a vendor's message that repeats every secret.
const leaky = "pass " + pass + " guid " + guid1 + " " + guid2 + " value " + elb
