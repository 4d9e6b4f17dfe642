package huaweiconfig

import (
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/vendortest"
	"agentkeeper/vendors/option"
)

// The secrets of the dialogues; none may show in any error.
const (
	pass  = "Hunter2-pass"
	guid1 = "1111-aaaa.AgentGateway1"
	guid2 = "2222-bbbb.AgentGateway1"
	elb   = "elb-c00kie"
)

// leaky is a vendor's message that repeats every secret.
const leaky = "pass " + pass + " guid " + guid1 + " " + guid2 + " value " + elb

const good = `{"message":"success","retcode":"0","result":[]}`

// reply is one scripted answer.
type reply struct {
	status int
	header http.Header
	body   string
	wait   time.Duration
	reset  bool
}

// welcomed is the documented answer to a login.
var welcomed = reply{
	header: http.Header{"Guid": {guid1}, "Set-Cookie": {"huaweielbsession=" + elb + "; Path=/"}},
	body:   `{"result":{"guid":"` + guid1 + `"},"message":"success","retcode":"0"}`,
}

func says(body string) reply { return reply{body: body} }
func status(n int) reply     { return reply{status: n, body: leaky} }

// coded is a failure of the platform's that names what it should not.
func coded(retcode string) reply {
	return reply{header: welcomed.header.Clone(), body: `{"message":"` + leaky + `","retcode":"` + retcode + `"}`}
}

// arrival is one request as it came.
type arrival struct {
	at     time.Time
	line   string // method, path and key
	body   string
	header http.Header
}

// gateway gives the scripted replies in turn, then the last one for ever.
type gateway struct {
	mu      sync.Mutex
	replies []reply
	seen    []arrival
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s := g.next(r, string(body))
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
	w.WriteHeader(max(s.status, 200))
	_, _ = io.WriteString(w, s.body)
}

func (g *gateway) next(r *http.Request, body string) reply {
	g.mu.Lock()
	defer g.mu.Unlock()
	line := r.Method + " " + r.URL.RequestURI()
	if guid := r.Header.Get("Guid"); guid != "" {
		line += " guid=" + guid
	}
	if c := r.Header.Get("Cookie"); c != "" {
		line += " " + c
	}
	g.seen = append(g.seen, arrival{time.Now(), line, body, r.Header})
	s := g.replies[0]
	if len(g.replies) > 1 {
		g.replies = g.replies[1:]
	}
	return s
}

func (g *gateway) arrivals() []arrival {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]arrival(nil), g.seen...)
}

// play opens the adapter before a gateway that gives the replies in turn.
func play(t *testing.T, replies ...reply) (session.Platform, *gateway) {
	t.Helper()
	g := &gateway{replies: replies}
	return newPlatform(vendortest.Place(t, g, window)), g
}

// account is 101 with the options as a person would write them.
func account(t *testing.T, options option.Set) session.Account {
	t.Helper()
	decoded, _, problems := decode(options, window)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return session.Account{ID: session.ID{Platform: "hq", Login: "101"}, Password: session.NewSecret(pass), Options: decoded}
}

func signIn(t *testing.T, p session.Platform, a session.Account) session.Session {
	t.Helper()
	return vendortest.SignIn(t, p, a)
}

// secrets are what no error may show.
var secrets = []string{pass, guid1, guid2, elb}

// fault returns err as a *session.Fault and checks that it shows no secret.
func fault(t *testing.T, err error) *session.Fault {
	t.Helper()
	return vendortest.Fault(t, err, secrets...)
}

func noSecret(t *testing.T, shown string) {
	t.Helper()
	vendortest.NoSecret(t, shown, secrets...)
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
