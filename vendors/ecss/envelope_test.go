package ecss

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
)

// positions is every place where the text of a failure may plausibly stand.
var positions = map[string]string{
	"payload":                 `{"action":"login","requestId":1,"status":401,"payload":%s}`,
	"payload.message":         `{"action":"login","requestId":1,"status":401,"payload":{"message":%s}}`,
	"payload.error":           `{"action":"login","requestId":1,"status":401,"payload":{"code":2,"error":%s}}`,
	"payload.text":            `{"action":"login","requestId":1,"status":401,"payload":{"text":%s}}`,
	"payload.error.message":   `{"action":"login","requestId":1,"status":401,"payload":{"error":{"code":1,"message":%s}}}`,
	"payload.data.reason":     `{"action":"login","requestId":1,"status":401,"payload":{"data":{"reason":%s}}}`,
	"payload, list":           `{"action":"login","requestId":1,"status":401,"payload":[{"message":%s}]}`,
	"message":                 `{"action":"login","requestId":1,"status":401,"message":%s}`,
	"error":                   `{"action":"login","requestId":1,"status":"401","payload":null,"error":%s}`,
	"error.message":           `{"action":"login","requestId":1,"status":401,"payload":{},"error":{"message":%s}}`,
	"behind an unknown text":  `{"action":"login","requestId":1,"status":401,"payload":{"message":"failed"},"error":%s}`,
	"under another status":    `{"action":"login","requestId":1,"status":500,"payload":{"message":%s}}`,
	"without any status":      `{"action":"login","requestId":1,"payload":{"message":%s}}`,
	"payload.message, deeper": `{"status":401,"payload":{"response":{"message":%s}}}`,
}

func TestEveryTextAtEveryPosition(t *testing.T) {
	want := map[string]struct {
		kind  session.Kind
		cause session.Cause
	}{
		"Requested number is occupied":                   {session.Taken, session.CauseNone},
		"Requested number is not exist":                  {session.Refused, session.CauseSetting},
		"Invalid login or password":                      {session.Refused, session.CauseCredential},
		"Service is not activated for this phone number": {session.Refused, session.CauseSetting},
		"System error. Abonent manager is unavailable":   {session.Outage, session.CauseNone},
		"Gateway timeout":                                {session.Outage, session.CauseNone},
		"timeout":                                        {session.Outage, session.CauseAnswered},
		"domain not exists":                              {session.Refused, session.CauseSetting},
	}
	if len(want) != len(texts) {
		t.Fatalf("the table has %d texts, want %d", len(texts), len(want))
	}
	for text, w := range want {
		for position, format := range positions {
			for _, written := range []string{text, " " + text + "\n", strings.ToUpper(text), text + "."} {
				f := judge(t, fmt.Sprintf(format, encoded(written)))
				if f == nil || f.Kind != w.kind || f.Cause != w.cause || f.Action == "" || !strings.HasPrefix(f.Code, "401 ") {
					t.Errorf("%q in %s: got %+v", written, position, f)
				}
				if taken := w.kind == session.Taken; taken != (f.After == 15*time.Second) {
					t.Errorf("%q: after %s", written, f.After)
				}
			}
		}
	}
}

func encoded(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}

// judge returns what a login answered with frame comes to, nil for success.
func judge(t *testing.T, frame string) *session.Fault {
	t.Helper()
	e, ok := open([]byte(frame))
	if !ok {
		t.Fatalf("%s is no frame", frame)
	}
	_, fault := granted(e, &settings{takenRetry: 15 * time.Second}, "hunter2")
	return fault
}

// Known texts count inside longer ones and translated, where the frame refuses.
func TestTextsInOtherWords(t *testing.T) {
	for frame, want := range map[string]string{
		`{"status":401,"payload":"Error: Invalid login or password (cc/arm/login)"}`:                      "401 credentials",
		`{"status":403,"payload":"Error: Gateway timeout."}`:                                              "401 gateway-timeout",
		`{"status":401,"payload":"Error: timeout"}`:                                                       "401 timeout",
		`{"event":"exception","data":{"status":"error","message":"Error: Requested number is occupied"}}`: "401 occupied",
		`{"status":401,"payload":"Неверный логин или пароль"}`:                                            "401 credentials",
		`{"status":401,"payload":{"message":"Запрошенный номер занят"}}`:                                  "401 occupied",
		`{"status":401,"payload":"Запрошенный номер не существует"}`:                                      "401 no-number",
		`{"status":401,"payload":"Услуга не активирована для этого номера телефона"}`:                     "401 not-activated",
		`{"status":401,"payload":"Системная ошибка. Менеджер абонентов недоступен"}`:                      "401 system",
		`{"status":401,"payload":"Превышено время ожидания шлюза"}`:                                       "401 gateway-timeout",
		`{"status":401,"payload":"превышено время ожидания"}`:                                             "401 timeout",
		`{"status":401,"payload":"домен не существует"}`:                                                  "401 no-domain",
	} {
		if f := judge(t, frame); f == nil || f.Code != want {
			t.Errorf("%s: got %v, want %s", frame, f, want)
		}
	}
}

func TestWhatTheTableDoesNotKnowIsNoRefusal(t *testing.T) {
	tests := map[string]struct {
		code string
		kind session.Kind
		text string // part of the fault's
	}{
		`{"status":401,"payload":"Agent is locked"}`:                                  {"401", session.Outage, "Agent is locked"},
		`{"status":401,"payload":"hunter2 is not the password"}`:                      {"401", session.Outage, "*** is not the password"},
		`{"status":401,"payload":{"message":"` + strings.Repeat("long ", 100) + `"}}`: {"401", session.Outage, "…"},
		`{"status":401}`: {"401", session.Outage, "does not document"},
		`{"status":"401","payload":{"login":"Invalid login or password"}}`: {"401", session.Outage, "does not document"},
		`{"status":500,"payload":"Invalid login or password, maybe"}`:      {"500", session.Outage, "maybe"},
		`{"event":"exception","data":{"message":"odd"}}`:                   {"exception", session.Outage, "odd"},
		`{"status":403,"payload":null}`:                                    {"403", session.Outage, "403"},
		`{"status":500,"payload":{"code":5,"message":"not allowed"}}`:      {"500 5", session.Outage, "not allowed"},
		`{"status":500,"payload":{"code":"x y","message":"odd"}}`:          {"500", session.Outage, "odd"},
		`{"status":302,"payload":{"token":"t"}}`:                           {"302", session.Outage, "302"},
		`{"status":{"a":1},"payload":{"x":1}}`:                             {code.Unreadable, session.Doubt, ""},
		`{"status":-5}`:                                                    {code.Unreadable, session.Doubt, ""},
		`{"payload":"hello"}`:                                              {code.Unreadable, session.Doubt, ""},
	}
	for frame, want := range tests {
		f := judge(t, frame)
		if f == nil || f.Kind != want.kind || f.Code != want.code || !strings.Contains(f.Error(), want.text) {
			t.Errorf("%.80s: got %+v", frame, f)
			continue
		}
		if f.Kind == session.Outage && f.Cause != session.CauseAnswered {
			t.Errorf("%.80s: cause %s", frame, f.Cause)
		}
		if strings.Contains(f.Error(), "hunter2") || len(f.Text) > 400 {
			t.Errorf("%.80s: says %s", frame, f)
		}
	}
}

func TestGrants(t *testing.T) {
	minute := time.Minute
	tests := map[string]grant{
		`{"status":200,"payload":{"token":"T","agentId":"1","autoLogoutTimeout":5}}`:                                                {"T", "1", 5 * minute},
		`{"status":"200","payload":{"token":"T","agentId":1,"autoLogoutTimeout":"2.5"}}`:                                            {"T", "1", 150 * time.Second},
		`{"status":200.0,"payload":{"token":"T","autoLogoutTimeout":null,"supervisor":"true","capabilities":{"a":[]},"new":false}}`: {"T", "", 0},
		`{"status":200,"payload":{}}`:                                       {},
		`{"status":200,"payload":"fine"}`:                                   {},
		`{"status":200,"payload":{"token":["T"],"agentId":{}}}`:             {},
		`{"status":201,"token":"T","agentId":"1","autoLogoutTimeout":0.25}`: {"T", "1", 15 * time.Second},
		`{"token":"T"}`: {token: "T"},
		`{"status":200,"payload":{"token":"T","message":"Gateway timeout"}}`: {token: "T"},
	}
	for frame, want := range tests {
		e, _ := open([]byte(frame))
		g, fault := granted(e, &settings{})
		if diff := cmp.Diff(want, g, cmp.AllowUnexported(grant{})); diff != "" || fault != nil {
			t.Errorf("%s: %v\n%s", frame, fault, diff)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	tests := map[string]struct {
		id  uint64
		has bool
	}{
		`7`: {7, true}, `"7"`: {7, true}, `7.0`: {7, true}, `" 7 "`: {7, true}, `0`: {0, true},
		`null`: {}, `-1`: {}, `7.5`: {}, `"x"`: {}, `{}`: {}, `[7]`: {}, `true`: {}, `1e300`: {}, `"NaN"`: {}, `"Inf"`: {},
	}
	for text, want := range tests {
		e, ok := open([]byte(`{"requestId":` + text + `}`))
		if !ok || e.id != want.id || e.hasID != want.has {
			t.Errorf("%s: got %d, %t", text, e.id, e.hasID)
		}
	}
}

// Every text that the vendor documents has a code of its own, and every code says what
// it means.
func TestCodesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range texts {
		if line, known := codes.Lines[f.code]; seen[f.code] || !known || line.Action == "" {
			t.Errorf("%s: twice, unknown or without an action", f.code)
		}
		seen[f.code] = true
	}
	for _, translated := range translations {
		if !seen[translated.code] {
			t.Errorf("%v: no code of a documented failure: %s", translated.words, translated.code)
		}
	}
	for name, line := range codes.Lines {
		if line.Text == "" {
			t.Errorf("%s: nothing to tell", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for _, format := range positions {
		f.Add(fmt.Appendf(nil, format, `"Gateway timeout"`))
	}
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `"x"`, `{"action":"call/subscribe","requestId":2,"payload":[{"id":"1"}],"status":200}`,
		`{"status":1e999,"requestId":-0}`, `{"payload":{"token":"T","autoLogoutTimeout":"1e300"},"status":200}`,
		`{"action":"\ud800/*>","payload":{"message":{"message":{"message":{"message":{"message":"deep"}}}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, ok := open(data)
		if !ok {
			return
		}
		if kind := e.eventType(); kind == "" || utf8.RuneCountInString(kind) > 201 || strings.ContainsAny(kind, "\t\r\n\x00") {
			t.Errorf("event type %q", kind)
		}
		g, fault := granted(e, &settings{takenRetry: time.Second}, "hunter2hunter2")
		switch {
		case fault == nil && !e.good() && g.token == "":
			t.Error("a login without a success or a token")
		case fault != nil && strings.Contains(fault.Error(), "hunter2hunter2"):
			t.Error("the fault shows the password")
		case g.autoLogout < 0:
			t.Errorf("auto logout after %s", g.autoLogout)
		}
		if fault != nil {
			if _, _, ok := codes.Explain(fault.Code); !ok {
				t.Errorf("code %q is not explained", fault.Code)
			}
		}
		if fault != nil && fault.Kind == session.Refused && e.failure() == "" {
			t.Error("a refusal that the table does not know")
		}
	})
}
