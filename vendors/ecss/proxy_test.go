package ecss_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/ecss"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/trace"
	"agentkeeper/vendors/wire"
)

const (
	password = "pass-word-4711"
	token    = "0123abcd:tok-en"
)

// proxy is a platform that does what a test's script says.
type proxy struct {
	line     *sim.PipeListener
	platform session.Platform
	options  option.Set
	log      *strings.Builder
	traces   *trace.Traces // nobody, until a test says so
	told     []trace.Line
}

// serve runs a platform behind handler for one test, which must be in a bubble.
func serve(t *testing.T, handler http.Handler) *proxy {
	t.Helper()
	p := &proxy{line: sim.Pipe(), options: option.Set{}, log: &strings.Builder{}}
	p.traces = trace.New(func(l trace.Line) { p.told = append(p.told, l) })
	server := sim.Serve(p.line, handler, nil)
	t.Cleanup(func() { _ = server.Close() })
	p.platform = ecss.Vendor.Open(wire.Place{
		Name: "cc", URL: &url.URL{Scheme: "ws", Host: "10.0.0.5:8091"}, DialContext: p.line.DialContext,
		OperationTimeout: 30 * time.Second, Window: 75 * time.Second,
		Log: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Traces: p.traces,
	})
	return p
}

// scripted runs script on every websocket that opens.
func scripted(t *testing.T, script func(*peer)) *proxy {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		script(&peer{conn: c, request: r})
		_ = c.CloseNow()
	}))
}

func (p *proxy) set(name, value string) *proxy {
	p.options[name] = option.Value{Text: value}
	return p
}

func (p *proxy) account(t *testing.T) session.Account {
	t.Helper()
	options, _, problems := ecss.Vendor.Decode(p.options, time.Hour)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return session.Account{ID: session.ID{Platform: "cc", Login: "291"}, Number: "40038", Password: session.NewSecret(password), Options: options}
}

func (p *proxy) trySignIn(t *testing.T) (session.Session, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return p.platform.SignIn(ctx, p.account(t), false)
}

func (p *proxy) signIn(t *testing.T) session.Session {
	t.Helper()
	s, err := p.trySignIn(t)
	if err != nil {
		t.Fatalf("sign-in: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// peer is the platform's end of one websocket.
type peer struct {
	conn    *websocket.Conn
	request *http.Request
}

type asked struct {
	Action  string
	ID      json.Number `json:"requestId"`
	Payload json.RawMessage
}

// hear returns the client's next request; Action "" means that it is gone.
func (p *peer) hear() asked {
	var a asked
	if _, data, err := p.conn.Read(context.Background()); err == nil {
		_ = json.Unmarshal(data, &a)
	}
	return a
}

func (p *peer) say(format string, args ...any) {
	_ = p.conn.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, format, args...))
}

func (p *peer) reply(a asked, status int, payload string) {
	p.say(`{"action":%q,"requestId":%s,"payload":%s,"status":%d}`, a.Action, a.ID, payload, status)
}

// admit answers a login with success.
func (p *peer) admit(autoLogout string) {
	p.reply(p.hear(), 200, `{"token":"`+token+`","supervisor":false,"agentId":"7","autoLogoutTimeout":`+autoLogout+`}`)
}

// idle answers everything with an empty list until the client is gone.
func (p *peer) idle() {
	for a := p.hear(); a.Action != ""; a = p.hear() {
		p.reply(a, 200, `[]`)
	}
}

func next(t *testing.T, s session.Session) []session.Event {
	t.Helper()
	b, err := sessiontest.Next(t.Context(), s)
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	return b.Events
}

// noSecret fails the test when text shows a secret.
func noSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{password, token} {
		if strings.Contains(text, secret) {
			t.Errorf("%q shows %q", text, secret)
		}
	}
}

// faultOf returns err as a fault and checks what holds for every fault.
func faultOf(t *testing.T, err error) *session.Fault {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	f := session.AsFault(err)
	if _, _, ok := ecss.Vendor.Codes.Explain(f.Code); !ok || f.Text == "" {
		t.Errorf("nobody can explain %+v", f)
	}
	noSecret(t, f.Error()+f.Action)
	return f
}

// is fails the test unless err is of that kind, cause and code.
func is(t *testing.T, err error, kind session.Kind, cause session.Cause, code string) {
	t.Helper()
	f := faultOf(t, err)
	if f.Kind != kind || f.Cause != cause || f.Code != code {
		t.Errorf("got %s/%s/%s (%v), want %s/%s/%s", f.Kind, f.Cause, f.Code, f, kind, cause, code)
	}
}
