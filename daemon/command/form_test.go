package command

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecode(t *testing.T) {
	for text, want := range map[string]Request{
		`{"action":"call/accept","payload":{"callId":"77"},"timeout":"10s","reason":"bot 7 takes the call","id":"b7-000123"}`: {
			Action: "call/accept", Payload: json.RawMessage(`{"callId":"77"}`), Timeout: 10 * time.Second, Reason: "bot 7 takes the call", ID: "b7-000123",
		},
		`{"method":"POST","path":"onlineagent/291/saybusy?reason=200","reason":"model reload"}`: {
			Method: "POST", Path: "onlineagent/291/saybusy?reason=200", Reason: "model reload",
		},
		`{"method":"PUT","path":"/voicecall/291/callout","body":{"called":"7"},"reason":"x"}`: {
			Method: "PUT", Path: "/voicecall/291/callout", Body: json.RawMessage(`{"called":"7"}`), Reason: "x",
		},
		` {"do":"busy","code":"200","reason":"model reload"} `:            {Do: "busy", Code: "200", Reason: "model reload"},
		`{"do":"rest","for":"30m","reason":"x"}`:                          {Do: "rest", For: 30 * time.Minute, Reason: "x"},
		`{"do":"ready","code":null,"payload":null,"id":"","reason":"да"}`: {Do: "ready", Reason: "да"},
	} {
		got, err := Decode([]byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

// Everything that is not plainly one command is refused, with what to write.
func TestDecodeRefuses(t *testing.T) {
	long := strings.Repeat("я", ReasonLimit)
	if _, err := Decode([]byte(`{"do":"busy","reason":"` + long + `"}`)); err != nil {
		t.Errorf("the longest reason: %v", err)
	}
	if _, err := Decode([]byte(`{"do":"busy","reason":"x","id":"` + long[:2*IDLimit] + `","timeout":"60s"}`)); err != nil {
		t.Errorf("the longest id and time-out: %v", err)
	}
	for text, want := range map[string]string{
		``:                                      "no JSON object",
		`[]`:                                    "no JSON object",
		`"x"`:                                   "no JSON object",
		`{"do":"busy","reason":"x"`:             "no JSON: ",
		`{"do":"busy","reason":"x",}`:           "no JSON: ",
		`{"do":busy}`:                           "no JSON: ",
		"{\"do\":\"busy\",\"reason\":\"\xff\"}": "not UTF-8",
		`{"do":"busy","reason":"x"}{}`:          "behind the request's JSON object",
		`{"do":"busy","do":"busy"}`:             "do twice",
		`{"Do":"busy","reason":"x"}`:            `unknown field "Do"; known are action,`,
		`{"do":"busy","resaon":"x"}`:            `unknown field "resaon"; known are`,
		`{"reason":"x"}`:                        "exactly one of action",
		`{"action":"call/accept","do":"busy","reason":"x"}`: "exactly one of action",
		`{"action":"call/accept","path":"x","reason":"x"}`:  "exactly one of action",
		`{"do":"busy"}`:                          "reason is missing",
		`{"do":"busy","reason":"  "}`:            "reason is missing",
		`{"do":"busy","reason":"` + long + `я"}`: "more than 256 characters",
		`{"do":"busy","reason":"x","id":"` + strings.Repeat("1", 65) + `"}`:   "id has more than 64",
		`{"do":"busy","reason":"x","code":"` + strings.Repeat("1", 65) + `"}`: "code has more than 64",
		`{"do":"busy","reason":"x","code":200}`:                               "code is no text",
		`{"do":"busy","reason":"x","timeout":"61s"}`:                          "not between",
		`{"do":"busy","reason":"x","timeout":"0s"}`:                           "timeout is no duration above 0",
		`{"do":"busy","reason":"x","timeout":10}`:                             "timeout is no text",
		`{"do":"busy","reason":"x","for":"1h"}`:                               "for goes with rest",
		`{"do":"answer","reason":"x","code":"1"}`:                             "code goes with busy",
		`{"do":"dance","reason":"x"}`:                                         "do is none of ready",
		`{"do":"busy","payload":{},"reason":"x"}`:                             "payload goes with action",
		`{"do":"busy","body":{},"reason":"x"}`:                                "body goes with method",
		`{"action":"call/accept","payload":[],"reason":"x"}`:                  "payload is no JSON object",
		`{"action":"call/accept","payload":"{}","reason":"x"}`:                "payload is no JSON object",
		`{"action":"call/accept","code":"1","reason":"x"}`:                    "code and for go with do",
		`{"method":"POST","reason":"x"}`:                                      "go together",
		`{"path":"a/b","reason":"x"}`:                                         "go together",
		`{"method":"post","path":"a","reason":"x"}`:                           "method is none",
		`{"method":"CONNECT","path":"a","reason":"x"}`:                        "method is none",
		`{"method":"GET","path":"https://10.0.0.5/a","reason":"x"}`:           "path is an address",
		`{"method":"GET","path":"//10.0.0.5/a","reason":"x"}`:                 "path is an address",
	} {
		if _, err := Decode([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestReply(t *testing.T) {
	got, err := json.Marshal(Reply{Result: Refuse(403, "not allowed"), HTTP: 403})
	if want := `{"outcome":"refused","error":"not allowed","http":403}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"do":"busy","code":"200","reason":"model reload"}`))
	f.Add([]byte(`{"action":"call/accept","payload":{"callId":"77"},"reason":"x"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := Decode(body)
		if err == nil && r.Check() != nil {
			t.Error("a request that was taken is not good")
		}
	})
}
