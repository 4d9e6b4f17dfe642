package runtel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/test/sim"
	"agentkeeper/test/vendortest"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

// The secrets of the dialogues; none may show in any error.
const (
	login = "bot@example.com"
	pass  = `Hunter2-"pass`
	tok   = "J0123456789abcdef0123456789abcdef0123456789W"
)

var secrets = []string{pass, `Hunter2-\"pass`, tok}

// reply is what the platform answers to one request. ID in the body stands for
// the request's action_id.
type reply struct {
	status int // 0 = 200
	header http.Header
	body   string
	lost   bool // the connection breaks instead
}

// arrival is a request as it came.
type arrival struct {
	call
	method, path, auth string
	fields             map[string]json.RawMessage
}

// platformOf opens the adapter before a platform that answers as script says.
func platformOf(t *testing.T, script func(arrival) reply) session.Platform {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("request body: %v", err)
		}
		a := arrival{method: r.Method, path: r.URL.Path, auth: r.Header.Get("Authorization")}
		if r.Method == http.MethodPost && (json.Unmarshal(body, &a.call) != nil || json.Unmarshal(body, &a.fields) != nil) {
			t.Errorf("no envelope: %q", body)
		}
		script(a).write(w, a.ActionID)
	})
	return newPlatform(vendortest.Place(t, handler, window))
}

func (r reply) write(w http.ResponseWriter, id string) {
	if r.lost {
		sim.Abort(w)
		return
	}
	maps.Copy(w.Header(), r.header)
	if r.status == 0 {
		r.status = http.StatusOK
	}
	w.WriteHeader(r.status)
	_, _ = io.WriteString(w, strings.ReplaceAll(r.body, "ID", id))
}

func coded(n int) reply {
	return reply{body: fmt.Sprintf(`{"action":"auth","action_id":"ID","obj":"User","code":%d,"notifies":[{"text":%q},%q],"body":{}}`, n, leaky, leaky)}
}

// leaky is a platform's message that repeats every secret.
const leaky = "pass " + pass + " token " + tok

func welcomed(exp string) reply {
	return reply{body: `{"action":"auth","action_id":"ID","obj":"User","code":200,"notifies":[],"body":{"exp":` + exp + `,"user_id":7,"tz":"Europe/Prague","token":"` + tok + `"}}`}
}

func account(options ...string) session.Account {
	set := option.Set{}
	for i := 0; i < len(options); i += 2 {
		set[options[i]] = option.Value{Text: options[i+1]}
	}
	decoded, _, _ := decode(set, window)
	return session.Account{ID: session.ID{Platform: "pbx", Login: login}, Password: session.NewSecret(pass), Options: decoded}
}

// fault returns err as a *session.Fault and checks that it shows no secret.
func fault(t *testing.T, err error) *session.Fault {
	t.Helper()
	return vendortest.Fault(t, err, secrets...)
}

// class is one way to answer. code is to be explained, where it is not empty.
type class struct {
	name                string
	reply               reply
	logIn, next, logOut string
	code                string
}

// classes holds what answers mean, by request: log-in, probe of a proven token,
// log-out. The empty string is success.
var classes = []class{
	{"good", coded(200), "outage forbidden no-token", "", "", "200"},
	{"401", coded(401), "refused credential 401", "lost expired 401", "", "401"},
	{"403", coded(403), "outage forbidden 403", "outage forbidden 403", "outage answered 403", "403"},
	{"400", coded(400), "refused setting 400", "outage answered 400", "outage answered 400", "400"},
	{"422", coded(422), "refused setting 422", "outage answered 422", "outage answered 422", "422"},
	{"402", coded(402), "outage answered 402 5m0s", "outage answered 402 5m0s", "outage answered 402 5m0s", "402"},
	{"404", coded(404), "outage answered 404", "outage answered 404", "outage answered 404", "404"},
	{"423", coded(423), "refused credential 423", "outage answered 423", "outage answered 423", "423"},
	{"429", coded(429), "outage throttled 429", "outage throttled 429", "outage throttled 429", "429"},
	{"500", coded(500), "outage 500", "outage 500", "outage 500", "500"},
	{"599", coded(599), "outage 599", "outage 599", "outage 599", "599"},
	{"502 in the envelope", coded(502), "doubt 502", "outage 502", "doubt 502", "502"},
	{"unknown code", coded(1234), "outage answered 1234", "outage answered 1234", "outage answered 1234", ""},
	{"HTTP 401 to everybody", reply{status: 401}, "refused credential http 401", "outage answered http 401", "", "http 401"},
	{"HTTP 401 and code", with(coded(401), 401), "refused credential 401", "lost expired 401", "", ""},
	{"HTTP 401, good code", with(coded(200), 401), "refused credential 401", "lost expired 401", "", ""},
	{"HTTP 500, good code", with(welcomed(`"2000-01-01T04:00:00"`), 500), "outage 500", "outage 500", "outage 500", ""},
	{"HTTP 403 page", with(page, 403), "outage forbidden http 403", "outage ban http 403", "outage ban http 403", "http 403"},
	{"HTTP 404 page", with(page, 404), "outage answered http 404", "outage http 404", "outage http 404", "http 404"},
	{"HTTP 302", with(page, 302), "outage answered http 302", "outage http 302", "outage http 302", "http 302"},
	{"HTTP 418", with(page, 418), "outage answered http 418", "outage http 418", "outage http 418", "http 418"},
	{"HTTP 429", reply{status: 429, header: http.Header{"Retry-After": {"17"}}}, "outage throttled http 429 17s", "outage throttled http 429", "outage throttled http 429 17s", "http 429"},
	{"HTTP 429, code", with(reply{header: http.Header{"Retry-After": {"99999999"}}, body: coded(429).body}, 429), "outage throttled 429 1h0m0s", "outage throttled 429", "outage throttled 429 1h0m0s", ""},
	{"HTTP 502", with(page, 502), "doubt http 502", "outage http 502", "doubt http 502", "http 502"},
	{"HTTP 503", with(page, 503), "outage throttled http 503", "outage throttled http 503", "outage throttled http 503", "http 503"},
	{"HTTP 507", with(page, 507), "outage http 507", "outage http 507", "outage http 507", "http 507"},
	{"page", page, "doubt unreadable", "outage unreadable", "doubt unreadable", "unreadable"},
	{"nothing", reply{}, "doubt unreadable", "outage unreadable", "doubt unreadable", ""},
	{"code is a word", reply{body: `{"action_id":"ID","code":"ok"}`}, "doubt unreadable", "outage unreadable", "doubt unreadable", ""},
	{"no code", reply{body: `{"action_id":"ID","body":{"token":"x"}}`}, "doubt unreadable", "outage unreadable", "doubt unreadable", ""},
	{"crossed", reply{body: `{"action_id":"123","code":200,"body":{"token":"theirs"}}`}, "outage crossed", "outage crossed", "outage crossed", "crossed"},
	{"crossed refusal", reply{body: `{"action_id":"123","code":401}`}, "outage crossed", "outage crossed", "outage crossed", ""},
	{"success of nobody", reply{body: `{"code":200,"body":{"token":"theirs"}}`}, "outage crossed", "outage crossed", "outage crossed", ""},
	{"refusal of nobody", reply{body: `{"code":401}`}, "refused credential 401", "lost expired 401", "", ""},
	{"token with a blank", reply{body: `{"action_id":"ID","code":200,"body":{"token":"a b"}}`}, "outage forbidden no-token", "", "", "no-token"},
	{"empty token", reply{body: `{"action_id":"ID","code":200,"body":{"token":""}}`}, "outage forbidden no-token", "", "", ""},
	{"body is a list", reply{body: `{"action_id":"ID","code":200,"body":[1]}`}, "outage forbidden no-token", "", "", ""},
	{"lost answer", reply{lost: true}, "doubt closed", "outage closed", "doubt closed", "closed"},
}

var page = reply{body: "<html>" + leaky + "</html>"}

func with(r reply, status int) reply {
	r.status = status
	return r
}

// An HTTP 401 without an envelope is the API's word where a request that needs no
// token is answered otherwise.
func TestUnauthorizedByTheAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		p := platformOf(t, func(arrival) reply {
			requests++
			return []reply{welcomed(`"2000-01-01T20:00:00"`), {body: `{"action_id":"ID","code":200}`}, {status: 401}, {status: 204}}[min(requests, 4)-1]
		})
		s, err := p.SignIn(t.Context(), account(), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		_, err = sessiontest.Next(t.Context(), s)
		if got := told(t, err); got != "lost expired http 401" {
			t.Errorf("got %s", got)
		}
	})
}

// told is a fault as classes writes it.
func told(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	f := fault(t, err)
	words := []string{f.Kind.String()}
	if f.Cause != session.CauseNone {
		words = append(words, causes[f.Cause])
	}
	words = append(words, f.Code)
	if f.After > 0 {
		words = append(words, f.After.String())
	}
	return strings.Join(words, " ")
}

var causes = map[session.Cause]string{
	session.CauseCredential: "credential", session.CauseSetting: "setting", session.CauseExpired: "expired",
	session.CauseBan: "ban", session.CauseThrottled: "throttled", session.CauseAnswered: "answered", session.CauseForbidden: "forbidden",
}

func TestClasses(t *testing.T) {
	for _, tt := range classes {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := platformOf(t, func(arrival) reply { return tt.reply })
				_, err := p.SignIn(t.Context(), account(), false)
				next, logOut := tt.session(t)
				got := []string{told(t, err), told(t, next), told(t, logOut)}
				if diff := cmp.Diff([]string{tt.logIn, tt.next, tt.logOut}, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// session answers as the class does once a token was proven.
func (c *class) session(t *testing.T) (next, logOut error) {
	t.Helper()
	requests := 0
	p := platformOf(t, func(arrival) reply {
		requests++
		switch requests {
		case 1:
			return welcomed(`"2000-01-01T20:00:00"`)
		case 2:
			return reply{body: `{"action_id":"ID","code":200}`}
		}
		return c.reply
	})
	s, err := p.SignIn(t.Context(), account(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessiontest.Next(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	_, next = sessiontest.Next(t.Context(), s)
	return next, s.SignOut(t.Context())
}

// Every code that a fault can carry is explained, and explains what it says.
func TestExplain(t *testing.T) {
	for _, tt := range classes {
		if tt.code == "" || tt.code == "200" {
			continue
		}
		if text, _, ok := codes.Explain(tt.code); !ok || text == "" {
			t.Errorf("%s: %q %v", tt.code, text, ok)
		}
	}
	for name, line := range codes.Lines {
		if text, action, ok := codes.Explain(name); name != strconv.Itoa(good) && (!ok || text != line.Text || action == "") {
			t.Errorf("%s: %q %q", name, text, action)
		}
	}
	for _, unknown := range []string{"1234", "http x", "", "oops"} {
		if _, _, ok := codes.Explain(unknown); ok {
			t.Errorf("%q is explained", unknown)
		}
	}
}

// What is sent: the vendor's envelope, and an action_id that never repeats.
func TestRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []arrival
		p := platformOf(t, func(a arrival) reply {
			seen = append(seen, a)
			return welcomed(`"2000-01-01T20:00:00"`)
		})
		s, err := p.SignIn(t.Context(), account("domain_id", "3"), true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sessiontest.Next(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.SignOut(t.Context()), p.Probe(t.Context(), account())); err != nil {
			t.Fatal(err)
		}
		var got []string
		ids := map[string]bool{}
		for _, a := range seen {
			got = append(got, strings.TrimSpace(fmt.Sprint(a.method, " ", a.path, " ", a.Action, " ", a.Obj, " ", string(a.Params), " ", a.auth)))
			ids[a.ActionID] = true
			if names := slices.Sorted(maps.Keys(a.fields)); a.method == http.MethodPost && !slices.Equal(names, []string{"action", "action_id", "obj", "params"}) {
				t.Errorf("fields %v", names)
			}
		}
		want := []string{
			`POST /api/ auth User {"login":"` + login + `","password":"Hunter2-\"pass"}`,
			`POST /api/ get User {"domain_id":3,"id":7} Bearer ` + tok,
			`POST /api/ logout User {} Bearer ` + tok,
			`OPTIONS /api/`,
		}
		if diff := cmp.Diff(want, got); diff != "" || len(ids) != 4 {
			t.Error(diff, ids)
		}
	})
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		reply reply
		want  string
	}{
		{reply{status: 204}, ""}, {reply{status: 405}, ""}, {reply{status: 404}, ""}, {reply{}, ""},
		{reply{status: 403}, "outage ban http 403"}, {reply{status: 502}, "outage http 502"},
		{reply{status: 503}, "outage throttled http 503"}, {reply{status: 429}, "outage throttled http 429"},
		{reply{lost: true}, "outage closed"},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := platformOf(t, func(arrival) reply { return tt.reply })
			if got := told(t, p.Probe(t.Context(), account())); got != tt.want {
				t.Errorf("%+v: %q, want %q", tt.reply, got, tt.want)
			}
		})
	}
}

// A sign-in that was cut is in doubt only if the request had left.
func TestSentOrNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		slow := platformOf(t, func(arrival) reply { time.Sleep(5 * time.Second); return reply{} })
		if _, err := slow.SignIn(ctx, account(), false); told(t, err) != "doubt timeout" {
			t.Error(err)
		}
		line := sim.Pipe()
		line.Refuse(true)
		refusing := newPlatform(wire.Place{URL: &url.URL{Scheme: "http", Host: "pbx.example"}, DialContext: line.DialContext})
		if _, err := refusing.SignIn(t.Context(), account(), false); told(t, err) != "outage refused" {
			t.Error(err)
		}
	})
}

// Other vendors' options mean the defaults.
func TestForeignOptions(t *testing.T) {
	a := account()
	a.Options = 7
	want, _, _ := decode(nil, window)
	if diff := cmp.Diff(want, any(option.Settings[Settings](a, decode, window))); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, tt := range classes {
		f.Add([]byte(tt.reply.body))
	}
	f.Add([]byte(welcomed(`1e300`).body))
	f.Add([]byte(`{"code":"200.0","notifies":[[1],{"msg":7},null,"x"],"body":{"token":9,"exp":[],"tz":"../../etc/passwd"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := parse(body)
		if err != nil {
			if e.code != 0 || !errors.Is(err, errEnvelope) {
				t.Errorf("%v beside %v", e, err)
			}
			return
		}
		if e.code < 0 || e.code > 99999 {
			t.Errorf("code %d", e.code)
		}
		_ = e.notice()
		w, ok := e.grant()
		if ok && !goodToken(string(w.Token)) {
			t.Errorf("token %q", w.Token)
		}
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		for _, r := range (answered{now, now}).readings(w, zoneAuto) {
			if !r.Expires.After(now) || r.Expires.Sub(now) > lifeLimit {
				t.Errorf("reading %+v", r)
			}
		}
	})
}

// A token that was stored by a clock ahead of ours is renewed at once, and does
// not live longer than it would have.
func TestAdoptUnderAnotherClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		p := platformOf(t, func(arrival) reply {
			if requests++; requests == 1 {
				return welcomed(`"2000-01-01T20:00:00"`)
			}
			return reply{body: `{"action_id":"ID","code":200}`}
		})
		first, err := p.SignIn(t.Context(), account(), false)
		if err != nil {
			t.Fatal(err)
		}
		k, ok := decodeKey(first.Key())
		if !ok {
			t.Fatal("the key cannot be read")
		}
		ends := k.Readings
		k.move(24 * time.Hour)
		in, err := p.Adopt(account(), k.encode())
		if err != nil {
			t.Fatal(err)
		}
		if b, err := sessiontest.Next(t.Context(), in); err != nil || !b.Renew {
			t.Errorf("%+v, %v, want a renewal", b, err)
		}
		again, _ := decodeKey(in.Key())
		for i, r := range again.Readings {
			if r.Expires.After(ends[i].Expires.Add(time.Second)) {
				t.Errorf("reading %d ends at %v, later than %v", i, r.Expires, ends[i].Expires)
			}
		}
	})
}
