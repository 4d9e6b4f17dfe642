package ecss_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	platform "agentkeeper/test/sim/ecss"
	"agentkeeper/vendors/ecss"
	"agentkeeper/vendors/wire"
)

func TestSignInSaysWhatTheVendorDocuments(t *testing.T) {
	tests := map[string]struct {
		options map[string]string
		path    string
		origin  string
		payload string
	}{
		"defaults": {nil, "/", "", `{"login":"291","password":"` + password + `","number":"40038","profile":"default","role":"operator"}`},
		"all": {
			map[string]string{"profile": "night", "domain": "pbx.local", "role": "", "login_path": "/cc?v=2", "origin": "https://ui.example"},
			"/cc?v=2", "https://ui.example",
			`{"login":"291","password":"` + password + `","number":"40038","profile":"night","domain":"pbx.local"}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got asked
				var r *http.Request
				p := scripted(t, func(p *peer) {
					r, got = p.request, p.hear()
					p.reply(got, 200, `{"token":"`+token+`","agentId":"7","autoLogoutTimeout":null}`)
					p.idle()
				})
				for option, value := range tt.options {
					p.set(option, value)
				}
				s := p.signIn(t)
				want := asked{Action: "login", ID: "1", Payload: json.RawMessage(tt.payload)}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
				if r.RequestURI != tt.path || r.Header.Get("Origin") != tt.origin || r.Header.Get("Sec-WebSocket-Extensions") != "" {
					t.Errorf("opened %s with %v", r.RequestURI, r.Header)
				}
				known(t, s)
			})
		})
	}
}

// known checks what a session tells about itself.
func known(t *testing.T, s session.Session) {
	t.Helper()
	if got, want := s.Key().Reveal(), `{"token":"`+token+`","agentId":"7"}`; got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	c := s.Info().Credential
	if c.Token.Reveal() != token || c.Header != nil || c.IssuedAt.IsZero() || !c.ExpiresAt.IsZero() {
		t.Errorf("credential %+v", c)
	}
}

func TestFailuresEndToEnd(t *testing.T) {
	for _, position := range []string{
		`{"action":"login","requestId":1,"payload":%s,"status":401}`,
		`{"action":"login","requestId":"1","payload":{"error":%s},"status":"401"}`,
		`{"action":"login","requestId":1,"message":%s,"status":401}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			p := scripted(t, func(p *peer) {
				p.hear()
				p.say(position, `"Requested number is occupied"`)
				p.hear()
			}).set("taken_retry", "20s")
			_, err := p.trySignIn(t)
			is(t, err, session.Taken, session.CauseNone, "401 occupied")
			if after := faultOf(t, err).After; after != 20*time.Second {
				t.Errorf("after %s", after)
			}
		})
	}
}

func TestALoginWithoutAnAnswerIsInDoubt(t *testing.T) {
	tests := map[string]struct {
		script func(*peer)
		kind   session.Kind
		code   string
		took   time.Duration
	}{
		"silence":       {func(p *peer) { p.hear(); p.hear() }, session.Doubt, "no-answer", 30 * time.Second},
		"reset":         {func(p *peer) { p.hear() }, session.Doubt, "no-answer", 0},
		"clean close":   {func(p *peer) { p.hear(); _ = p.conn.Close(1001, "going") }, session.Doubt, "no-answer", 0},
		"close, a text": {func(p *peer) { p.hear(); _ = p.conn.Close(1008, "domain not exists") }, session.Refused, "401 no-domain", 0},
		"other id":      {func(p *peer) { p.hear(); p.say(`{"requestId":9,"status":200}`); p.hear() }, session.Doubt, "no-answer", 30 * time.Second},
		"crossed":       {func(p *peer) { p.hear(); p.say(`{"action":"login","requestId":9,"status":200}`); p.hear() }, session.Doubt, "unreadable", 30 * time.Second},
		"no id":         {func(p *peer) { p.hear(); p.say(`{"action":"login","status":200}`); p.hear() }, session.Doubt, "unreadable", 30 * time.Second},
		"HTML":          {func(p *peer) { p.hear(); p.say(`<html>`); p.hear() }, session.Doubt, "unreadable", 30 * time.Second},
		"cut":           {func(p *peer) { p.hear(); p.say(`{"action":"login","requestId":1,"sta`); p.hear() }, session.Doubt, "unreadable", 30 * time.Second},
		"too large":     {func(p *peer) { p.hear(); p.say(`{"token":%q}`, strings.Repeat("a", 8<<20)); p.hear() }, session.Doubt, "unreadable", 0},
		"no status":     {func(p *peer) { p.hear(); p.say(`{"action":"login","requestId":1}`); p.hear() }, session.Doubt, "unreadable", 0},
		"flood":         {flood, session.Doubt, "unreadable", 0},
		"unreadable, reply": {func(p *peer) {
			a := p.hear()
			p.say(`nonsense`)
			p.reply(a, 500, `{"code":5,"message":"no"}`)
			p.hear()
		}, session.Outage, "500 5", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := scripted(t, tt.script)
				begin := time.Now()
				_, err := p.trySignIn(t)
				if f := faultOf(t, err); f.Kind != tt.kind || f.Code != tt.code {
					t.Errorf("got %v, want %s %s", f, tt.kind, tt.code)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				synctest.Wait()
				if n := p.line.Open(); n != 0 {
					t.Errorf("%d connections left behind", n)
				}
			})
		})
	}
}

// While the log-in is the only request, a refusal that names no request is its
// answer, at once.
func TestRefusalsWithoutARequestID(t *testing.T) {
	for _, refusal := range []string{"absent", "null", "exception"} {
		t.Run(refusal, func(t *testing.T) {
			simulate(t, platform.Switches{Refusal: refusal}, func(t *testing.T, s site) {
				account := s.account(t)
				account.Password = session.NewSecret("wrong")
				begin := time.Now()
				_, err := s.platform.SignIn(t.Context(), account, false)
				is(t, err, session.Refused, session.CauseCredential, "401 credentials")
				if took := time.Since(begin); took > time.Second {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// A refusal with a text that nobody knows goes over to a long pause, until the
// agent gets in or is refused for a known reason.
func TestUnknownRefusalsInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		texts := []string{"Niet goed", "Niet goed", "Niet goed", "Niet goed", "Gateway timeout", "Niet goed", "", "Niet goed"}
		n := 0
		p := scripted(t, func(p *peer) {
			text := texts[n]
			if n++; text == "" {
				p.admit("null")
				p.idle()
				return
			}
			p.reply(p.hear(), 401, strconv.Quote(text))
			p.hear()
		})
		long := []bool{false, false, true, true, false, true, false, false}
		for i, want := range long {
			s, err := p.trySignIn(t)
			if err == nil {
				_ = s.Close()
				continue
			}
			if f := faultOf(t, err); f.Kind != session.Outage || (f.After >= 30*time.Minute) != want {
				t.Errorf("log-in %d: %v, again after %s", i, f, f.After)
			}
		}
	})
}

func flood(p *peer) {
	p.hear()
	for range 1000 {
		p.say(`{"action":"noise"}`)
	}
}

func TestWithoutASocketNothingWasAsked(t *testing.T) {
	tests := map[string]struct {
		status int
		header string
		cause  session.Cause
		after  time.Duration
	}{
		"http 404": {404, "", session.CauseAnswered, 0},
		"http 426": {426, "", session.CauseAnswered, 0},
		"http 200": {200, "", session.CauseAnswered, 0},
		"http 500": {500, "", session.CauseNone, 0},
		"http 502": {502, "9", session.CauseNone, 9 * time.Second},
		"http 503": {503, "9", session.CauseThrottled, 9 * time.Second},
		"http 429": {429, "Sat, 01 Jan 2000 00:01:00 GMT", session.CauseThrottled, time.Minute},
	}
	for code, tt := range tests {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", tt.header)
					w.WriteHeader(tt.status)
				}))
				_, err := p.trySignIn(t)
				is(t, err, session.Outage, tt.cause, code)
				if f := faultOf(t, err); f.After != tt.after {
					t.Errorf("after %s, want %s", f.After, tt.after)
				}
			})
		})
	}
}

func TestNobodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, (*peer).idle)
		p.line.Refuse(true)
		_, err := p.trySignIn(t)
		is(t, err, session.Outage, session.CauseNone, "refused")
		is(t, p.platform.Probe(t.Context(), p.account(t)), session.Outage, session.CauseNone, "refused")
	})
}

func TestAConnectThatHangsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		begin := time.Now()
		_, err := p.trySignIn(t)
		is(t, err, session.Outage, session.CauseNone, "timeout")
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestProbeLogsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan error, 1)
		p := scripted(t, func(p *peer) {
			_, _, err := p.conn.Read(context.Background())
			heard <- err
		})
		if err := p.platform.Probe(t.Context(), p.account(t)); err != nil {
			t.Error(err)
		}
		if err := <-heard; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("the platform saw %v", err)
		}
	})
}

func TestAProxyThatRefusesTheUpgradeAnswersAProbe(t *testing.T) {
	for status, want := range map[int]session.Kind{401: session.OK, 426: session.OK, 502: session.Outage} {
		synctest.Test(t, func(t *testing.T) {
			p := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
			if err := p.platform.Probe(t.Context(), p.account(t)); session.KindOf(err) != want {
				t.Errorf("%d: %v", status, err)
			}
		})
	}
}

func TestNoSessionIsAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, (*peer).idle)
		_, err := p.platform.Adopt(p.account(t), session.NewKey([]byte(`{"token":"`+token+`"}`)))
		is(t, err, session.Lost, session.CauseRestart, "no-resume")
	})
}

// mute is a connection that takes the handshake's request and nothing after it.
type mute struct {
	net.Conn
	writes int
}

func (m *mute) Write(p []byte) (int, error) {
	if m.writes++; m.writes > 1 {
		return len(p) / 2, syscall.ECONNRESET
	}
	return m.Conn.Write(p)
}

func TestALoginThatDidNotLeaveIsNoDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, (*peer).idle)
		p.platform = ecss.Vendor.Open(wire.Place{
			URL: &url.URL{Scheme: "http", Host: "10.0.0.5"}, OperationTimeout: time.Second,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := p.line.DialContext(ctx, network, address)
				return &mute{Conn: c}, err
			},
		})
		_, err := p.trySignIn(t)
		is(t, err, session.Outage, session.CauseNone, "closed")
	})
}

func TestExplain(t *testing.T) {
	for _, code := range []string{"401 occupied", "401 timeout", "401", "403", "500", "500 5", "404", "http 502", "refused", "certificate", "closed", "socket-closed", "dead-socket", "no-resume", "evicted", "session-gone", "subscribe"} {
		if text, _, ok := ecss.Vendor.Codes.Explain(code); !ok || text == "" {
			t.Errorf("%s is not explained", code)
		}
	}
	for _, code := range []string{"", "nonsense", "http", "http x", "-1"} {
		if text, _, ok := ecss.Vendor.Codes.Explain(code); ok {
			t.Errorf("%q is explained: %s", code, text)
		}
	}
	if _, action, _ := ecss.Vendor.Codes.Explain("401 timeout"); !strings.Contains(action, "domain") {
		t.Errorf("a time-out may be a domain that does not exist, but the advice is %q", action)
	}
}

// A certificate that is not accepted is told with its reason, as over HTTP.
func TestACertificateIsToldWithItsReason(t *testing.T) {
	for text, err := range map[string]error{
		"another name (elsewhere.example)": x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"elsewhere.example"}}, Host: "10.0.0.5"},
		"expired or not yet valid":         x509.CertificateInvalidError{Reason: x509.Expired},
		"authority that is not trusted":    x509.UnknownAuthorityError{},
		"not the pinned one":               &wire.PinError{Got: "00"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := scripted(t, (*peer).idle)
			p.platform = ecss.Vendor.Open(wire.Place{
				URL: &url.URL{Scheme: "wss", Host: "10.0.0.5:8091"}, OperationTimeout: time.Second,
				DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err },
			})
			_, err := p.trySignIn(t)
			is(t, err, session.Outage, session.CauseNone, "certificate")
			if f := faultOf(t, err); !strings.Contains(f.Text, text) || f.Action == "" {
				t.Errorf("%q; %q, want %q", f.Text, f.Action, text)
			}
		})
	}
}
