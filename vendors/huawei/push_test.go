package huawei

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/option"

	"github.com/google/go-cmp/cmp"
)

// pusher is agent 291 with pushed events.
func pusher(t *testing.T, options map[string]string) session.Account {
	t.Helper()
	all := map[string]string{"events": "push", "callback_url": "https://keeper.example:9466/callback/hq", "service_token_file": "token"}
	for name, text := range options {
		all[name] = text
	}
	a := account(t, all)
	a.Token = session.NewSecret(tok)
	return a
}

const (
	shake   = "> POST onlineagent/291/handshake" + with1 + " token=" + tok + "\n"
	success = `
{"message":"success","retcode":"0"}
`
)

// call is a callback as the gateway sends it.
func call(guid, token string, types ...string) (http.Header, []byte) {
	h := http.Header{}
	if guid != "" {
		h.Set("Guid", guid)
	}
	if token != "" {
		h.Set("service_token", token)
	}
	list := make([]string, len(types))
	for i, name := range types {
		list[i] = `{"eventType":"` + name + `","workNo":"291","content":null}`
	}
	return h, []byte(`{"workNo":"291","eventList":[` + strings.Join(list, ",") + `]}`)
}

// send delivers a callback beside the test; the receipt comes when it is known.
func send(ctx context.Context, p session.Platform, h http.Header, body []byte) <-chan session.Receipt {
	return sendAfter(ctx, 0, p, h, body)
}

func sendAfter(ctx context.Context, d time.Duration, p session.Platform, h http.Header, body []byte) <-chan session.Receipt {
	got := make(chan session.Receipt, 1)
	go func() {
		time.Sleep(d)
		got <- p.(session.Receiver).Receive(ctx, h, body)
	}()
	return got
}

func typesOf(b session.Batch) string {
	names := make([]string, len(b.Events))
	for i, e := range b.Events {
		names[i] = e.Type
	}
	return strings.Join(names, " ")
}

// next wants a batch of these events, unasked or with an answer.
func next(t *testing.T, s session.Session, unasked bool, types string) session.Batch {
	t.Helper()
	b, err := sessiontest.Next(t.Context(), s)
	if err != nil || b.Unasked != unasked || typesOf(b) != types {
		t.Fatalf("next: %v unasked %v, %v; want %q, unasked %v", typesOf(b), b.Unasked, err, types, unasked)
	}
	return b
}

func TestPushedSessionIsKeptAndNotPolled(t *testing.T) {
	for keep, tt := range map[string]struct {
		line, rotated string
		every         time.Duration
	}{
		handshake: {shake, "> POST onlineagent/291/handshake" + with2 + " token=" + tok + "\n", 30 * time.Second},
		heartbeat: {"> PUT onlineagent/291/heartbeat" + with1 + "\n", "> PUT onlineagent/291/heartbeat" + with2 + "\n", 30 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			p, g := play(t, welcomed+tt.line+success+tt.line+"< Set-GUID: JSESSIONID="+guid2+success+tt.rotated+success)
			s := enter(t, p, pusher(t, map[string]string{"keep_alive": keep}))
			for range 3 {
				next(t, s, false, "")
			}
			seen := g.arrivals()
			for i, want := range []time.Duration{0, tt.every, tt.every} {
				if got := seen[i+1].at.Sub(seen[i].at); got != want {
					t.Errorf("%s %d: after %v, want %v", keep, i, got, want)
				}
			}
			var body map[string]any
			if err := json.Unmarshal([]byte(seen[0].body), &body); err != nil {
				t.Fatal(err)
			}
			if body["callBackUri"] != "https://keeper.example:9466/callback/hq" || body["serviceToken"] != tok {
				t.Errorf("sign-in sent %v", body)
			}
			if k := s.Key().Reveal(); !strings.Contains(k, guid2) || !strings.Contains(k, tok) {
				t.Error("the key lacks the newest Guid or the token")
			}
		})
	}
}

func TestForcedSignInNamesTheCallbackToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, strings.Replace(welcomed, "onlineagent/291", "onlineagent/291/forcelogin", 1))
		s, err := p.SignIn(t.Context(), pusher(t, nil), true)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if body := g.arrivals()[0].body; !strings.Contains(body, `"serviceToken":"`+tok) || !strings.Contains(body, "callBackUri") {
			t.Error(body)
		}
	})
}

// A callback is answered with success when its events are where they cannot be
// lost, and order outlives a failure.
func TestCallbackIsAnsweredWhenStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+shake+success)
		s := enter(t, p, pusher(t, nil))
		next(t, s, false, "")
		h, body := call(guid1, tok, "A", "B")
		first := send(t.Context(), p, h, body)
		b := next(t, s, true, "A B")
		if string(b.Events[0].Data) != `{"eventType":"A","workNo":"291","content":null}` {
			t.Errorf("data %s", b.Events[0].Data)
		}
		synctest.Wait()
		select {
		case r := <-first:
			t.Fatalf("answered before the events were stored: %+v", r)
		default:
		}
		h, body = call("", tok, "C")
		second := send(t.Context(), p, h, body)
		synctest.Wait()
		b.Settled(errors.New("disk full"))
		for _, r := range []session.Receipt{<-first, <-second} { // C must not come before A and B come again
			if r.Refusal != session.NotStored || r.Status != 503 || !strings.Contains(string(r.Body), `"100-007"`) {
				t.Errorf("%+v %s", r, r.Body)
			}
		}
		h, body = call("JSESSIONID="+guid1, "", "A", "B")
		again := send(t.Context(), p, h, body)
		next(t, s, true, "A B").Settled(nil)
		if r := <-again; r.Status != 200 || string(r.Body) != `{"message":"success","retcode":"0"}` || r.Events != 2 || r.Login != "291" {
			t.Errorf("%+v %s", r, r.Body)
		}
	})
}

func TestCallbacksThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+shake+success+"> PUT onlineagent/291/updateGuid"+with1+"\n"+success+shake+success)
		s := enter(t, p, pusher(t, nil))
		next(t, s, false, "")
		for name, tt := range map[string]struct {
			guid, token, body string
			want              session.Refusal
			code              string
		}{
			"wrong token":           {guid1, "other", "", session.Forbidden, "100-001"},
			"token too long by one": {guid1, tok + "x", "", session.Forbidden, "100-001"},
			"nothing proves it":     {"", "", "", session.Forbidden, "100-001"},
			"another Guid":          {guid2, tok, "", session.Forbidden, "100-001"},
			"no JSON":               {guid1, tok, "<html>", session.Malformed, "000-002"},
			"an array":              {guid1, tok, "[]", session.Malformed, "000-002"},
			"nobody":                {guid1, tok, `{"eventList":[{"eventType":"A"}]}`, session.Malformed, "000-002"},
			"somebody else":         {guid1, tok, `{"workNo":"292","eventList":[{"eventType":"A"}]}`, session.NoSession, "100-006"},
		} {
			h, body := call(tt.guid, tt.token, "A")
			if tt.body != "" {
				body = []byte(tt.body)
			}
			r := p.(session.Receiver).Receive(t.Context(), h, body)
			if r.Refusal != tt.want || !strings.Contains(string(r.Body), tt.code) || r.Status == 200 {
				t.Errorf("%s: %+v %s, want %v", name, r, r.Body, tt.want)
			}
			if strings.Contains(string(r.Body), tok) || strings.Contains(string(r.Body), guid1) {
				t.Errorf("%s: the answer shows a secret", name)
			}
		}
		next(t, s, false, "") // and asked for a Guid before: somebody knew the token and another one
	})
}

// The forms that a body may have.
func TestParseCallback(t *testing.T) {
	for body, want := range map[string]string{
		`{"workNo":"291","eventList":[{"eventType":"A"},{"eventType":"B"}]}`:                    "291 A B",
		`{"workNo":291,"eventList":[{"eventType":"A"}]}`:                                        "291 A",
		`{"workNo":"291","eventList":[]}`:                                                       "291",
		`{"workNo":" 291 ","eventList":null}`:                                                   "291",
		`{"eventList":[{"eventType":"A","workNo":"291"}]}`:                                      "291 A",
		`{"message":"","retcode":"0","event":{"eventType":"A","workNo":"291","content":null}}`:  "291 A",
		`{"message":"","retcode":0,"event":[{"eventType":"A","workNo":291},{"eventType":"B"}]}`: "291 A B",
		`{"workNo":"291","event":{"eventType":"A","workNo":"7"}}`:                               "291 A",
		`{"workNo":"291","eventList":[{"eventType":"QC_AgentState_Notify","workNo":"7"},null]}`: "291 QC_AgentState_Notify",
		`{"workNo":"291","eventList":{"eventType":"A"}}`:                                        "291 A",
		`{}`:                      "",
		`null`:                    "",
		`{"eventList":[]}`:        "",
		`{"workNo":{"a":1}}`:      "",
		`{"workNo":"291"`:         "",
		"\xef\xbb\xbf":            "",
		`{"event":{"workNo":[]}}`: "",
	} {
		c, err := parseCallback([]byte(body))
		got := strings.TrimSpace(c.login + " " + typesOf(session.Batch{Events: c.events}))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", body, got, err, want)
		}
	}
}

func FuzzParseCallback(f *testing.F) {
	for _, seed := range []string{
		`{"workNo":"291","eventList":[{"eventType":"A","eventGenTime":1784529722590,"content":{"a":[1]}},null]}`,
		`{"message":"","retcode":"0","event":{"eventType":"A","workNo":"291","content":"x"}}`, `[]`, `{"workNo":291}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := parseCallback(body)
		if (err == nil) != (c.login != "") {
			t.Errorf("login %q, error %v", c.login, err)
		}
		for _, e := range c.events {
			if !json.Valid(e.Data) || e.Type == "" || strings.ContainsAny(e.Type, "\n\r") {
				t.Errorf("event %q %q", e.Type, e.Data)
			}
		}
	})
}

// Events that overtake the sign-in's answer wait for it.
func TestCallbackBeforeTheSignInsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := strings.Replace(welcomed, "291\n", "291\n< wait 2s\n", 1)
		p, _ := play(t, slow+shake+success)
		h, body := call(guid1, tok, "A")
		wrong, other := call(guid2, tok, "X")
		refused := sendAfter(t.Context(), time.Second, p, wrong, other)
		got := sendAfter(t.Context(), time.Second, p, h, body)
		s := enter(t, p, pusher(t, nil))
		if r := <-refused; r.Refusal != session.Forbidden {
			t.Errorf("with another Guid: %+v", r)
		}
		next(t, s, false, "A").Settled(nil) // with the first handshake's answer
		if r := <-got; r.Refusal != session.Accepted {
			t.Errorf("%+v", r)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, "> PUT onlineagent/291\n< wait 2s\n"+`{"message":"","retcode":"100-002"}`+"\n")
		h, body := call(guid1, tok, "A")
		got := sendAfter(t.Context(), time.Second, p, h, body)
		if _, err := p.SignIn(t.Context(), pusher(t, nil), false); session.KindOf(err) != session.Taken {
			t.Fatal(err)
		}
		if r := <-got; r.Refusal != session.NoSession {
			t.Errorf("a failed sign-in: %+v", r)
		}
	})
}

// A callback may know the new Guid before the answer that brings it is here,
// and may still come with the one before.
func TestCallbackAcrossAChangeOfTheGuid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+shake+"< wait 2s\n< Set-GUID: JSESSIONID="+guid2+success)
		s := enter(t, p, pusher(t, nil))
		h, body := call(guid2, tok, "A")
		early := sendAfter(t.Context(), time.Second, p, h, body)
		next(t, s, false, "A").Settled(nil)
		if r := <-early; r.Refusal != session.Accepted {
			t.Errorf("%+v", r)
		}
		h, body = call(guid1, tok, "B")
		late := send(t.Context(), p, h, body)
		next(t, s, true, "B").Settled(nil)
		if r := <-late; r.Refusal != session.Accepted {
			t.Errorf("%+v", r)
		}
	})
}

// A lost answer may have brought a new Guid: it is asked for after the next
// good one, and saved before it is used.
func TestLostHandshakeAsksForTheGuid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+shake+success+shake+"< wait 1s\n< reset\n"+shake+success+
			"> PUT onlineagent/291/updateGuid"+with1+"\n"+`{"message":"success","retcode":"0","result":{"guid":"`+guid2+`"}}`+"\n"+
			"> POST onlineagent/291/handshake"+with2+" token="+tok+"\n"+success)
		s := enter(t, p, pusher(t, nil))
		next(t, s, false, "")
		if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != session.Outage {
			t.Fatal(err)
		}
		next(t, s, false, "")
		next(t, s, true, "") // the new Guid, to be saved
		if !strings.Contains(s.Key().Reveal(), guid2) {
			t.Error("the Guid is not in the key")
		}
		next(t, s, false, "")
	})
}

// A gateway that closes idle connections costs no attempt.
func TestHandshakeOnADeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+shake+"< Connection: close"+success+shake+success)
		s := enter(t, p, pusher(t, nil))
		next(t, s, false, "")
		next(t, s, false, "")
	})
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+shake+success+shake+"< reset\n"+shake+success)
		s := enter(t, p, pusher(t, nil))
		next(t, s, false, "")
		next(t, s, false, "")
	})
}

func TestAdoptedSessionTakesCallbacksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed+shake+success+shake+success)
		a := pusher(t, nil)
		s := enter(t, p, a)
		next(t, s, false, "")
		k := s.Key()
		_ = s.Close()
		h, body := call(guid1, tok, "A")
		if r := p.(session.Receiver).Receive(t.Context(), h, body); r.Refusal != session.NoSession {
			t.Errorf("after the close: %+v", r)
		}
		time.Sleep(10 * time.Second)
		adopted, err := p.Adopt(account(t, nil), k) // though its options ask for polls now
		if err != nil {
			t.Fatal(err)
		}
		defer adopted.Close()
		got := send(t.Context(), p, h, body)
		synctest.Wait()
		before := time.Now()
		next(t, adopted, false, "A").Settled(nil)
		if r := <-got; r.Refusal != session.Accepted {
			t.Errorf("%+v", r)
		}
		if at := g.arrivals()[2].at; !at.Equal(before) {
			t.Errorf("the first handshake came %v after the adoption", at.Sub(before))
		}
	})
}

// Whoever gives up takes along what waits behind: it would overtake.
func TestCallbackThatNobodyFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed+shake+success)
		s := enter(t, p, pusher(t, nil))
		next(t, s, false, "")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		h, body := call(guid1, tok, "A")
		first := send(ctx, p, h, body)
		synctest.Wait()
		h, body = call(guid1, tok, "B")
		second := send(t.Context(), p, h, body)
		for _, r := range []session.Receipt{<-first, <-second} {
			if r.Refusal != session.NotFetched || r.Status != 503 {
				t.Errorf("%+v", r)
			}
		}
		b, err := sessiontest.Next(ctx, s)
		if len(b.Events) > 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v: refused events came all the same", typesOf(b), err)
		}
		full := make([]string, inboxLimit)
		for i := range full {
			full[i] = "E"
		}
		h, body = call(guid1, tok, full...)
		most := send(t.Context(), p, h, body)
		synctest.Wait()
		h, body = call(guid1, tok, "one more")
		if r := p.(session.Receiver).Receive(t.Context(), h, body); r.Refusal != session.TooMany {
			t.Errorf("%+v", r)
		}
		_ = s.Close()
		if r := <-most; r.Refusal != session.NoSession {
			t.Errorf("%+v", r)
		}
	})
}

func TestWhatAHandshakesAnswerMeans(t *testing.T) {
	for name, tt := range map[string]struct {
		answers string // of the handshakes after the first
		want    session.Kind
		code    string
	}{
		"not signed in":    {shake + `{"retcode":"100-006","message":"` + leaky + ` token ` + tok + `"}`, session.Lost, "100-006"},
		"no right, twice":  {shake + `{"retcode":"000-003"}` + "\n" + shake + `{"retcode":"000-003"}`, session.Lost, "000-003"},
		"switched over":    {shake + `{"retcode":"000-004"}`, session.Outage, "000-004"},
		"gateway busy":     {shake + "< 503\n<html>", session.Outage, "http 503"},
		"no such request":  {shake + "< 404\n<html>", session.Outage, "http 404"},
		"no envelope":      {shake + "<html>", session.Outage, "unreadable"},
		"the token is bad": {shake + `{"retcode":"100-001"}`, session.Outage, "100-001"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, welcomed+shake+success+tt.answers+"\n")
				s := enter(t, p, pusher(t, nil))
				next(t, s, false, "")
				_, err := sessiontest.Next(t.Context(), s)
				if f := fault(t, err); f.Kind != tt.want || f.Code != tt.code {
					t.Errorf("%v, code %q", f, f.Code)
				}
			})
		})
	}
}

// A report of this session's end ends it; one that may be about another is
// checked at once.
func TestPushedReportOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed+shake+success+shake+success)
		s := enter(t, p, pusher(t, nil))
		next(t, s, false, "")
		h, body := call(guid1, tok, codeShutdown)
		got := send(t.Context(), p, h, body)
		next(t, s, true, codeShutdown).Settled(nil)
		<-got
		next(t, s, false, "")
		if seen := g.arrivals(); !seen[2].at.Equal(seen[1].at) {
			t.Errorf("checked after %v", seen[2].at.Sub(seen[1].at))
		}
		body = []byte(`{"workNo":"291","eventList":[{"eventType":"AgentOther_ShutdownService","content":{"loginTime":946684800000}}]}`)
		got = send(t.Context(), p, h, body)
		b, err := sessiontest.Next(t.Context(), s)
		if f := fault(t, err); f.Kind != session.Lost || len(b.Events) != 1 {
			t.Errorf("%v, %v", f, typesOf(b))
		}
		b.Settled(nil)
		if r := <-got; r.Refusal != session.Accepted {
			t.Errorf("%+v", r)
		}
	})
}

func TestWarningWhenNothingIsPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed)
		s := enter(t, p, pusher(t, nil))
		codes := func() (list []string) {
			for _, w := range s.Info().Warnings {
				list = append(list, w.Code)
			}
			return list
		}
		if got := codes(); got != nil {
			t.Errorf("at once: %v", got)
		}
		time.Sleep(2 * time.Minute)
		if diff := cmp.Diff([]string{"no_events_pushed"}, codes()); diff != "" {
			t.Error(diff)
		}
		h, body := call(guid1, tok, "A")
		_ = send(t.Context(), p, h, body)
		synctest.Wait()
		if got := codes(); got != nil {
			t.Errorf("after the first callback: %v", got)
		}
	})
}

func TestPushOptions(t *testing.T) {
	for text, want := range map[string]string{"handshake": "30s", "heartbeat": "30s"} {
		a := pusher(t, map[string]string{"keep_alive": text})
		if got := option.Settings[Settings](a, decode, window).Push; got.Every.String() != want || got.Timeout != 10*time.Second || !got.On() {
			t.Errorf("%s: %+v", text, got)
		}
	}
	polled, pushed := Vendor.Fingerprint(account(t, nil).Options), Vendor.Fingerprint(pusher(t, nil).Options)
	if pushed == polled || !strings.HasPrefix(pushed, polled) {
		t.Errorf("fingerprints %q and %q", polled, pushed)
	}
	for token, want := range map[string]string{
		"abcXYZ-_019": "", strings.Repeat("x", 50): "", strings.Repeat("x", 51): "at most 50", "a b": "does not take", "ü": "does not take", "a\nb": "does not take",
	} {
		if got := checkToken(token); (want == "" && got != "") || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", token, got, want)
		}
	}
}

// A callback above the limit is answered when the place of its events is marked.
func TestLargeCallbackIsMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := play(t, welcomed)
		large, ok := p.(session.LargeReceiver)
		if !ok {
			t.Fatal("the adapter cannot tell whom a large callback is about")
		}
		s := enter(t, p, pusher(t, nil))
		header, body := call(guid1, "", "A")
		for text, want := range map[string]session.Refusal{`{"eventList":[`: session.Malformed, `{"workNo":"nobody"`: session.NoSession} {
			if got := large.ReceiveLarge(t.Context(), header, []byte(text)); got.Refusal != want {
				t.Errorf("%s: %v, want %v", text, got.Refusal, want)
			}
		}
		answered := make(chan session.Receipt, 1)
		go func() { answered <- large.ReceiveLarge(t.Context(), header, body[:len(body)/2]) }()
		synctest.Wait()
		box := s.(*agent).box
		batch := box.take()
		if len(batch.Events) != 0 || batch.Missing != session.MissingTooLarge {
			t.Fatalf("handed over: %+v", batch)
		}
		batch.Settled(nil)
		if got := <-answered; got.Refusal != session.Accepted || got.Status != 200 {
			t.Errorf("answered %+v", got)
		}
	})
}
