package huawei

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/code"

	"github.com/google/go-cmp/cmp"
)

const quiet = `
{"message":"","retcode":"0"}
`

func TestPollsFollowTheVendorsRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poll := "> GET agentevent/291" + with1 + "\n"
		event := `{"message":"","retcode":"0","event":{"eventType":"AgentState_Ready","workNo":291,"content":null}}` + "\n"
		p, g := play(t, welcomed+poll+event+poll+"< wait 10s"+quiet+poll+"< wait 10s"+quiet+poll+"< wait 2s\n< reset\n"+poll+event)
		s := enter(t, p, account(t, nil))
		for i, want := range []session.Kind{session.OK, session.OK, session.OK, session.Outage, session.OK} {
			if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != want {
				t.Fatalf("poll %d: %v", i, err)
			}
		}
		var gaps []time.Duration
		seen := g.arrivals()
		for i := range seen[1:] {
			gaps = append(gaps, seen[i+1].at.Sub(seen[i].at))
		}
		want := []time.Duration{
			0,                                     // at once after the sign-in
			0,                                     // at once after an event
			10*time.Second + 200*time.Millisecond, // a rest after an empty answer
			10*time.Second + 200*time.Millisecond,
			2*time.Second + 200*time.Millisecond, // and after a failure
		}
		if diff := cmp.Diff(want, gaps); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEvents(t *testing.T) {
	at := time.UnixMilli(1784529722590)
	tests := map[string]struct {
		event string // value of the key; "" = no key
		want  []session.Event
	}{
		"no key":       {"", nil},
		"null":         {"null", nil},
		"empty text":   {`""`, nil},
		"empty object": {"{}", nil},
		"empty array":  {"[ ]", nil},
		"one": {`{"eventType":"AgentOther_InService","eventGenTime":1784529722590,"workNo":"291","content":null}`, []session.Event{
			{Type: "AgentOther_InService", Time: at, Data: []byte(`{"eventType":"AgentOther_InService","eventGenTime":1784529722590,"workNo":"291","content":null}`)}}},
		"text content": {`{"eventType":"AgentEvent_Call_Release","content":"call-1", "extra" : 1}`, []session.Event{
			{Type: "AgentEvent_Call_Release", Data: []byte(`{"eventType":"AgentEvent_Call_Release","content":"call-1", "extra" : 1}`)}}},
		"array": {`[{"eventType":"A","eventGenTime":"1784529722590"},null,{"eventType":"B"}]`, []session.Event{
			{Type: "A", Time: at, Data: []byte(`{"eventType":"A","eventGenTime":"1784529722590"}`)},
			{Type: "B", Data: []byte(`{"eventType":"B"}`)}}},
		"no type":      {`{"content":1}`, []session.Event{{Type: "unknown", Data: []byte(`{"content":1}`)}}},
		"numeric type": {`{"eventType":5}`, []session.Event{{Type: "5", Data: []byte(`{"eventType":5}`)}}},
		"bare text":    {`"AgentState_Ready"`, []session.Event{{Type: "unknown", Data: []byte(`"AgentState_Ready"`)}}},
		"odd time":     {`{"eventType":"A","eventGenTime":-1}`, []session.Event{{Type: "A", Data: []byte(`{"eventType":"A","eventGenTime":-1}`)}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := `{"message":"","retcode":0}`
				if tt.event != "" {
					body = `{"message":"","retcode":"0","event":` + tt.event + `}`
				}
				p, _ := play(t, welcomed+"> GET agentevent/291"+with1+"\n"+body)
				got, err := sessiontest.Next(t.Context(), enter(t, p, account(t, nil)))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got.Events); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// What a failed poll means. None of them may end a session that may live.
func TestPollFaults(t *testing.T) {
	tests := map[string]struct {
		answer string
		kind   session.Kind
		cause  session.Cause
		code   string
	}{
		"not signed in":     {`{"message":"` + leaky + `","retcode":"100-006"}`, session.Lost, 0, "100-006"},
		"signed out":        {`{"retcode":"100-008"}`, session.Lost, 0, "100-008"},
		"not in cache":      {`{"retcode":"105-001"}`, session.Lost, 0, "105-001"},
		"recovery too late": {`{"retcode":"105-005"}`, session.Lost, 0, "105-005"},
		"DR Guid":           {`{"retcode":"105-006"}`, session.Lost, 0, "105-006"},
		"DR off":            {`{"retcode":"105-007"}`, session.Lost, 0, "105-007"},
		"switch-over":       {`{"retcode":"000-004"}`, session.Outage, 0, "000-004"},
		"recovery":          {`{"retcode":"105-002"}`, session.Outage, 0, "105-002"},
		"exception":         {`{"retcode":"100-007"}`, session.Outage, session.CauseAnswered, "100-007"},
		"wrong password":    {`{"retcode":"100-004"}`, session.Outage, session.CauseAnswered, "100-004"},
		"unknown":           {`{"retcode":"123-456"}`, session.Outage, session.CauseAnswered, "123-456"},
		"HTML":              {`<html>` + leaky, session.Outage, session.CauseAnswered, code.Unreadable},
		"empty":             {``, session.Outage, session.CauseAnswered, code.Unreadable},
		"401":               {"< 401\n" + leaky, session.Outage, session.CauseAnswered, "http 401"},
		"403":               {"< 403", session.Outage, session.CauseAnswered, "http 403"},
		"404":               {"< 404", session.Outage, session.CauseAnswered, "http 404"},
		"500":               {"< 500", session.Outage, 0, "http 500"},
		"502":               {"< 502", session.Outage, 0, "http 502"},
		"503":               {"< 503\n< Retry-After: 600", session.Outage, session.CauseThrottled, "http 503"},
		"reset":             {"< wait 2s\n< reset", session.Outage, 0, "closed"},
		"silence":           {"< wait 30s", session.Outage, 0, "timeout"},
		"10 MB":             {strings.Repeat("x", 10<<20), session.Outage, 0, "too large"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, welcomed+"> GET agentevent/291"+with1+"\n"+tt.answer)
				begin := time.Now()
				_, err := sessiontest.Next(t.Context(), enter(t, p, account(t, nil)))
				f := fault(t, err)
				if f.Kind != tt.kind || f.Cause != tt.cause || f.Code != tt.code || f.After != 0 {
					t.Errorf("got %+v", f)
				}
				if took := time.Since(begin); took > 20*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// The key in an answer counts, whatever else the answer says; it is in Key
// before Next returns, and in the next request.
func TestEveryAnswerMayReplaceTheKey(t *testing.T) {
	for name, tt := range map[string]struct {
		answer string
		kind   session.Kind
	}{
		"empty":   {`{"retcode":"0"}`, session.OK},
		"event":   {`{"retcode":"0","event":{"eventType":"A"}}`, session.OK},
		"failure": {`{"retcode":"100-007"}`, session.Outage},
		"HTML":    {`<html>`, session.Outage},
		"502":     {"< 502", session.Outage},
		"race":    {`{"retcode":"100-006"}`, session.Outage},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, welcomed+"> GET agentevent/291"+with1+`
					< Set-GUID: JSESSIONID=`+guid2+`
					< Set-Cookie: huaweielbsession=; Max-Age=0
					< Set-Cookie: other=1
					`+tt.answer+"\n> GET agentevent/291 guid="+guid2+" cookie=other=1"+quiet)
				s := enter(t, p, account(t, nil))
				before := s.Key()
				if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != tt.kind {
					t.Errorf("got %v", err)
				}
				after := s.Key()
				if before == after || !strings.Contains(after.Reveal(), guid2) {
					t.Error("the key did not change")
				}
				if h := s.Info().Credential.Header; h.Get("Guid") != guid2 || h.Get("Cookie") != "other=1" {
					t.Errorf("credential %v", h)
				}
				if _, err := sessiontest.Next(t.Context(), s); err != nil {
					t.Error(err)
				}
				if s.Key() != after {
					t.Error("the key changed without a reason")
				}
			})
		})
	}
}

// "Not signed in" under a Guid that has just been replaced says nothing; it is
// believed when it goes on.
func TestRaceWithTheGuid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, g := play(t, welcomed+`
			> GET agentevent/291`+with1+`
			< Set-GUID: JSESSIONID=g2
			{"retcode":"100-006"}
			> GET agentevent/291 guid=g2 cookie=huaweielbsession=`+elb+`
			< Set-GUID: JSESSIONID=g3
			{"retcode":"000-003"}
			> GET agentevent/291 guid=g3 cookie=huaweielbsession=`+elb+`
			< Set-GUID: JSESSIONID=g4
			{"retcode":"100-006"}
		`)
		s := enter(t, p, account(t, nil))
		for i, want := range []session.Kind{session.Outage, session.Outage, session.Lost} {
			if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != want {
				t.Fatalf("poll %d: %v, want %v", i, err, want)
			}
		}
		seen := g.arrivals()
		if took := seen[3].at.Sub(seen[0].at); took != 0 {
			t.Errorf("rested %v though a new Guid was there", took)
		}
	})
}

// "No permission" is asked about once more before it is believed.
func TestNoPermission(t *testing.T) {
	poll := "> GET agentevent/291" + with1 + "\n"
	for name, tt := range map[string]struct {
		script string
		kind   session.Kind
	}{
		"twice": {poll + `{"retcode":"000-003"}` + "\n" + poll + `{"retcode":"000-003"}`, session.Lost},
		"once":  {poll + `{"retcode":"000-003"}` + "\n" + poll + quiet, session.OK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, welcomed+tt.script)
				s := enter(t, p, account(t, nil))
				if _, err := sessiontest.Next(t.Context(), s); session.KindOf(err) != tt.kind {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestShutdownService(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		kind    session.Kind
	}{
		"this session":   {`{"loginTime":"946684800000"}`, session.Lost},
		"as a number":    {`{"loginTime":946684800000}`, session.Lost},
		"an earlier one": {`{"loginTime":"946684700000"}`, session.OK},
		"untold":         {`null`, session.OK},
		"bare text":      {`"bye"`, session.OK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, welcomed+"> GET agentevent/291"+with1+"\n"+
					`{"retcode":"0","event":{"eventType":"AgentOther_ShutdownService","content":`+tt.content+`}}`)
				b, err := sessiontest.Next(t.Context(), enter(t, p, account(t, nil)))
				if session.KindOf(err) != tt.kind || len(b.Events) != 1 {
					t.Errorf("%d events, %v", len(b.Events), err)
				}
			})
		})
	}
}

func TestInterruptedPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		poll := "> GET agentevent/291" + with1 + "\n"
		p, g := play(t, welcomed+poll+"< wait 10s"+quiet+poll+quiet+poll+quiet)
		s := enter(t, p, account(t, nil))
		within := func(d time.Duration) error {
			ctx, cancel := context.WithCancel(t.Context())
			timer := time.AfterFunc(d, cancel)
			defer timer.Stop()
			_, err := sessiontest.Next(ctx, s)
			cancel()
			return err
		}
		if err := within(4 * time.Second); !errors.Is(err, context.Canceled) {
			t.Fatalf("in flight: %v", err)
		}
		if err := within(time.Minute); err != nil {
			t.Fatalf("the session is not usable: %v", err)
		}
		if err := within(100 * time.Millisecond); !errors.Is(err, context.Canceled) {
			t.Fatalf("in the rest: %v", err)
		}
		if n := len(g.arrivals()); n != 3 {
			t.Errorf("%d requests: one was sent though the rest was cut", n)
		}
		if err := within(time.Minute); err != nil {
			t.Fatal(err)
		}
	})
}

func TestInfo(t *testing.T) {
	day := 24 * time.Hour
	for name, tt := range map[string]struct {
		result  string
		codes   []string
		expires time.Duration // from the sign-in; 0 = never
	}{
		"healthy":       {`{"mediatype":"TTF","isForceChange":"false","timeRemaining":""}`, nil, 0},
		"long":          {`{"mediatype":"TTT","timeRemaining":"180"}`, nil, 180 * day},
		"soon":          {`{"timeRemaining":3}`, []string{"password_expires_soon"}, 3 * day},
		"forced change": {`{"isForceChange":"true"}`, []string{"password_change_required"}, 0},
		"as a boolean":  {`{"isForceChange":true}`, []string{"password_change_required"}, 0},
		"no voice":      {`{"mediatype":"FTF"}`, []string{"voice_unavailable"}, 0},
		"no result":     {`""`, nil, 0},
		"odd":           {`{"timeRemaining":"soon","mediatype":[]}`, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := play(t, "> PUT onlineagent/291\n< Set-GUID: JSESSIONID="+guid1+"\n"+`{"retcode":"0","result":`+tt.result+`}`)
				now := time.Now()
				info := enter(t, p, account(t, nil)).Info()
				var codes []string
				for _, w := range info.Warnings {
					codes = append(codes, w.Code)
					if w.Text == "" || w.Action == "" {
						t.Errorf("%+v", w)
					}
				}
				if diff := cmp.Diff(tt.codes, codes); diff != "" {
					t.Error(diff)
				}
				if want := now.Add(tt.expires); (tt.expires == 0) != info.PasswordExpires.IsZero() || (tt.expires > 0 && !info.PasswordExpires.Equal(want)) {
					t.Errorf("expires %v, want %v", info.PasswordExpires, want)
				}
				c := info.Credential
				if c.Header.Get("Guid") != guid1 || c.Header.Get("Cookie") != "" || !c.IssuedAt.Equal(now) || !c.ExpiresAt.IsZero() {
					t.Errorf("%+v", c)
				}
			})
		})
	}
}

// An answer as large as the limit arrives; the place of what is above it is
// marked, and the session lives on.
func TestLargeAnswers(t *testing.T) {
	const around = len(`{"retcode":"0","event":{"eventType":"A","content":""}}`)
	for name, tt := range map[string]struct {
		size int
		lost session.Missing
	}{"at the limit": {session.MessageLimit - around, session.MissingNone}, "one byte above": {session.MessageLimit - around + 1, session.MissingTooLarge}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				event := `{"eventType":"A","content":"` + strings.Repeat("x", tt.size) + `"}`
				p, _ := play(t, welcomed+"> GET agentevent/291"+with1+"\n"+`{"retcode":"0","event":`+event+`}`)
				got, err := sessiontest.Next(t.Context(), enter(t, p, account(t, nil)))
				whole := tt.lost == session.MissingNone
				if got.Missing != tt.lost || (err == nil) != whole || (len(got.Events) == 1) != whole {
					t.Fatalf("%d events, missing %q, %v", len(got.Events), got.Missing, err)
				}
				if whole && len(got.Events[0].Data) != len(event) {
					t.Errorf("the event has %d of %d bytes", len(got.Events[0].Data), len(event))
				}
			})
		})
	}
}
