package ecss

import (
	"encoding/json"
	"testing"
)

// FuzzDecode holds that whatever a client sends has an answer in JSON, by every
// reading of the requestId.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"action":"login","requestId":16,"payload":{"login":"1","password":"p","number":"401","profile":"default"}}`,
		`{"action":"call/subscribe","requestId":1e999,"payload":{"operatorIds":["1"]}}`,
		`{"action":"call/accept","requestId":-0.5,"payload":{"callId":"c"}}`,
		`{"action":"x","requestId":null,"payload":null}`, `[1]`, ``, `{`, `"x"`, ` {"action":"a","requestId": 1 ,"payload":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := decode(data)
		if err == nil && (req.Action == "" || !json.Valid(req.ID) || !json.Valid(req.Payload)) {
			t.Fatalf("accepted %q as %+v", data, req)
		}
		for _, choice := range []string{"echo", "other", "absent", "text"} {
			w := Switches{RequestID: choice, StringBooleans: true, ExtraKeys: true, StringStatus: true, ErrorAt: "payload.error"}
			if frame := w.encode(w.answer(req, failed("x"))); !json.Valid(frame) {
				t.Fatalf("%s: answer %q", choice, frame)
			}
		}
	})
}

// FuzzLogin holds that a login's payload is read or refused, in either form of
// the POST.
func FuzzLogin(f *testing.F) {
	for _, seed := range []string{
		`{"login":"1","password":"p","number":"401","profile":"default","domain":"d","role":"operator"}`,
		`{"action":"login","requestId":1,"payload":{"login":"1"}}`, `{"login":1}`, `{"operatorIds":["a",2]}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if who, err := parseCredentials(data); err == nil && !json.Valid(data) {
			t.Fatalf("accepted %q as %+v", data, who)
		}
		if req, err := decodePost(data); err == nil && req.Action != actionLogin {
			t.Fatalf("accepted %q as %+v", data, req)
		}
		if _, ok := operatorIDs(data); ok && !json.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
	})
}
